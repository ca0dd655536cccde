//! What the columns of a table hold.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use instructue_schema::ColumnType;
use instructue_schema::limits::texts;
use instructue_store::{declared_type, each_batch, open_parquet};

use crate::error::Result;
use crate::tables::Table;

/// Rows of a table that are looked at.
const ROWS: usize = 3_000_000;
/// Distinct values of a column that are told apart.
const DISTINCT: usize = 300_000;
/// Values of a column of few values that are counted.
const COUNTED: usize = 64;

/// A table that was looked at.
#[derive(Debug)]
pub(crate) struct Looked {
    pub table: Table,
    pub columns: Vec<Column>,
    /// Columns whose names no schema takes.
    pub unnamed: BTreeSet<String>,
}

/// A column that was looked at.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: String,
    /// The type to declare; `None` for one that no schema takes.
    pub ty: Option<ColumnType>,
    /// The length of vectors.
    pub width: usize,
    /// Rows looked at, and those without a value.
    pub seen: u64,
    pub missing: u64,
    values: HashSet<u64>,
    /// Rows with a value until the distinct values became too many to be told apart.
    told: u64,
    full: bool,
    /// Least and greatest of numbers; of times in seconds.
    pub range: Option<(f64, f64)>,
    /// Texts: characters, those that read as times, those with a digit and no space, and lists.
    characters: u64,
    times: u64,
    opaque: u64,
    lists: u64,
    /// The counts of each value, where there are few.
    pub counts: Option<BTreeMap<String, u64>>,
}

impl Looked {
    /// Reads a table.
    pub fn read(table: Table) -> Result<Self> {
        let mut left = ROWS;
        let mut unnamed = BTreeSet::new();
        let mut columns: Vec<Column> = Vec::new();
        for part in &table.parts {
            let builder = open_parquet(part)?;
            let known: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            for field in builder.schema().fields() {
                let named = texts::column("column", field.name()).is_ok();
                if !named {
                    unnamed.insert(field.name().clone());
                } else if !known.contains(field.name()) {
                    columns.push(Column::new(field.name(), field.data_type()));
                }
            }
            if left == 0 {
                continue;
            }
            let reader = builder.with_limit(left).build();
            let reader = reader.map_err(|error| crate::Error::Nothing {
                place: part.clone(),
                expected: "a Parquet file".into(),
                found: error.to_string(),
            })?;
            each_batch(part, reader, |batch| {
                left -= batch.num_rows();
                for column in &mut columns {
                    if let Some(values) = batch.column_by_name(&column.name) {
                        column.look(values);
                    }
                }
            })?;
        }
        Ok(Self {
            table,
            columns,
            unnamed,
        })
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Column {
    fn new(name: &str, ty: &DataType) -> Self {
        Self {
            name: name.into(),
            ty: declared_type(ty),
            width: 0,
            seen: 0,
            missing: 0,
            values: HashSet::new(),
            told: 0,
            full: false,
            range: None,
            characters: 0,
            times: 0,
            opaque: 0,
            lists: 0,
            counts: Some(BTreeMap::new()),
        }
    }

    fn look(&mut self, values: &ArrayRef) {
        self.seen += values.len() as u64;
        self.missing += values.logical_null_count() as u64;
        let as_type = |ty: DataType| cast(values, &ty).ok();
        match self.ty {
            Some(ColumnType::Int) => {
                let Some(values) = as_type(DataType::Int64) else {
                    return;
                };
                for value in values.as_primitive::<Int64Type>().iter().flatten() {
                    self.number(value as f64);
                    self.value(&value, || value.to_string());
                }
            }
            Some(ColumnType::Float) => {
                let Some(values) = as_type(DataType::Float64) else {
                    return;
                };
                for value in values.as_primitive::<Float64Type>().iter().flatten() {
                    match value.is_nan() {
                        true => self.missing += 1,
                        false => {
                            self.number(value);
                            self.value(&value.to_bits(), || value.to_string());
                        }
                    }
                }
            }
            Some(ColumnType::Bool) => {
                for value in values.as_boolean_opt().into_iter().flatten().flatten() {
                    self.value(&value, || value.to_string());
                }
            }
            Some(ColumnType::Timestamp) => {
                let seconds = as_type(DataType::Timestamp(TimeUnit::Second, None));
                let Some(values) = seconds.and_then(|v| cast(&v, &DataType::Int64).ok()) else {
                    return;
                };
                for value in values.as_primitive::<Int64Type>().iter().flatten() {
                    self.number(value as f64);
                    self.value(&value, || value.to_string());
                }
            }
            Some(ColumnType::Text) => {
                let Some(values) = as_type(DataType::Utf8) else {
                    return;
                };
                for value in values.as_string::<i32>().iter().flatten() {
                    self.text(value);
                }
            }
            Some(ColumnType::Vector) => {
                let lists = match values.data_type() {
                    DataType::FixedSizeList(_, width) => Some(*width as usize),
                    DataType::List(_) => values.as_list_opt::<i32>().and_then(|lists| {
                        (!lists.is_empty()).then(|| lists.value_length(0) as usize)
                    }),
                    _ => None,
                };
                self.width = self.width.max(lists.unwrap_or(0));
            }
            None => {}
        }
    }

    fn text(&mut self, value: &str) {
        self.characters += value.chars().count() as u64;
        self.times += u64::from(looks_like_time(value));
        let digits = value.bytes().any(|byte| byte.is_ascii_digit());
        self.opaque += u64::from(digits && !value.contains(' '));
        self.lists += u64::from(value.contains(", ") || value.contains('|'));
        self.value(value, || value.into());
    }

    fn number(&mut self, value: f64) {
        let (least, greatest) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), greatest.max(value)));
    }

    fn value(&mut self, value: &(impl Hash + ?Sized), text: impl FnOnce() -> String) {
        if let Some(counts) = &mut self.counts {
            *counts.entry(text()).or_default() += 1;
            if counts.len() > COUNTED {
                self.counts = None;
            }
        }
        if self.full {
            return;
        }
        self.told += 1;
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        self.values.insert(hasher.finish());
        self.full = self.values.len() >= DISTINCT;
    }

    /// Distinct values, at least.
    pub fn distinct(&self) -> usize {
        self.values.len()
    }

    /// Rows of each value, in the mean.
    pub fn repeats(&self) -> f64 {
        self.told as f64 / self.values.len().max(1) as f64
    }

    /// Whether no value comes twice, and none is missing.
    pub fn is_unique(&self) -> bool {
        self.missing == 0 && self.told > 0 && self.told == self.values.len() as u64
    }

    /// The share of this column's values that the other one has, too.
    pub fn share_in(&self, other: &Self) -> f64 {
        if self.ty != other.ty || self.values.is_empty() {
            return 0.0;
        }
        let sample = self.values.iter().take(20_000);
        let (mut all, mut shared) = (0, 0);
        for value in sample {
            all += 1;
            shared += usize::from(other.values.contains(value));
        }
        shared as f64 / f64::from(all)
    }

    /// Characters of a text, in the mean.
    pub fn length(&self) -> f64 {
        self.characters as f64 / (self.seen - self.missing).max(1) as f64
    }

    /// Whether nearly all texts read as times.
    pub fn is_time_text(&self) -> bool {
        let values = self.seen - self.missing;
        values > 0 && self.times as f64 >= 0.99 * values as f64
    }

    /// Whether many texts are lists of several values.
    pub fn is_list(&self) -> bool {
        self.lists as f64 >= 0.3 * (self.seen - self.missing).max(1) as f64
    }

    /// Whether nearly all texts are codes: a digit within, and no space.
    pub fn is_opaque(&self) -> bool {
        let values = self.seen - self.missing;
        values > 0 && self.opaque as f64 >= 0.95 * values as f64
    }
}

