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
//!     eprintln!("{}: {} of {} bytes", step.file, step.done, step.total);
//! })?;
//! # Ok::<(), instructue_pipeline::hub::HubError>(())
//! ```

#[cfg(feature = "hub")]
mod download;
mod files;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use files::missing;

/// Where models are looked for, and whether the network may be asked.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubOptions {
    /// The hub's cache folder, the one that holds `models--…`.
    pub cache: Option<PathBuf>,
    /// Another address than the hub's own, without a slash at its end.
    pub endpoint: Option<String>,
    /// For models that are not public.
    pub token: Option<String>,
    /// Never ask the network.
    pub offline: bool,
}

/// Without the token.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .finish()
    }
}

impl HubOptions {
    /// A cache folder, and the network allowed.
    pub fn with_cache(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: Some(cache.into()),
            endpoint: None,
            token: None,
            offline: false,
        }
    }

    /// As the hub's other clients read them: `HF_HUB_CACHE`, else `hub` in `HF_HOME`,
    /// else the folder in the user's cache; `HF_ENDPOINT`; `HF_TOKEN`, else the file
    /// `token` in `HF_HOME`; `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`.
    pub fn from_env() -> Self {
        Self::from_variables(&|name| std::env::var_os(name))
    }

    /// As [`from_env`](Self::from_env), from variables that `get` knows.
    pub fn from_variables(get: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let text = |name: &str| get(name).and_then(|value| value.into_string().ok());
        let path = |name: &str| get(name).map(PathBuf::from);
        let home = || path("HOME").or_else(|| path("USERPROFILE"));
        let caches = path("XDG_CACHE_HOME").or_else(|| Some(home()?.join(".cache")));
        let hub = path("HF_HOME").or_else(|| Some(caches?.join("huggingface")));
        let saved = hub.as_ref().map(|hub| hub.join("token"));
        let saved = path("HF_TOKEN_PATH").or(saved);
        let token = text("HF_TOKEN").or_else(|| instructue_fs::read_text(&saved?).ok());
        let token = token.map(|token| token.trim().to_owned());
        let set = |name: &str| {
            let value = text(name).unwrap_or_default().to_uppercase();
            ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
        };
        Self {
            cache: path("HF_HUB_CACHE").or_else(|| Some(hub?.join("hub"))),
            endpoint: text("HF_ENDPOINT").map(|url| url.trim_end_matches('/').to_owned()),
            token: token.filter(|token| !token.is_empty()),
            offline: set("HF_HUB_OFFLINE") || set("TRANSFORMERS_OFFLINE"),
        }
    }
}

/// How far a download is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadStep<'a> {
    /// The file, by its path in the repository.
    pub file: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Why a name leads to no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Neither a path nor an id.
    #[error(
        "`{name}`: expected a directory, a GGUF file, or a hub id such as `org/name` or \
         `org/name@revision`; there is no such path, and it is no such id"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// Not here, and the network may not be asked.
    #[error(
        "`{id}`: there is no such path, and {folder} holds no whole snapshot of it: {found}; \
         expected {expected}. The network is not asked ({why}): allow it once, or give the path \
         of a directory with these files",
        folder = folder.display()
    )]
    Offline {
        /// The id with its revision.
        id: String,
        /// The model's folder in the cache.
        folder: PathBuf,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
        /// Which setting forbids it.
        why: &'static str,
    },
    /// No folder to look in or download to.
    #[error("no folder for models of the hub: expected HF_HUB_CACHE, HF_HOME or HOME to be set")]
    NoCache,
    /// The hub could not be asked, or the file not be had from it.
    #[error(
        "`{id}`: {file} could not be had from {endpoint}: {reason}; check the id, the network, \
         HF_ENDPOINT, and HF_TOKEN if the model is not public"
    )]
    Download {
        /// The id with its revision.
        id: String,
        /// The file, or what else was asked for.
        file: String,
        /// The hub's address.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// The repository has no model that can be read.
    #[error("`{id}` has no model that can be read: expected {expected}")]
    Incomplete {
        /// The id with its revision.
        id: String,
        /// The files that it lacks.
        expected: String,
    },
    /// A file that says which others belong to the model is not what it should be.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The path of a model: `name` itself if it exists, else that of the hub's snapshot,
/// downloaded if it is not in the cache. `progress` is called while it is.
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
    progress: &mut dyn FnMut(&DownloadStep<'_>),
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

/// `org/name@revision`.
#[derive(Debug, PartialEq, Eq)]
struct Id<'a> {
    /// `org/name`
    name: &'a str,
    revision: &'a str,
}

impl<'a> Id<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, revision) = text.split_once('@').unwrap_or((text, "main"));
        // Both become parts of paths and addresses.
        let plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(known)
        };
        let (org, model) = name.split_once('/')?;
        let fits = plain(org) && plain(model) && !name.contains("--") && !name.contains("..");
        (fits && revision.split('/').all(plain)).then_some(Self { name, revision })
    }

    fn folder(&self) -> String {
        format!("models--{}", self.name.replace('/', "--"))
    }
}

/// The folder of a revision: a commit, or a branch or tag that names one.
fn snapshot(folder: &Path, revision: &str) -> Option<PathBuf> {
    let named = instructue_fs::read_text(&folder.join("refs").join(revision));
    let commit = named.unwrap_or_else(|_| revision.into());
    let commit = commit.trim();
    let is_name = !commit.is_empty() && !commit.contains(['/', '\\', '.']);
    let snapshot = folder.join("snapshots").join(commit);
    (is_name && snapshot.is_dir()).then_some(snapshot)
}
