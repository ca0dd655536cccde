//! How large the sizes of a model may be.
//!
//! Sizes come from files that anybody may have written. Each is compared with its
//! limit before anything is allocated. The limits leave published models room by a
//! factor of two or more, and are small enough that no product of two sizes, and
//! no sum over layers, leaves a machine word. What they let through is compared
//! with the weights that a file really holds, which bounds the memory.

use std::ops::RangeInclusive;

/// The largest of one kind of size. The smallest is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

/// A state's, a feed-forward part's or a head's width, and how many heads there
/// are: Llama 3.1 405B has 53,248 within its feed-forward part.
pub const WIDTH: Limit = Limit(1 << 17);
/// Blocks: the deepest published decoders have 126.
pub const LAYERS: Limit = Limit(1 << 10);
/// Rows of a table of tokens, positions or categories: vocabularies have up to
/// 262,144.
pub const ROWS: Limit = Limit(1 << 24);
/// Positions that are only named and have no table: what a position's number, a
/// 32-bit integer, can hold.
pub const POSITIONS: Limit = Limit(i32::MAX as usize);
/// LoRA's rank: published adapters have up to 512.
pub const RANK: Limit = Limit(1 << 12);

/// What numbers that are computed with in single precision may be: their squares
/// and inverses are finite there.
pub const POSITIVE: RangeInclusive<f64> = 1e-18..=1e18;

impl Limit {
    /// The largest.
    pub const fn most(self) -> usize {
        self.0
    }

    /// Whether a size is from 1 to the largest.
    pub const fn allows(self, size: usize) -> bool {
        size >= 1 && size <= self.0
    }

    /// What is expected, for a message.
    pub fn expected(self) -> String {
        format!("a number from 1 to {}", self.0)
    }
}

/// The weights of a linear map, with the factors of LoRA if it has a rank.
pub fn linear_weights(input: usize, output: usize, bias: bool, rank: Option<usize>) -> u128 {
    let [input, output] = [input as u128, output as u128];
    let bias = if bias { output } else { 0 };
    input * output + bias + rank.unwrap_or(0) as u128 * (input + output)
}
