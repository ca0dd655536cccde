//! The error of this crate: files, headers, tensors and settings.

use std::path::PathBuf;

use crate::Precision;

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a checkpoint could not be read or written, or a setting was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a read or a write.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file or directory could not be opened or written, or may not be replaced.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A JSON file (configuration, shard index) is not what it should be.
    #[error("{path}: {reason}", path = path.display(), reason = line(reason))]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and where.
        reason: String,
    },
    /// The directory holds no weights.
    #[error(
        "{path}: neither model.safetensors nor model.safetensors.index.json is there",
        path = path.display()
    )]
    NoWeights {
        /// The directory.
        path: PathBuf,
    },
    /// The header of a safetensors file contradicts itself or the file.
    #[error(
        "{path}: not a valid safetensors file: {reason}",
        path = path.display(),
        reason = line(reason)
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong, with expected and found sizes.
        reason: String,
    },
    /// A tensor that the model needs is absent.
    #[error("{path}: tensor `{name}` is missing", path = path.display(), name = line(name))]
    Missing {
        /// The file or directory.
        path: PathBuf,
        /// The tensor's key.
        name: String,
    },
    /// Tensors are there that the model does not have.
    #[error(
        "{path}: tensors without a place in the model: {names} ({count} in all)",
        path = path.display(),
        count = names.len(),
        names = first(names)
    )]
    Extra {
        /// The file or directory.
        path: PathBuf,
        /// Their keys, sorted.
        names: Vec<String>,
    },
    /// A tensor has another shape than the configuration says.
    #[error(
        "{path}: tensor `{name}` should have shape {expected:?}, found {found}",
        path = path.display(),
        name = line(name),
        found = line(&format!("{found:?}"))
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The shape that follows from the configuration.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor has an element type that cannot become `f32`.
    #[error(
        "{path}: tensor `{name}` should have dtype F32, F16 or BF16, found {found}",
        path = path.display(),
        name = line(name),
        found = line(found)
    )]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The dtype in the file.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "{path}: tensor `{name}` holds {value} at element {index}; weights must be finite",
        path = path.display(),
        name = line(name)
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// Position of the first such element, row-major.
        index: usize,
        /// The value found.
        value: f32,
    },
    /// A tensor to be written is not in a form that can be.
    #[error("tensor `{name}` cannot be written: {reason}")]
    Unwritable {
        /// The tensor's key.
        name: String,
        /// Why.
        reason: String,
    },
    /// An `adapter_config.json` asks for something that is not supported.
    #[error(
        "{path}: `{key}`: expected {expected}, found {found}",
        path = path.display(),
        key = line(key),
        found = line(found)
    )]
    Peft {
        /// The file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// What is accepted.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A model cannot be written as an adapter, or not to this place.
    #[error("{path}: no adapter can be written: expected {expected}, found {found}", path = path.display())]
    Export {
        /// The directory.
        path: PathBuf,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Factors of LoRA are to be merged or unmerged that are not in the state
    /// for it.
    #[error("factors of LoRA: expected {expected} ones, found {found}")]
    Merge {
        /// `merged` or `unmerged`.
        expected: &'static str,
        /// `merged`, `unmerged` or `none`.
        found: &'static str,
    },
    /// A LoRA setting is out of range.
    #[error("lora.{key}: expected {expected}, found {found}")]
    Lora {
        /// The setting.
        key: &'static str,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A number of scaled rotary positions is out of range.
    #[error("`{key}`: expected {expected}, found {found}")]
    RopeScaling {
        /// The number's key, as in `config.json`.
        key: &'static str,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The device cannot compute in this precision.
    #[error("{device} cannot compute in {found}; it can in {expected}")]
    Precision {
        /// What was asked for.
        found: Precision,
        /// The device.
        device: String,
        /// What it can compute in.
        expected: String,
    },
    /// There is no precision of this name.
    #[error("precision: expected f32, bf16 or f16, found {0:?}")]
    UnknownPrecision(String),
    /// A weight is too large for the precision.
    #[error(
        "{path}: tensor `{name}` holds {value} at element {index}, which {precision} cannot hold",
        path = path.display()
    )]
    Overflow {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// Position of the first such element, row-major.
        index: usize,
        /// The value in the file.
        value: f32,
        /// What it should become.
        precision: Precision,
    },
    /// A mask has another number of entries than its shape says.
    #[error("attention mask of shape {shape:?} needs {expected} entries, found {found}")]
    Mask {
        /// Batch, query, key.
        shape: [usize; 3],
        /// Their product.
        expected: usize,
        /// The entries given.
        found: usize,
    },
}

/// What a file says, on one line that can be read: names may hold line feeds and
/// whole books.
pub(crate) fn line(text: &str) -> String {
    const LONGEST: usize = 500;

    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}

/// An adapter for a larger model leaves hundreds of names over; a few will do.
fn first(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| line(name)).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}
