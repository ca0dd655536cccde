//! The types of stored tensors: bytes and elements of a block.

use std::fmt;

/// A storage type that can be dequantised.
///
/// The quantised ones store blocks: the elements of a block share one or a few
/// scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the names are the format's own
pub enum TensorType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// Number in the file, name, elements and bytes of a block.
const TABLE: [(TensorType, u32, &str, usize, usize); 11] = [
    (TensorType::F32, 0, "F32", 1, 4),
    (TensorType::F16, 1, "F16", 1, 2),
    (TensorType::Q4_0, 2, "Q4_0", 32, 18),
    (TensorType::Q4_1, 3, "Q4_1", 32, 20),
    (TensorType::Q5_0, 6, "Q5_0", 32, 22),
    (TensorType::Q5_1, 7, "Q5_1", 32, 24),
    (TensorType::Q8_0, 8, "Q8_0", 32, 34),
    (TensorType::Q4K, 12, "Q4_K", 256, 144),
    (TensorType::Q5K, 13, "Q5_K", 256, 176),
    (TensorType::Q6K, 14, "Q6_K", 256, 210),
    (TensorType::BF16, 30, "BF16", 1, 2),
];

impl TensorType {
    /// For error messages.
    pub(crate) const NAMES: &str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K";

    /// The type of a number in the file, if it can be dequantised.
    pub fn from_id(id: u32) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == id).map(|row| row.0)
    }

    /// Elements of a block; 1 for the plain types.
    pub fn block_len(self) -> usize {
        self.row().3
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        self.row().4
    }

    /// Bits per element, scales included: the more, the finer.
    pub fn bits(self) -> f64 {
        (8 * self.block_bytes()) as f64 / self.block_len() as f64
    }

    fn row(self) -> &'static (Self, u32, &'static str, usize, usize) {
        // Every type has a row, which a test holds.
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&TABLE[0])
    }

    /// Names of types that exist and are not supported.
    pub(crate) fn unsupported_name(id: u32) -> Option<&'static str> {
        Some(match id {
            9 => "Q8_1",
            10 => "Q2_K",
            11 => "Q3_K",
            15 => "Q8_K",
            16 => "IQ2_XXS",
            17 => "IQ2_XS",
            18 => "IQ3_XXS",
            19 => "IQ1_S",
            20 => "IQ4_NL",
            21 => "IQ3_S",
            22 => "IQ2_S",
            23 => "IQ4_XS",
            24 => "I8",
            25 => "I16",
            26 => "I32",
            27 => "I64",
            28 => "F64",
            29 => "IQ1_M",
            34 => "TQ1_0",
            35 => "TQ2_0",
            39 => "MXFP4",
            _ => return None,
        })
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_row_and_a_name() {
        use TensorType::*;
        let all = [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4K, Q5K, Q6K];
        assert_eq!(all.len(), TABLE.len());
        for kind in all {
            assert_eq!(kind.row().0, kind);
            assert_eq!(TensorType::from_id(kind.row().1), Some(kind));
            assert_eq!(TensorType::unsupported_name(kind.row().1), None);
        }
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names.join(", "), TensorType::NAMES);
        assert_eq!((Q8_0.bits(), Q6K.bits(), F16.bits()), (8.5, 6.5625, 16.0));
    }
}
