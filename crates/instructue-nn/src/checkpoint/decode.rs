//! Bytes of a file → `f32`.

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

    /// Bytes of an element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
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
}
