//! What a model says of users, and which users they are.
//!
//! You need [`UserVectors`] to read a model's vectors or to give those of another
//! one, and [`UserRef`] to name users by their place in a user store.

use serde::{Deserialize, Serialize};

use crate::matrix::{Matrix, MatrixError};

/// A user by position in the user store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UserRef {
    /// The shard.
    pub shard: usize,
    /// The user's index in the shard.
    pub index: usize,
}

/// Vectors of users under one instruction: matrices with one row per user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserVectors {
    /// In the space of texts: what searches compare, by cosine.
    pub unit: Matrix,
    /// What probes read; a model may keep more here than texts can say.
    pub state: Matrix,
    /// Principal components of counts and sums, the same whatever is asked; probes read it beside `state` and weigh the two apart. It may have no
    /// columns.
    pub pca: Matrix,
    /// What an answer scorer says: the log-odds of a yes to the instruction. Probes read it with
    /// `pca`. It has no columns without a scorer.
    pub answers: Matrix,
}

impl UserVectors {
    /// `answers`, `pca`, then `state`: what probes read, and the column where `state` begins.
    ///
    /// # Errors
    /// When the numbers of rows differ.
    pub fn readable(&self) -> Result<(Matrix, usize), MatrixError> {
        let mut all = self.state.clone();
        for part in [&self.pca, &self.answers] {
            if part.columns > 0 {
                all = part.beside(&all)?;
            }
        }
        Ok((all, self.answers.columns + self.pca.columns))
    }

    /// All matrices.
    pub fn parts(&self) -> [&Matrix; 4] {
        [&self.unit, &self.state, &self.pca, &self.answers]
    }

    /// All matrices.
    pub fn parts_mut(&mut self) -> [&mut Matrix; 4] {
        [
            &mut self.unit,
            &mut self.state,
            &mut self.pca,
            &mut self.answers,
        ]
    }

    /// The rows of some users.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, users: &[usize]) -> Self {
        let [unit, state, pca, answers] = self.parts().map(|part| part.select(users));
        Self {
            unit,
            state,
            pca,
            answers,
        }
    }

    /// Adds those of further users.
    ///
    /// # Errors
    /// When a width differs.
    pub fn append(&mut self, more: Self) -> Result<(), MatrixError> {
        self.unit.append(more.unit)?;
        self.state.append(more.state)?;
        self.pca.append(more.pca)?;
        self.answers.append(more.answers)
    }

    /// Takes row `from` of `other` as row `to`.
    ///
    /// # Panics
    /// If a row does not exist or the widths differ.
    pub fn set_row(&mut self, to: usize, other: &Self, from: usize) {
        for (all, one) in self.parts_mut().into_iter().zip(other.parts()) {
            all.row_mut(to).copy_from_slice(one.row(from));
        }
    }
}

/// For a model whose vectors serve for both.
impl From<Matrix> for UserVectors {
    fn from(unit: Matrix) -> Self {
        Self {
            state: unit.clone(),
            pca: Matrix::zeros(unit.rows, 0),
            answers: Matrix::zeros(unit.rows, 0),
            unit,
        }
    }
}
