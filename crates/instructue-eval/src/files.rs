//! Files that a reader sees whole or not at all.

use std::io::Write as _;
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
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    serde_json::from_slice(&bytes).map_err(json(path))
}

fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Error + '_ {
    move |source| Error::Json {
        path: path.to_owned(),
        source,
    }
}

/// Writes a file beside `path` and renames it.
///
/// # Errors
/// When the file cannot be written; then nothing is left of it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // Best effort: what matters is the first error.
        let _ = std::fs::remove_file(&temporary);
        Error::io(path)(error)
    })
}
