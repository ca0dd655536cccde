//! The values that a GGUF file's metadata may hold, and their types.

use std::fmt;

use crate::Strings;

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)] // each is the Rust type of its name
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    Array(Array),
}

/// An array of the metadata: all elements have one type.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    String(Strings),
    Array(Vec<Array>),
}

impl Value {
    /// As a whole number, whatever its width.
    pub fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Self::U8(x) => (*x).into(),
            Self::I8(x) => (*x).into(),
            Self::U16(x) => (*x).into(),
            Self::I16(x) => (*x).into(),
            Self::U32(x) => (*x).into(),
            Self::I32(x) => (*x).into(),
            Self::U64(x) => (*x).into(),
            Self::I64(x) => (*x).into(),
            _ => return None,
        })
    }

    /// As a number with a fraction.
    ///
    /// An `f32` becomes the shortest decimal that reads as itself: what a writer
    /// narrowed from 1e-5 is 1e-5 again, not 9.99999975e-6.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::F32(x) => x.to_string().parse().ok(),
            Self::F64(x) => Some(*x),
            _ => None,
        }
    }

    /// As text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Array {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(x) => x.len(),
            Self::I8(x) => x.len(),
            Self::U16(x) => x.len(),
            Self::I16(x) => x.len(),
            Self::U32(x) => x.len(),
            Self::I32(x) => x.len(),
            Self::U64(x) => x.len(),
            Self::I64(x) => x.len(),
            Self::F32(x) => x.len(),
            Self::F64(x) => x.len(),
            Self::Bool(x) => x.len(),
            Self::String(x) => x.len(),
            Self::Array(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As whole numbers, whatever their width, if none is above `i64::MAX`.
    pub fn as_integers(&self) -> Option<Vec<i64>> {
        fn all<T: Copy + TryInto<i64>>(values: &[T]) -> Option<Vec<i64>> {
            let values = values.iter().map(|value| (*value).try_into().ok());
            values.collect()
        }
        match self {
            Self::U8(x) => all(x),
            Self::I8(x) => all(x),
            Self::U16(x) => all(x),
            Self::I16(x) => all(x),
            Self::U32(x) => all(x),
            Self::I32(x) => all(x),
            Self::U64(x) => all(x),
            Self::I64(x) => all(x),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I8(_) => "i8",
            Self::U16(_) => "u16",
            Self::I16(_) => "i16",
            Self::U32(_) => "u32",
            Self::I32(_) => "i32",
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Bool(_) => "bool",
            Self::String(_) => "string",
            Self::Array(_) => "array",
        }
    }
}

/// For error messages: the value with its type; long ones are described.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U8(x) => write!(f, "{x} (u8)"),
            Self::I8(x) => write!(f, "{x} (i8)"),
            Self::U16(x) => write!(f, "{x} (u16)"),
            Self::I16(x) => write!(f, "{x} (i16)"),
            Self::U32(x) => write!(f, "{x} (u32)"),
            Self::I32(x) => write!(f, "{x} (i32)"),
            Self::U64(x) => write!(f, "{x} (u64)"),
            Self::I64(x) => write!(f, "{x} (i64)"),
            Self::F32(x) => write!(f, "{x} (f32)"),
            Self::F64(x) => write!(f, "{x} (f64)"),
            Self::Bool(x) => write!(f, "{x} (bool)"),
            Self::String(x) if x.len() <= 80 => write!(f, "{x:?}"),
            Self::String(x) => write!(f, "a string of {} bytes", x.len()),
            Self::Array(x) => write!(f, "an array of {} × {}", x.len(), x.kind()),
        }
    }
}
