//! The element types of safetensors files, their bytes as `f32`, and the check that all
//! values are finite.

use burn::tensor::{bf16, f16};

use crate::Precision;

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

    /// Bytes of an element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// The precision whose elements these are.
    pub(super) fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::F16 => Precision::F16,
            Self::Bf16 => Precision::Bf16,
        }
    }

    /// The first element that is infinite or NaN: its place and value.
    pub(super) fn first_not_finite(self, bytes: &[u8]) -> Option<(usize, f32)> {
        // Without leaving early, so that many are looked at in one instruction:
        // the largest, without its sign, is at least infinity.
        let (whole, _) = bytes.as_chunks::<2>();
        let half = |infinity: u16| {
            let bits = |element: &[u8; 2]| u16::from_le_bytes(*element) & 0x7fff;
            whole.iter().map(bits).fold(0, u16::max) < infinity
        };
        let finite = match self {
            Self::F32 => {
                let (whole, _) = bytes.as_chunks::<4>();
                let bits = |element: &[u8; 4]| u32::from_le_bytes(*element) & 0x7fff_ffff;
                whole.iter().map(bits).fold(0, u32::max) < f32::INFINITY.to_bits()
            }
            Self::F16 => half(f16::INFINITY.to_bits()),
            Self::Bf16 => half(bf16::INFINITY.to_bits()),
        };
        if finite {
            return None;
        }
        const PIECE: usize = 1 << 12;
        let mut values = Vec::new();
        bytes.chunks(PIECE).enumerate().find_map(|(number, piece)| {
            values.clear();
            self.to_f32(piece, &mut values);
            let index = values.iter().position(|value| !value.is_finite())?;
            Some((number * PIECE / self.size() + index, values[index]))
        })
    }

    /// Little-endian elements as `f32`, appended; a partial element at the end is
    /// left out (the header check has excluded it).
    pub(super) fn to_f32(self, bytes: &[u8], out: &mut Vec<f32>) {
        fn convert<const N: usize>(
            bytes: &[u8],
            out: &mut Vec<f32>,
            read: impl Fn([u8; N]) -> f32,
        ) {
            let (elements, _) = bytes.as_chunks::<N>();
            out.extend(elements.iter().map(|element| read(*element)));
        }
        match self {
            Self::F32 => convert(bytes, out, f32::from_le_bytes),
            Self::F16 => convert(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => convert(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_types_become_f32() {
        let bytes: Vec<u8> = [f16::from_f32(1.5), f16::from_f32(-0.25)]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let mut out = vec![7.0];
        Kind::F16.to_f32(&bytes, &mut out);
        assert_eq!(out, [7.0, 1.5, -0.25]);
        let bytes: Vec<u8> = [bf16::from_f32(3.0), bf16::from_f32(-1e30)]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        out.clear();
        Kind::Bf16.to_f32(&bytes, &mut out);
        assert_eq!(out, [3.0, bf16::from_f32(-1e30).to_f32()]);
    }

    #[test]
    fn what_is_not_finite_is_found_at_its_place() {
        for kind in [Kind::F32, Kind::F16, Kind::Bf16] {
            let bytes = |values: &[f32]| -> Vec<u8> {
                let element = |&x: &f32| match kind {
                    Kind::F32 => x.to_le_bytes().to_vec(),
                    Kind::F16 => f16::from_f32(x).to_le_bytes().to_vec(),
                    Kind::Bf16 => bf16::from_f32(x).to_le_bytes().to_vec(),
                };
                values.iter().flat_map(element).collect()
            };
            let mut values = vec![-65_504.0, 0.0, -0.0, 1e-7, 65_504.0];
            assert_eq!(kind.first_not_finite(&bytes(&values)), None, "{kind:?}");
            assert_eq!(kind.first_not_finite(&[]), None);
            for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN] {
                values.resize(5_000, 1.0);
                values.extend([bad, f32::NAN, 1.0]);
                let (index, value) = kind.first_not_finite(&bytes(&values)).expect("one");
                assert_eq!(index, 5_000, "{kind:?}");
                assert!(
                    value == bad || value.is_nan() && bad.is_nan(),
                    "{value} {bad}"
                );
                values.truncate(5);
            }
        }
    }
}