/// Whether a text begins as an ISO 8601 date does.
fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    digits(0..4)
        && bytes.get(4) == Some(&b'-')
        && digits(5..7)
        && bytes.get(7) == Some(&b'-')
        && digits(8..10)
}

#[cfg(test)]
impl Column {
    /// A column of these texts or, where all are such, whole numbers.
    pub fn of(name: &str, values: &[&str]) -> Self {
        use std::sync::Arc;

        use arrow::array::{Int64Array, StringArray};
        let numbers: std::result::Result<Vec<i64>, _> = values.iter().map(|v| v.parse()).collect();
        let values: ArrayRef = match numbers {
            Ok(numbers) => Arc::new(Int64Array::from(numbers)),
            Err(_) => Arc::new(StringArray::from(values.to_vec())),
        };
        let mut column = Self::new(name, values.data_type());
        column.look(&values);
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_says_what_it_holds() {
        let column = Column::of("kind", &["a", "b", "a", "a"]);
        assert_eq!(
            (column.distinct(), column.repeats(), column.is_unique()),
            (2, 2.0, false)
        );
        assert_eq!(column.counts.as_ref().unwrap()["a"], 3);
        assert_eq!(column.share_in(&Column::of("x", &["b", "c"])), 0.5);
        let ids = Column::of("id", &["7", "9", "3"]);
        assert!(ids.is_unique());
        assert_eq!(ids.range, Some((3.0, 9.0)));
        assert_eq!(
            ids.share_in(&Column::of("x", &["a"])),
            0.0,
            "of another type"
        );
        assert!(Column::of("t", &["2024-01-02", "2024-01-02T03:04"]).is_time_text());
        assert!(!Column::of("t", &["2024-01-02", "soon"]).is_time_text());
        assert!(Column::of("g", &["Action, War", "Drama"]).is_list());
        assert!(Column::of("h", &["a1f3", "77b"]).is_opaque());
        assert!(!Column::of("h", &["product 1", "product 2"]).is_opaque());
    }
}
