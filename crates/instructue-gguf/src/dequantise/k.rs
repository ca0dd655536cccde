//! The K formats: blocks of 256 elements whose parts have quantised scales of their own.

use super::scale::scale;

/// Eight parts of 32 elements: 4 bits, scale and minimum of 6 bits each.
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (d, least) = (scale(*d0, *d1), scale(*m0, *m1));
    let (scales, quarters) = rest.split_at(12);
    let (parts, _) = out.as_chunks_mut::<32>();
    for (part, out) in parts.iter_mut().enumerate() {
        let (factor, minimum) = six_bits(scales, part);
        let (d, m) = (d * f32::from(factor), least * f32::from(minimum));
        // Two parts share 32 bytes: low halves, then high halves.
        let bytes = &quarters[part / 2 * 32..][..32];
        let shift = part % 2 * 4;
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = d * f32::from((byte >> shift) & 15) - m;
        }
    }
}

/// As [`q4_k`], with a fifth bit: bit `part` of 32 shared bytes.
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (d, least) = (scale(*d0, *d1), scale(*m0, *m1));
    let (scales, rest) = rest.split_at(12);
    let (high, quarters) = rest.split_at(32);
    let (parts, _) = out.as_chunks_mut::<32>();
    for (part, out) in parts.iter_mut().enumerate() {
        let (factor, minimum) = six_bits(scales, part);
        let (d, m) = (d * f32::from(factor), least * f32::from(minimum));
        let bytes = &quarters[part / 2 * 32..][..32];
        let shift = part % 2 * 4;
        for ((out, byte), high) in out.iter_mut().zip(bytes).zip(high) {
            let value = ((byte >> shift) & 15) | (((high >> part) & 1) << 4);
            *out = d * f32::from(value) - m;
        }
    }
}

/// Sixteen parts of 16 elements: 6 bits, a signed scale of 8 bits.
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (quarters, rest) = block.split_at(128);
    let (pairs, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = scale(d[0], d[1]);
    let (rows, _) = out.as_chunks_mut::<32>();
    for (row, out) in rows.iter_mut().enumerate() {
        // Four rows of 32 make a half: 64 bytes of low and 32 of high bits.
        let (half, row) = (row / 4, row % 4);
        let low = &quarters[half * 64 + row % 2 * 32..][..32];
        let high = &pairs[half * 32..][..32];
        let (shift, pair) = (row / 2 * 4, row * 2);
        for (j, out) in out.iter_mut().enumerate() {
            let value = ((low[j] >> shift) & 15) | (((high[j] >> pair) & 3) << 4);
            let factor = scales[half * 8 + row * 2 + j / 16] as i8;
            *out = (d * f32::from(factor)) * f32::from(value as i8 - 32);
        }
    }
}

/// Scale and minimum of one of eight parts, packed in 12 bytes: the first four
/// parts in the low 6 bits of bytes 0 to 3 and 4 to 7; the others have 4 bits
/// in bytes 8 to 11 and 2 in the tops of the former.
fn six_bits(scales: &[u8], part: usize) -> (u8, u8) {
    if part < 4 {
        return (scales[part] & 63, scales[part + 4] & 63);
    }
    let both = scales[part + 4];
    let factor = (both & 15) | ((scales[part - 4] >> 2) & 48);
    let minimum = (both >> 4) | ((scales[part] >> 2) & 48);
    (factor, minimum)
}
