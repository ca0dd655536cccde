//! Lookup tables in memory, joined by a key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use instructue_schema::{Column, ColumnRole, Lookup, Source, excerpt};

use super::bad_row::{BadValue, RowErrors};
use super::columns::Values;
use super::files::Input;
use super::spill::Cursor;
use crate::error::{Result, RowProblem};
use crate::report::SourceReport;
use instructue_schema::{ColumnData, NULL_CODE};

/// The lookup row of a source row whose key the lookup lacks.
pub(crate) const NO_MATCH: u32 = u32::MAX;

/// Distinct texts in the order of their first row.
#[derive(Default)]
pub(crate) struct Dictionary {
    index: HashMap<Arc<str>, u32>,
    values: Vec<Arc<str>>,
}

impl Dictionary {
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.index.get(text) {
            return *code;
        }
        let (code, text) = (self.values.len() as u32, Arc::<str>::from(text));
        self.values.push(text.clone());
        self.index.insert(text, code);
        code
    }

    pub(crate) fn into_values(self) -> Vec<Arc<str>> {
        self.values
    }
}

/// Whether a column's values are kept as numbers. Texts and categories are dictionary-encoded.
fn is_number(column: &Column) -> bool {
    column.role == ColumnRole::Number
}

/// Whether a column is a field.
pub(crate) fn is_field(column: &Column) -> bool {
    match column.role {
        ColumnRole::Text | ColumnRole::Category | ColumnRole::Number | ColumnRole::Vector => true,
        ColumnRole::User | ColumnRole::Time | ColumnRole::Key => false,
    }
}

/// The values of one field while rows are added.
pub(crate) enum FieldBuilder {
    Text(Vec<u32>, Dictionary),
    Number(Vec<f64>),
    /// The width, and the numbers of all rows.
    Vector(usize, Vec<f32>),
}

impl FieldBuilder {
    pub(crate) fn new(column: &Column) -> Self {
        match column.role {
            ColumnRole::Number => Self::Number(Vec::new()),
            ColumnRole::Vector => Self::Vector(column.width.unwrap_or(0), Vec::new()),
            _ => Self::Text(Vec::new(), Dictionary::default()),
        }
    }

    /// Reads the field's value of a spilled row; `None` at damage.
    pub(crate) fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        match self {
            Self::Text(..) => self.push_text(cursor.text()?),
            Self::Number(numbers) => numbers.push(f64::from_le_bytes(cursor.array()?)),
            Self::Vector(width, numbers) => {
                let (numbers_of_row, _) = cursor.bytes(4 * *width)?.as_chunks::<4>();
                numbers.extend(
                    numbers_of_row
                        .iter()
                        .map(|number| f32::from_le_bytes(*number)),
                );
            }
        }
        Some(())
    }

    /// Passes over the field's value of a spilled row; `None` at damage.
    pub(crate) fn skip(&self, cursor: &mut Cursor<'_>) -> Option<()> {
        match self {
            Self::Text(..) => drop(cursor.text()?),
            Self::Number(_) => drop(cursor.array::<8>()?),
            Self::Vector(width, _) => drop(cursor.bytes(4 * width)?),
        }
        Some(())
    }

    pub(crate) fn push_text(&mut self, text: Option<&str>) {
        if let Self::Text(codes, dictionary) = self {
            codes.push(text.map_or(NULL_CODE, |text| dictionary.code(text)));
        }
    }

    pub(crate) fn push_number(&mut self, number: f64) {
        if let Self::Number(numbers) = self {
            numbers.push(number);
        }
    }

    pub(crate) fn finish(self) -> ColumnData {
        match self {
            Self::Text(codes, dictionary) => ColumnData::Text {
                codes,
                dictionary: Arc::new(dictionary.into_values()),
            },
            Self::Number(numbers) => ColumnData::Number(numbers),
            Self::Vector(width, values) => ColumnData::Vector { width, values },
        }
    }
}

/// A lookup table in memory.
pub(crate) struct LookupTable {
    rows: HashMap<Box<str>, u32>,
    /// One time per row if the lookup has the time column of the events.
    pub(crate) times: Option<Vec<Option<i64>>>,
    /// The lookup's fields in schema order.
    pub(crate) columns: Vec<ColumnData>,
}

