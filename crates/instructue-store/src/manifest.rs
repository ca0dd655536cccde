//! The manifest of a user store: what it holds, and size and digest of each file.

use std::path::Path;

use instructue_fs::{Files, NewDirectory, read_sealed_value};
use instructue_schema::{Schema, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::report::IngestReport;

/// The file's name.
pub(crate) const NAME: &str = "manifest.json";

/// The content of `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    pub(crate) fingerprint: String,
    /// The schema as TOML.
    pub(crate) schema: String,
    pub(crate) report: IngestReport,
    pub(crate) shards: Vec<ShardEntry>,
    /// The files of all shards.
    pub(crate) files: Files,
}

/// A shard's entry in the manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShardEntry {
    pub(crate) users: u64,
    /// The first and last time of its events.
    pub(crate) time_range: Option<(Timestamp, Timestamp)>,
}

impl Manifest {
    /// The version of the directory's layout.
    pub(crate) const FORMAT: u32 = 2;

    pub(crate) fn new(schema: &Schema, fingerprint: &str) -> Self {
        Self {
            format: Self::FORMAT,
            fingerprint: fingerprint.into(),
            schema: schema.to_toml(),
            report: IngestReport::default(),
            shards: Vec::new(),
            files: Files::default(),
        }
    }

    pub(crate) fn read(store: &Path) -> Result<Self> {
        let path = store.join(NAME);
        let what = "the manifest of a user store";
        let value = match read_sealed_value(&path, what) {
            Err(error) if error.is_not_found() => {
                return Err(Error::NoManifest { path: store.into() });
            }
            result => result?,
        };
        let unusable = |expected: String, found: String| Error::Manifest {
            path: path.clone(),
            expected,
            found,
        };
        // The version is checked first, because another version may have other keys.
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(Self::FORMAT.into()) {
            let found = format.map_or("none".into(), |format| format.to_string());
            return Err(unusable(format!("format {}", Self::FORMAT), found));
        }
        serde_json::from_value(value).map_err(|error| unusable(what.into(), error.to_string()))
    }

    /// Writes the manifest. It must be the last file of a store.
    pub(crate) fn write(&self, store: &NewDirectory) -> Result<()> {
        Ok(store.write_sealed(NAME, self)?)
    }
}
