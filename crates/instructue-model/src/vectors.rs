//! Vectors of users and texts, on the host: which of a user's two is meant, and how passes
//! fill them in.

use std::str::FromStr;

use instructue_schema::{Matrix, UserVectors};

use crate::error::{Error, Result};

/// Which of a user's two vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VectorKind {
    /// What the head gives, of length 1: in one space with texts, for cosine.
    #[default]
    Unit,
    /// The decoder's state at `<USER>`, before the head. The head keeps what tells
    /// answers apart; a model of one's own reads more from the state.
    State,
}

impl FromStr for VectorKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "unit" => Ok(Self::Unit),
            "state" => Ok(Self::State),
            _ => Err(Error::Config {
                key: "vectors".into(),
                expected: "unit or state".into(),
                found: format!("{text:?}"),
            }),
        }
    }
}

impl VectorKind {
    /// Those of this kind.
    pub fn of(self, vectors: UserVectors) -> Matrix {
        match self {
            Self::Unit => vectors.unit,
            Self::State => vectors.state,
        }
    }
}

/// Zeros of these widths for so many users, to be filled in.
pub(crate) fn zeros(unit: usize, state: usize, pca: usize, users: usize) -> UserVectors {
    UserVectors {
        unit: Matrix::zeros(users, unit),
        state: Matrix::zeros(users, state),
        pca: Matrix::zeros(users, pca),
        answers: Matrix::zeros(users, 0),
    }
}

/// Takes row `from` of flat `values` of the same width as row `to`.
pub(crate) fn copy_row(matrix: &mut Matrix, to: usize, values: &[f32], from: usize) {
    let (width, start) = (matrix.columns, from * matrix.columns);
    matrix
        .row_mut(to)
        .copy_from_slice(&values[start..start + width]);
}
