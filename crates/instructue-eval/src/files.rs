//! Files that a reader sees whole or not at all.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Writes `value` as JSON that a person can read, under its name only when it is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn save_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(json(path))?;
    bytes.push(b'\n');
    write_atomically(path, &bytes)
}

/// Reads what [`save_json`] wrote.
///
/// # Errors
/// When the file cannot be read or is of another layout.
pub fn load_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = instructue_fs::read(path)?;
    serde_json::from_slice(&bytes).map_err(json(path))
}

fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Error + '_ {
    move |source| Error::Json {
        path: path.to_owned(),
        source,
    }
}

/// Writes a file that a reader sees whole or not at all.
///
/// # Errors
/// When the file cannot be written; then nothing is left of it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(instructue_fs::write(path, bytes)?)
}