impl LookupTable {
    /// Reads the lookup's files.
    pub(crate) fn read(
        source: &Source,
        lookup: &Lookup,
        data: &Path,
        files: &[PathBuf],
        errors: &RowErrors,
        report: &mut SourceReport,
    ) -> Result<Self> {
        // In the lookup's own file the column is only a key, whatever the source's column
        // requires.
        let key = source.key_column(lookup);
        let declared: Vec<&Column> = std::iter::once(key).chain(&lookup.columns).collect();
        let gives_time = lookup
            .columns
            .iter()
            .any(|column| column.role == ColumnRole::Time);
        let mut table = Self {
            rows: HashMap::new(),
            times: gives_time.then(Vec::new),
            columns: Vec::new(),
        };
        let fields = lookup.columns.iter().filter(|column| is_field(column));
        let mut builders: Vec<FieldBuilder> = fields.map(FieldBuilder::new).collect();
        for path in files {
            let mut batches = Input::open(data, path, &declared)?.read()?;
            while let Some((first, batch)) = batches.next()? {
                let values = batches.load(first, &batch)?;
                for row in 0..batch.num_rows() {
                    if let Err((column, bad)) = table.add(&declared, &values, row, &mut builders) {
                        let reasons = &mut report.lookups.entry(lookup.file.clone()).or_default();
                        errors.handle(
                            path,
                            first + row as u64,
                            column,
                            bad,
                            &mut reasons.skipped,
                        )?;
                    }
                }
            }
        }
        table.columns = builders.into_iter().map(FieldBuilder::finish).collect();
        Ok(table)
    }

    /// Adds a complete row, or nothing.
    fn add<'a>(
        &mut self,
        declared: &[&'a Column],
        values: &[Values],
        row: usize,
        builders: &mut [FieldBuilder],
    ) -> Result<(), (&'a str, BadValue)> {
        let (key, columns) = (declared[0], &declared[1..]);
        let named = |column: &'a Column| move |bad| (column.name.as_str(), bad);
        let mut buffer = String::new();
        let text = values[0]
            .text(row, key.ty, &mut buffer)
            .map_err(named(key))?;
        let Some(text) = text else {
            let bad = BadValue::new(RowProblem::NullKey, "a key", "null");
            return Err((&key.name, bad));
        };
        if self.rows.contains_key(text) {
            let found = format!("`{}` again", excerpt(text));
            let bad = BadValue::new(RowProblem::DuplicateKey, "each key once", found);
            return Err((&key.name, bad));
        }
        // All values are checked before one is added, so that the columns keep the same length.
        let mut scratch = String::new();
        for (column, values) in columns.iter().zip(&values[1..]) {
            let missing = match column.role {
                ColumnRole::Time => values
                    .time(row, column.unit())
                    .map_err(named(column))?
                    .is_none(),
                ColumnRole::Number => values
                    .number(row, column.ty)
                    .map_err(named(column))?
                    .is_nan(),
                _ => values
                    .text(row, column.ty, &mut scratch)
                    .map_err(named(column))?
                    .is_none(),
            };
            if missing && column.required {
                let bad = BadValue::new(RowProblem::MissingValue, "a value", "null");
                return Err((&column.name, bad));
            }
        }
        self.rows.insert(text.into(), self.rows.len() as u32);
        let mut builders = builders.iter_mut();
        for (column, values) in columns.iter().zip(&values[1..]) {
            if column.role == ColumnRole::Time {
                let time = values.time(row, column.unit()).ok().flatten();
                self.times.get_or_insert_default().push(time);
            } else if let Some(builder) = builders.next() {
                match is_number(column) {
                    true => builder.push_number(values.number(row, column.ty).unwrap_or(f64::NAN)),
                    false => {
                        builder.push_text(values.text(row, column.ty, &mut scratch).ok().flatten());
                    }
                }
            }
        }
        Ok(())
    }

    /// The row with `key`, or [`NO_MATCH`].
    pub(crate) fn find(&self, key: Option<&str>) -> u32 {
        key.and_then(|key| self.rows.get(key))
            .copied()
            .unwrap_or(NO_MATCH)
    }
}

/// The error for a key that the lookup's files lack.
pub(crate) fn no_match(path: &Path, key: Option<&str>) -> BadValue {
    let expected = format!("a row of {} with this key", path.display());
    let found = key.map_or("a null key".into(), |key| {
        format!("none for `{}`", excerpt(key))
    });
    BadValue::new(RowProblem::UnmatchedTime, expected, found)
}
