//! What the header says of a tensor.

use crate::tensor_type::TensorType;

/// What a tensor is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorInfo {
    /// How its elements are stored.
    pub kind: TensorType,
    /// Row-major, the fastest axis last: `[rows, columns]` of a matrix.
    pub shape: Vec<usize>,
    /// First byte in the file.
    pub start: u64,
    /// Number of elements.
    pub elements: usize,
    /// Stored bytes.
    pub bytes: usize,
}
