//! Blocks of 32 elements: `_0` stores a scale, `_1` a scale and a minimum.
//!
//! Four-bit parts lie in 16 bytes: the low halves are elements 0 to 15, the
//! high halves 16 to 31. A fifth bit comes from a word of 32 bits.

use super::scale::scale;

pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let [d0, d1, quarters @ ..] = block;
    let d = scale(*d0, *d1);
    for (j, byte) in quarters.iter().enumerate() {
        out[j] = d * f32::from((byte & 15) as i8 - 8);
        out[j + 16] = d * f32::from((byte >> 4) as i8 - 8);
    }
}

pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, quarters @ ..] = block;
    let (d, m) = (scale(*d0, *d1), scale(*m0, *m1));
    for (j, byte) in quarters.iter().enumerate() {
        out[j] = d * f32::from(byte & 15) + m;
        out[j + 16] = d * f32::from(byte >> 4) + m;
    }
}

pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let [d0, d1, h0, h1, h2, h3, quarters @ ..] = block;
    let d = scale(*d0, *d1);
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    for (j, byte) in quarters.iter().enumerate() {
        out[j] = d * f32::from(((byte & 15) | fifth(high, j)) as i8 - 16);
        out[j + 16] = d * f32::from(((byte >> 4) | fifth(high, j + 16)) as i8 - 16);
    }
}

pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, h0, h1, h2, h3, quarters @ ..] = block;
    let (d, m) = (scale(*d0, *d1), scale(*m0, *m1));
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    for (j, byte) in quarters.iter().enumerate() {
        out[j] = d * f32::from((byte & 15) | fifth(high, j)) + m;
        out[j + 16] = d * f32::from((byte >> 4) | fifth(high, j + 16)) + m;
    }
}

pub(super) fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let [d0, d1, values @ ..] = block;
    let d = scale(*d0, *d1);
    for (out, value) in out.iter_mut().zip(values) {
        *out = f32::from(*value as i8) * d;
    }
}

/// Bit `j` of `high`, as the fifth bit of an element.
fn fifth(high: u32, j: usize) -> u8 {
    ((high >> j) as u8 & 1) << 4
}
