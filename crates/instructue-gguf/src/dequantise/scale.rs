//! The scale of a block, which all kinds of blocks store alike.

use half::f16;

/// A half-precision number within a block.
pub(super) fn scale(low: u8, high: u8) -> f32 {
    f16::from_le_bytes([low, high]).to_f32()
}
