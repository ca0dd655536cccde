//! Checksums of an artefact's files. A writer needs them for a manifest, a reader to detect
//! damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::file::write;
use crate::read::{open, read, read_text};

/// The key of a sealed JSON file that holds the digest of all other keys.
const SEAL: &str = "seal";

/// The SHA-256 of bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The size and digest of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Entry {
    /// Computes the entry of a regular file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let mut file = open(path)?;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer).map_err(Error::io(path))?;
            if read == 0 {
                let sha256 = hex(&digest.finalize());
                return Ok(Self { bytes, sha256 });
            }
            bytes += read as u64;
            digest.update(&buffer[..read]);
        }
    }

    /// Computes the entry of a file that will hold `bytes`.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            sha256: digest(bytes),
        }
    }

    /// Checks that the file that was found is the one that was written.
    fn check(&self, path: &Path, found: &Self) -> Result<()> {
        if self.bytes != found.bytes {
            let expected = format!("{} bytes as in the manifest", self.bytes);
            return Err(Error::content(path, expected, found.bytes));
        }
        if self.sha256 != found.sha256 {
            let expected = format!("SHA-256 {} as in the manifest", self.sha256);
            return Err(Error::content(path, expected, &found.sha256));
        }
        Ok(())
    }
}

/// The files of an artefact by name, with `/` between a folder and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Files(BTreeMap<String, Entry>);

impl Files {
    /// Computes the entries of all files below `directory`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(directory: &Path) -> Result<Self> {
        let mut files = Self::default();
        files.add_all(directory, "")?;
        Ok(files)
    }

    fn add_all(&mut self, directory: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
            let entry = entry.map_err(Error::io(directory))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.add_all(&entry.path(), &format!("{name}/"))?;
            } else {
                self.0.insert(name, Entry::of(&entry.path())?);
            }
        }
        Ok(())
    }

    /// Adds a file.
    pub fn insert(&mut self, name: impl Into<String>, entry: Entry) {
        self.0.insert(name.into(), entry);
    }

    /// The files' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A file's size and digest.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The path of a file, once its content was checked.
    ///
    /// # Errors
    /// The manifest lacks the name, the file does not exist, or its content differs.
    pub fn path(&self, directory: &Path, name: &str) -> Result<PathBuf> {
        let (path, entry) = self.find(directory, name)?;
        entry.check(&path, &Entry::of(&path)?)?;
        Ok(path)
    }

    /// The checked content of a file. The file is read once.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn read(&self, directory: &Path, name: &str) -> Result<Vec<u8>> {
        let (path, entry) = self.find(directory, name)?;
        let bytes = read(&path)?;
        entry.check(&path, &Entry::of_bytes(&bytes))?;
        Ok(bytes)
    }

    /// Checks every file.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn check(&self, directory: &Path) -> Result<()> {
        self.names()
            .try_for_each(|name| self.path(directory, name).map(|_| ()))
    }

    fn find(&self, directory: &Path, name: &str) -> Result<(PathBuf, &Entry)> {
        let path = directory.join(name);
        let Some(entry) = self.0.get(name) else {
            let expected = "an entry of the manifest with size and digest";
            return Err(Error::content(path, expected, "none"));
        };
        // Anybody may have written the manifest.
        let inside = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside || name.is_empty() {
            let expected = "names of files below the manifest's directory";
            return Err(Error::content(directory, expected, format!("{name:?}")));
        }
        Ok((path, entry))
    }
}

/// The JSON text of a value with a seal: a key `seal` that holds the digest of all other keys.
///
/// # Errors
/// `value` is no JSON object; the message names `path`.
pub fn to_sealed(path: &Path, value: &impl Serialize) -> Result<Vec<u8>> {
    let broken = |error: serde_json::Error| Error::content(path, "a value that JSON has", error);
    // The value is serialised to text first, so that the digest is of what a reader parses.
    let text = serde_json::to_vec(value).map_err(broken)?;
    let mut json: Value = serde_json::from_slice(&text).map_err(broken)?;
    // Another build of the JSON library may keep another order of keys.
    json.sort_all_objects();
    let seal = digest(&serde_json::to_vec(&json).map_err(broken)?);
    let Value::Object(object) = &mut json else {
        return Err(Error::content(path, "a JSON object", "another value"));
    };
    object.insert(SEAL.into(), seal.into());
    serde_json::to_vec_pretty(&json).map_err(broken)
}

/// Writes a value as JSON with a seal. The file appears complete or not at all.
///
/// # Errors
/// As [`to_sealed`] and [`write()`].
pub fn write_sealed(path: &Path, value: &impl Serialize) -> Result<()> {
    write(path, &to_sealed(path, value)?)
}

/// Reads a file that [`write_sealed`] wrote. `what` names the expected content in an error.
///
/// # Errors
/// The file cannot be read, was changed, or holds something else.
pub fn read_sealed<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T> {
    let json = read_sealed_value(path, what)?;
    serde_json::from_value(json).map_err(|error| Error::content(path, what, plain(&error)))
}

/// Like [`read_sealed`], for a file whose type is decided by its content.
///
/// # Errors
/// As [`read_sealed`].
pub fn read_sealed_value(path: &Path, what: &str) -> Result<Value> {
    let text = read_text(path)?;
    let mut json: Value =
        serde_json::from_str(&text).map_err(|error| Error::content(path, what, plain(&error)))?;
    let seal = json.as_object_mut().and_then(|object| object.remove(SEAL));
    json.sort_all_objects();
    let Some(Value::String(expected)) = seal else {
        let expected = format!("{what} with its digest under `{SEAL}`");
        // An earlier version of this program wrote no seal.
        let version = ["format", "version"]
            .iter()
            .find_map(|key| json.get(*key)?.as_u64());
        let found = version.map_or("none".into(), |version| {
            format!("none, in format {version}")
        });
        return Err(Error::content(path, expected, found));
    };
    let found = serde_json::to_vec(&json).map(|bytes| digest(&bytes));
    let found = found.map_err(|error| Error::content(path, what, plain(&error)))?;
    if found != expected {
        let expected = format!("content with SHA-256 {expected} as under `{SEAL}`");
        return Err(Error::content(path, expected, found));
    }
    Ok(json)
}

/// The reason why a JSON text is refused, without any of its content.
fn plain(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Io => "a file that cannot be read",
        Category::Syntax => "no JSON",
        Category::Data => return error.to_string(),
        Category::Eof => "JSON that ends early",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}
