//! Vectors of users in a file of `embed_users`, and the nearest of them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use instructue_schema::{Matrix, shown};
use instructue_search::ExactIndex;
use instructue_store::{each_batch, open_parquet};

use super::found::FoundUser;
use crate::embed::{KIND, REFERENCE};
use crate::error::{Error, Result};

/// A column of vectors, with the name of each row: users and their vectors, or instructions and
/// theirs.
#[derive(Debug, Clone)]
pub struct VectorFile {
    path: PathBuf,
    names: Vec<String>,
    index: ExactIndex,
    about: HashMap<String, String>,
}

impl VectorFile {
    /// Reads a file: its first column has names, and `column` vectors; without one the only column
    /// of vectors.
    ///
    /// # Errors
    /// A file that is not one of `embed_users`, no such column, several to choose from, or a vector
    /// that is missing or no numbers.
    pub fn read(path: &Path, column: Option<&str>) -> Result<Self> {
        let wrong = |expected: &str, found: String| {
            Error::argument(&path.display().to_string(), expected, found)
        };
        let builder = open_parquet(path)?;
        let schema = builder.schema().clone();
        let is_vector = |ty: &DataType| matches!(ty, DataType::FixedSizeList(item, _) if item.data_type().is_floating());
        let vectors = schema
            .fields()
            .iter()
            .filter(|field| is_vector(field.data_type()));
        let known: Vec<&str> = vectors.map(|field| field.name().as_str()).collect();
        let column = match (column, known.as_slice()) {
            (Some(column), known) if known.contains(&column) => column,
            (None, [only]) => only,
            (Some(found), _) => {
                let expected = format!("a column of vectors: {}", known.join(", "));
                return Err(wrong(&expected, shown(found)));
            }
            (None, []) => return Err(wrong("a file with a column of vectors", "none".into())),
            (None, several) => {
                let found = format!("{} (--column chooses)", several.join(", "));
                return Err(wrong("one column of vectors", found));
            }
        };
        let name = schema
            .fields()
            .first()
            .map(|field| field.name().clone())
            .unwrap_or_default();
        let reader = builder
            .build()
            .map_err(|error| wrong("a Parquet file", error.to_string()))?;
        let (mut names, mut values, mut width) = (Vec::new(), Vec::new(), 0);
        let mut take = |batch: &RecordBatch| {
            let of = |name: &str| batch.column_by_name(name);
            let (Some(ids), Some(lists)) = (of(&name), of(column)) else {
                return Ok(());
            };
            let row = names.len();
            let missing = |column: &str| {
                let expected = format!("a value in each row of `{column}`");
                wrong(&expected, format!("none in a row from {row} on"))
            };
            let ids = cast(ids, &DataType::Utf8).map_err(|e| wrong("ids", e.to_string()))?;
            if ids.null_count() > 0 {
                return Err(missing(&name));
            }
            names.extend(ids.as_string::<i32>().iter().flatten().map(str::to_owned));
            width = lists.as_fixed_size_list().value_length() as usize;
            values.extend(numbers(lists).ok_or_else(|| missing(column))?);
            Ok(())
        };
        let mut taken = Ok(());
        each_batch(path, reader, |batch| {
            if taken.is_ok() {
                taken = take(&batch);
            }
        })?;
        taken?;
        let vectors = Matrix::new(names.len(), width, values);
        let vectors = vectors.map_err(|error| wrong("vectors of numbers", error.to_string()))?;
        let index = ExactIndex::new(vectors);
        Ok(Self {
            path: path.into(),
            names,
            index: index.map_err(|error| wrong("vectors of numbers", error.to_string()))?,
            about: schema.metadata().clone(),
        })
    }

    /// The names of the rows.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The vectors, of length 1, a row for each name.
    pub fn vectors(&self) -> &Matrix {
        self.index.vectors()
    }

    /// `unit`, `state` or `answers`; `None` in a file of an earlier version.
    pub fn kind(&self) -> Option<&str> {
        self.about.get(KIND).map(String::as_str)
    }

    /// When profiles ended, in words; `None` in a file of an earlier version.
    pub fn reference(&self) -> Option<&str> {
        self.about.get(REFERENCE).map(String::as_str)
    }

    /// For each of `questions` the rows of the greatest cosines, the best first, without those that
    /// are called by a name in `but`.
    ///
    /// # Errors
    /// Questions of another width.
    pub fn nearest(
        &self,
        questions: &Matrix,
        top: usize,
        but: &BTreeSet<String>,
    ) -> Result<Vec<Vec<FoundUser>>> {
        let failed = |error: instructue_search::Error| {
            Error::argument(
                &self.path.display().to_string(),
                "vectors to compare with",
                error,
            )
        };
        let hits = self
            .index
            .search(questions, top.saturating_add(but.len()))
            .map_err(failed)?;
        let found = hits.into_iter().map(|hits| {
            let users = hits
                .into_iter()
                .filter(|hit| !but.contains(&self.names[hit.row]));
            let users = users.take(top).map(|hit| FoundUser {
                id: self.names[hit.row].clone(),
                score: hit.score,
            });
            users.collect()
        });
        Ok(found.collect())
    }

    /// The mean direction of the rows that are called by `names`, and how many there are.
    ///
    /// # Errors
    /// When none is called so.
    pub fn mean_of(&self, names: &BTreeSet<String>) -> Result<(Matrix, usize)> {
        let rows = (0..self.names.len()).filter(|row| names.contains(&self.names[*row]));
        let rows: Vec<usize> = rows.collect();
        if rows.is_empty() {
            let expected = format!(
                "an id of the {} users of {}",
                self.names.len(),
                self.path.display()
            );
            let found = names
                .first()
                .map_or_else(|| "none".into(), |name| shown(name));
            return Err(Error::argument("list of users", &expected, found));
        }
        let vectors = self.vectors();
        let mut mean = vec![0.0; vectors.columns];
        for &row in &rows {
            let values = mean.iter_mut().zip(vectors.row(row));
            values.for_each(|(sum, value)| *sum += value / rows.len() as f32);
        }
        let mean = Matrix {
            rows: 1,
            columns: vectors.columns,
            values: mean,
        };
        Ok((mean, rows.len()))
    }
}

/// The numbers of lists without a missing value.
fn numbers(lists: &ArrayRef) -> Option<Vec<f32>> {
    if lists.null_count() > 0 {
        return None;
    }
    let values = cast(lists.as_fixed_size_list().values(), &DataType::Float32).ok()?;
    (values.null_count() == 0).then(|| values.as_primitive::<Float32Type>().values().to_vec())
}
