//! Bytes of a tensor → `f32`.

use burn::tensor::{bf16, f16};

/// The element types that become `f32` without loss.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
}

impl Kind {
    pub(super) fn parse(dtype: &str) -> Option<Self> {
        match dtype {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::Bf16),
            _ => None,
        }
    }

    /// Little-endian elements as `f32`; a partial element at the end is left out
    /// (the header check has excluded it).
    pub(super) fn to_f32(self, bytes: &[u8]) -> Vec<f32> {
        fn convert<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            let (elements, _) = bytes.as_chunks::<N>();
            elements.iter().map(|element| read(*element)).collect()
        }
        match self {
            Self::F32 => convert(bytes, f32::from_le_bytes),
            Self::F16 => convert(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => convert(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        }
    }
}

/// A row-major matrix `[rows, columns]` as `[columns, rows]`, in blocks that fit
/// the cache.
///
/// # Panics
///
/// If there are fewer values than `rows · columns`.
pub fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut out = vec![0.0; values.len()];
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for row in top..(top + BLOCK).min(rows) {
                for column in left..(left + BLOCK).min(columns) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes_across_block_borders() {
        let (rows, columns) = (33, 70);
        let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        let out = transpose(&values, rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                assert_eq!(out[column * rows + row], values[row * columns + column]);
            }
        }
    }

    #[test]
    fn half_types_become_f32() {
        let bytes: Vec<u8> = [f16::from_f32(1.5), f16::from_f32(-0.25)]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(Kind::F16.to_f32(&bytes), [1.5, -0.25]);
        let bytes: Vec<u8> = [bf16::from_f32(3.0), bf16::from_f32(-1e30)]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(
            Kind::Bf16.to_f32(&bytes),
            [3.0, bf16::from_f32(-1e30).to_f32()]
        );
    }
}
