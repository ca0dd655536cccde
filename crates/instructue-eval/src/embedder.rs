//! What an evaluation needs from a model, and the matrices that pass between them.

use std::collections::HashSet;

use instructue_schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{BoxError, Error, Result};

/// What eval needs from a model.
///
/// The model stands behind this trait, so that a probe can be run on any
/// function of (history, instruction): a trained model, the same model before
/// training, or a test double.
pub trait Embedder {
    /// The vectors under each instruction (`None`: no instruction), rows in the order of `users`.
    ///
    /// Only events strictly before `reference` may be used. A model that
    /// shares a user's profile among instructions computes it once here.
    /// `progress` takes users done and users in all.
    ///
    /// # Shapes
    /// `instructions.len()` pairs of matrices of `[users, width]`.
    fn embed_users(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        instructions: &[Option<String>],
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<UserVectors>, BoxError>;

    /// Texts in the space of the users.
    ///
    /// # Shapes
    /// `[texts, width]`.
    fn embed_texts(&self, texts: &[String]) -> Result<Matrix, BoxError>;
}

/// Instructions without repetition, in the order in which they first come.
pub fn distinct_instructions<'a>(
    texts: impl IntoIterator<Item = Option<&'a str>>,
) -> Vec<Option<String>> {
    let mut seen = HashSet::new();
    let new = texts.into_iter().filter(|text| seen.insert(*text));
    new.map(|text| text.map(str::to_owned)).collect()
}

/// Vectors of users under one instruction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserVectors {
    /// In the space of texts: what searches compare.
    pub unit: Matrix,
    /// What probes read; a model may keep more here than texts can say.
    pub state: Matrix,
    /// What is the same whatever is asked, such as counts and sums; probes read it
    /// beside `state` and weigh the two apart. It may have no columns.
    pub numbers: Matrix,
}

impl UserVectors {
    /// `numbers`, then `state`: what probes read, and the place where `state` begins.
    ///
    /// # Errors
    /// When the numbers of rows differ.
    pub fn readable(&self) -> Result<(Matrix, usize)> {
        match self.numbers.columns {
            0 => Ok((self.state.clone(), 0)),
            numbers => Ok((self.numbers.beside(&self.state)?, numbers)),
        }
    }
}

/// For a model whose vectors serve for both.
impl From<Matrix> for UserVectors {
    fn from(unit: Matrix) -> Self {
        Self {
            state: unit.clone(),
            numbers: Matrix {
                rows: unit.rows,
                ..Matrix::default()
            },
            unit,
        }
    }
}

/// A user by position in the user store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UserRef {
    /// The shard.
    pub shard: usize,
    /// The user's index in the shard.
    pub index: usize,
}

/// A dense matrix, row after row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// `values[row * columns + column]`.
    pub values: Vec<f32>,
}

impl Matrix {
    /// Wraps values in row order.
    ///
    /// # Errors
    /// When `values.len()` is not `rows * columns`.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self> {
        let matrix = Self {
            rows,
            columns,
            values,
        };
        matrix.check("matrix")?;
        Ok(matrix)
    }

    /// Stacks rows of equal length.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut values = Vec::with_capacity(rows.len() * columns);
        for (index, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != columns {
                return Err(Error::shape(format!("row {index}"), columns, row.len()));
            }
            values.extend_from_slice(row);
        }
        Ok(Self {
            rows: rows.len(),
            columns,
            values,
        })
    }

    /// Row `row`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Row `row`, to write to.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The given rows, in that order.
    ///
    /// # Panics
    /// If one does not exist.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Self {
            rows: rows.len(),
            columns: self.columns,
            values,
        }
    }

    /// The columns of `self`, then those of `right`.
    ///
    /// # Errors
    /// When the numbers of rows differ.
    pub fn beside(&self, right: &Self) -> Result<Self> {
        if self.rows != right.rows {
            return Err(Error::shape(
                "rows of the right matrix",
                self.rows,
                right.rows,
            ));
        }
        let columns = self.columns + right.columns;
        let mut values = Vec::with_capacity(self.rows * columns);
        for row in 0..self.rows {
            values.extend_from_slice(self.row(row));
            values.extend_from_slice(right.row(row));
        }
        Ok(Self {
            rows: self.rows,
            columns,
            values,
        })
    }

    /// Cosine of row `row` and row `other_row` of `other`; 0 when one of them is the zero vector.
    ///
    /// # Panics
    /// If a row does not exist or the widths differ.
    pub fn cosine(&self, row: usize, other: &Self, other_row: usize) -> f64 {
        cosine(self.row(row), other.row(other_row))
    }

    /// Whether size and values agree and every value is finite.
    pub(crate) fn check(&self, what: &str) -> Result<()> {
        if Some(self.values.len()) != self.rows.checked_mul(self.columns) {
            return Err(Error::shape(
                format!("{what}: values"),
                format!("{} × {}", self.rows, self.columns),
                self.values.len(),
            ));
        }
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NotFinite {
                what: what.to_owned(),
                row: at / self.columns,
                column: at % self.columns,
                value: self.values[at],
            }),
        }
    }
}

/// Cosine of two vectors of equal length; 0 when one of them is the zero vector.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "vectors of different width");
    let (mut product, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (f64::from(x), f64::from(y));
        product += x * y;
        aa += x * x;
        bb += y * y;
    }
    let norm = (aa * bb).sqrt();
    if norm > 0.0 { product / norm } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        assert!(Matrix::new(2, 2, vec![0.0; 3]).is_err());
        assert!(Matrix::from_rows(&[vec![1.0], vec![1.0, 2.0]]).is_err());
        let error = Matrix::new(1, 2, vec![0.0, f32::NAN])
            .unwrap_err()
            .to_string();
        assert!(error.contains("row 0, column 1"), "{error}");
    }

    #[test]
    fn beside_and_select_keep_rows_together() {
        let left = Matrix::from_rows(&[[1.0], [2.0]]).unwrap();
        let right = Matrix::from_rows(&[[3.0, 4.0], [5.0, 6.0]]).unwrap();
        let both = left.beside(&right).unwrap();
        assert_eq!(both.row(1), [2.0, 5.0, 6.0]);
        assert_eq!(both.select(&[1, 0, 1]).row(2), [2.0, 5.0, 6.0]);
        assert!(left.beside(&right.select(&[0])).is_err());
    }

    #[test]
    fn cosine_by_hand() {
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
        assert!((cosine(&[1.0, 1.0], &[1.0, 0.0]) - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
    }
}
