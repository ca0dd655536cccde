//! Nearest vectors by cosine. One needs it to find the users whose vectors are nearest to that of a
//! sentence, or to those of other users, among up to some millions.
//!
//! ```
//! use instructue_schema::Matrix;
//! use instructue_search::ExactIndex;
//!
//! let users = Matrix::from_rows(&[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])?;
//! let index = ExactIndex::new(users)?;
//! let asked = Matrix::from_rows(&[[0.0, 1.0]])?;
//! let hits = index.search(&asked, 2)?;
//! assert_eq!(hits[0].iter().map(|hit| hit.row).collect::<Vec<_>>(), [1, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The index is exact: every vector is compared. One question reads all vectors once, as fast as
//! memory gives them; many questions are asked together as products of matrices.

mod best;
mod dots;
mod exact;
mod hit;

pub use best::Best;
pub use exact::{Error, ExactIndex};
pub use hit::Hit;
