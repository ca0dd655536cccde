//! A dense matrix of `f32`, row after row.
//!
//! It is what passes between a model and whatever reads its vectors: one row per
//! user or text. You need it to implement an embedder of your own, or to take a
//! model's vectors apart.

use serde::{Deserialize, Serialize};

/// Why values are no matrix, or two matrices do not fit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// Sizes that belong together differ.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Which array.
        what: String,
        /// The size needed.
        expected: String,
        /// The size found.
        found: String,
    },
    /// A number that must be finite is not.
    #[error("{what}: row {row}, column {column} is {value}, not a finite number")]
    NotFinite {
        /// Which matrix.
        what: String,
        /// Row of the first such value.
        row: usize,
        /// Column of the first such value.
        column: usize,
        /// The value.
        value: f32,
    },
}

impl MatrixError {
    fn shape(
        what: impl Into<String>,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Shape {
            what: what.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
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
    /// When `values.len()` is not `rows * columns`, or a value is not finite.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self, MatrixError> {
        let matrix = Self {
            rows,
            columns,
            values,
        };
        matrix.check("matrix")?;
        Ok(matrix)
    }

    /// Stacks rows of equal length. Values may be anything; see [`Matrix::check`].
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self, MatrixError> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut values = Vec::with_capacity(rows.len() * columns);
        for (index, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != columns {
                let what = format!("row {index}");
                return Err(MatrixError::shape(what, columns, row.len()));
            }
            values.extend_from_slice(row);
        }
        Ok(Self {
            rows: rows.len(),
            columns,
            values,
        })
    }

    /// Zeros, to be filled in.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            values: vec![0.0; rows * columns],
        }
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

    /// Adds the rows of `below`.
    ///
    /// # Errors
    /// When the numbers of columns differ.
    pub fn append(&mut self, below: Self) -> Result<(), MatrixError> {
        if self.columns != below.columns {
            let what = "columns of the matrix below";
            return Err(MatrixError::shape(what, self.columns, below.columns));
        }
        self.rows += below.rows;
        self.values.extend(below.values);
        Ok(())
    }

    /// The columns of `self`, then those of `right`.
    ///
    /// # Errors
    /// When the numbers of rows differ.
    pub fn beside(&self, right: &Self) -> Result<Self, MatrixError> {
        if self.rows != right.rows {
            let what = "rows of the right matrix";
            return Err(MatrixError::shape(what, self.rows, right.rows));
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
        let (a, b) = (self.row(row), other.row(other_row));
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

    /// Whether size and values agree and every value is finite; `what` names the
    /// matrix in the error.
    ///
    /// # Errors
    /// A size that does not fit, or the place of the first value that is not finite.
    pub fn check(&self, what: &str) -> Result<(), MatrixError> {
        if Some(self.values.len()) != self.rows.checked_mul(self.columns) {
            let what = format!("{what}: values");
            let expected = format!("{} × {}", self.rows, self.columns);
            return Err(MatrixError::shape(what, expected, self.values.len()));
        }
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(MatrixError::NotFinite {
                what: what.to_owned(),
                row: at / self.columns,
                column: at % self.columns,
                value: self.values[at],
            }),
        }
    }
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
    fn beside_select_and_append_keep_rows_together() {
        let left = Matrix::from_rows(&[[1.0], [2.0]]).unwrap();
        let right = Matrix::from_rows(&[[3.0, 4.0], [5.0, 6.0]]).unwrap();
        let mut both = left.beside(&right).unwrap();
        assert_eq!(both.row(1), [2.0, 5.0, 6.0]);
        assert_eq!(both.select(&[1, 0, 1]).row(2), [2.0, 5.0, 6.0]);
        assert!(left.beside(&right.select(&[0])).is_err());
        both.append(both.select(&[1])).unwrap();
        assert_eq!((both.rows, both.row(2)), (3, &[2.0, 5.0, 6.0][..]));
        assert!(both.append(left).is_err());
    }

    #[test]
    fn cosine_by_hand() {
        let a = Matrix::from_rows(&[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).unwrap();
        let b = Matrix::from_rows(&[[0.0, 2.0], [1.0, 0.0]]).unwrap();
        assert_eq!(a.cosine(0, &b, 0), 0.0);
        assert!((a.cosine(1, &b, 1) - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(a.cosine(2, &b, 1), 0.0);
    }
}
