//! GGUF files: metadata, dequantised tensors, and the tokenizer rebuilt.
//!
//! A [`Gguf`] is an open file whose header has been read and checked: counts,
//! lengths and offsets are believed only where the file can hold what they
//! claim. Tensors become `f32` one at a time, bit for bit as the reference
//! implementation dequantises them, and [`Gguf::tokenizer`] gives the files that
//! a Hugging Face directory would hold. The container is read here rather than
//! by an existing crate (candle-core, say) because those allocate by lengths
//! they have not checked.
//!
//! ```
//! use instructue_gguf::{Gguf, TensorType};
//! # use std::path::Path;
//! # fn main() -> instructue_gguf::Result<()> {
//! # let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/small.gguf"));
//!
//! let mut file = Gguf::open(path)?;
//! assert_eq!(file.text("general.architecture")?, Some("llama"));
//! assert_eq!(file.size("llama.block_count")?, Some(1));
//!
//! let table = file.tensor("token_embd.weight")?;
//! assert_eq!((table.kind, &table.shape[..]), (TensorType::Q8_0, &[272, 32][..]));
//! let values: Vec<f32> = file.read("token_embd.weight", &[272, 32])?;
//! assert_eq!(values[32..64], file.read_row("token_embd.weight", 1)?);
//!
//! // What is wrong is said by name.
//! let error = file.read("token_embd.weight", &[272, 64]).unwrap_err();
//! assert!(error.to_string().contains("tensor `token_embd.weight`: expected shape [272, 64]"));
//!
//! let tokenizer = file.tokenizer()?;
//! assert!(tokenizer.json.contains("\"type\":\"BPE\""));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod cursor;
mod dequantise;
mod error;
mod file;
mod header;
mod metadata;
mod strings;
mod tensor_info;
mod tensor_type;
mod tokenizer;
mod value;

pub use error::{Error, Result};
pub use file::Gguf;
pub use strings::Strings;
pub use tensor_info::TensorInfo;
pub use tensor_type::TensorType;
pub use tokenizer::Tokenizer;
pub use value::{Array, Value};
