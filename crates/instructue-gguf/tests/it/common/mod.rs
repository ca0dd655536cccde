//! What the tests share: files in the making and comparisons.
#![allow(dead_code, unused_imports)] // each test binary uses its own part

mod writer;

use std::path::{Path, PathBuf};

use instructue_gguf::{Error, Gguf, Result};
use tempfile::TempDir;
pub use writer::*;

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

impl Writer {
    pub fn open(&self) -> Result<Gguf> {
        open(&self.bytes())
    }

    pub fn error(&self) -> String {
        said(self.open().map(drop))
    }
}

/// Opens bytes as a file. The file stays readable when its directory is gone.
pub fn open(bytes: &[u8]) -> Result<Gguf> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("bad.gguf");
    std::fs::write(&path, bytes).unwrap();
    Gguf::open(&path)
}

/// What an error says; it names the file.
pub fn said(result: Result<(), Error>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(".gguf: "), "{message}");
    message
}

#[track_caller]
pub fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}
