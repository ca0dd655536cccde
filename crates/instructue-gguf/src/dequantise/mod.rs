//! Stored blocks → `f32`.
//!
//! The order of operations is that of the reference implementation (each
//! product and sum rounded to `f32`), so that results agree bit for bit.

mod k;
mod scale;
mod simple;

use half::{bf16, f16};

use crate::TensorType;

/// Dequantises whole blocks; `out` holds as many elements as `bytes` says.
pub(crate) fn dequantise(kind: TensorType, bytes: &[u8], out: &mut [f32]) {
    match kind {
        TensorType::F32 => elements(bytes, out, f32::from_le_bytes),
        TensorType::F16 => elements(bytes, out, |x| f16::from_le_bytes(x).to_f32()),
        TensorType::BF16 => elements(bytes, out, |x| bf16::from_le_bytes(x).to_f32()),
        TensorType::Q4_0 => blocks(bytes, out, simple::q4_0),
        TensorType::Q4_1 => blocks(bytes, out, simple::q4_1),
        TensorType::Q5_0 => blocks(bytes, out, simple::q5_0),
        TensorType::Q5_1 => blocks(bytes, out, simple::q5_1),
        TensorType::Q8_0 => blocks(bytes, out, simple::q8_0),
        TensorType::Q4K => blocks(bytes, out, k::q4_k),
        TensorType::Q5K => blocks(bytes, out, k::q5_k),
        TensorType::Q6K => blocks(bytes, out, k::q6_k),
    }
}

fn elements<const N: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    let (elements, _) = bytes.as_chunks::<N>();
    for (out, element) in out.iter_mut().zip(elements) {
        *out = read(*element);
    }
}

fn blocks<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    out: &mut [f32],
    block: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    let (from, _) = bytes.as_chunks::<BYTES>();
    let (to, _) = out.as_chunks_mut::<LEN>();
    for (from, to) in from.iter().zip(to) {
        block(from, to);
    }
}
