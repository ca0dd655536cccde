//! Models by name: a local directory, a GGUF file, or an id of the Hugging Face hub.
//!
//! [`resolve`] gives a path for any of them. What exists here wins; then the hub's
//! cache is looked at, in the layout that all of its clients share
//! (`models--org--name/snapshots/…`); what is in neither is downloaded into that
//! cache. A snapshot that is whole is used as it is: the network is not asked
//! whether there is a newer one.
//!
//! ```no_run
//! use instructue_pipeline::hub::{HubOptions, resolve};
//!
//! let options = HubOptions::from_env();
//! let dir = resolve("sentence-transformers/all-MiniLM-L6-v2", &options, &mut |step| {
//!     eprintln!("{step:?}");
//! })?;
//! # Ok::<(), instructue_pipeline::hub::HubError>(())
//! ```

#[cfg(feature = "hub")]
mod download;
mod error;
mod files;
mod id;
mod options;

use std::path::{Path, PathBuf};

pub use error::HubError;
use instructue_schema::Progress;
pub use options::HubOptions;

use files::missing;
use id::Id;

/// The path of a model: `name` itself if it exists, else that of the hub's snapshot,
/// downloaded if it is not in the cache. `progress` names each file and counts its bytes.
///
/// A download takes `config.json`, the tokenizer, the weights in safetensors (whole or
/// in shards) and what sentence-transformers puts beside them. Nothing counts as there
/// before all of it is.
///
/// # Errors
/// See [`HubError`]; each names the id, what was looked for and where.
pub fn resolve(
    name: &str,
    options: &HubOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, HubError> {
    let path = Path::new(name);
    if !name.is_empty() && path.exists() {
        return Ok(path.into());
    }
    let id = Id::parse(name).ok_or_else(|| HubError::Name { name: name.into() })?;
    let cache = options.cache.as_deref().ok_or(HubError::NoCache)?;
    let folder = cache.join(id.folder());
    let (found, expected) = match snapshot(&folder, id.revision) {
        None if folder.is_dir() => (format!("no revision `{}`", id.revision), MODEL.into()),
        None => ("nothing".into(), MODEL.into()),
        Some(snapshot) => match missing(&snapshot)? {
            lacking if lacking.is_empty() => return Ok(snapshot),
            lacking => {
                let found = format!("{} lacks files", snapshot.display());
                (found, lacking.join(", "))
            }
        },
    };
    #[cfg(feature = "hub")]
    if !options.offline {
        return download::fetch(&id, cache, options, progress);
    }
    #[cfg(not(feature = "hub"))]
    let _ = progress;
    Err(HubError::Offline {
        id: name.into(),
        folder,
        found,
        expected,
        why: match options.offline {
            true => "HF_HUB_OFFLINE is set",
            false => "this program was built without the feature `hub`",
        },
    })
}

/// What a directory needs.
const MODEL: &str = "config.json, tokenizer.json and weights in safetensors";

/// The folder of a revision: a commit, or a branch or tag that names one.
fn snapshot(folder: &Path, revision: &str) -> Option<PathBuf> {
    let named = instructue_fs::read_text(&folder.join("refs").join(revision));
    let commit = named.unwrap_or_else(|_| revision.into());
    let commit = commit.trim();
    let is_name = !commit.is_empty() && !commit.contains(['/', '\\', '.']);
    let snapshot = folder.join("snapshots").join(commit);
    (is_name && snapshot.is_dir()).then_some(snapshot)
}
