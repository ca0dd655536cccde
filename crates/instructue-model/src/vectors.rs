//! Vectors of users and texts, on the host.

use std::str::FromStr;

use crate::error::{Error, Result};

/// Vectors of several users under one instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Width of a vector.
    pub width: usize,
    /// `[users, width]`, flat, in the order asked for.
    pub values: Vec<f32>,
}

impl Vectors {
    /// The vector of one user.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Takes row `from` of `values` as vector `to`.
    pub(crate) fn copy_row(&mut self, to: usize, values: &[f32], from: usize) {
        let (width, start) = (self.width, from * self.width);
        self.values[to * width..(to + 1) * width].copy_from_slice(&values[start..start + width]);
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

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

/// Both vectors of several users under one instruction, and the numbers beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct UserVectors {
    /// See [`VectorKind::Unit`].
    pub unit: Vectors,
    /// See [`VectorKind::State`].
    pub state: Vectors,
    /// What stands beside the states: principal components of counts and sums, the
    /// same under every instruction; see [`Preprocessor::number_count`](crate::Preprocessor::number_count).
    pub numbers: Vectors,
}

impl UserVectors {
    /// Zeros of these widths, to be filled in.
    pub(crate) fn zeros(unit: usize, state: usize, numbers: usize, users: usize) -> Self {
        let zeros = |width| Vectors {
            width,
            values: vec![0.0; users * width],
        };
        Self {
            unit: zeros(unit),
            state: zeros(state),
            numbers: zeros(numbers),
        }
    }

    /// Adds those of further users.
    ///
    /// # Panics
    /// If they are of another width.
    pub fn append(&mut self, more: Self) {
        for (all, more) in [
            (&mut self.unit, more.unit),
            (&mut self.state, more.state),
            (&mut self.numbers, more.numbers),
        ] {
            assert_eq!(all.width, more.width, "width of vectors");
            all.values.extend(more.values);
        }
    }

    /// Those of one kind.
    pub fn of(self, kind: VectorKind) -> Vectors {
        match kind {
            VectorKind::Unit => self.unit,
            VectorKind::State => self.state,
        }
    }
}
