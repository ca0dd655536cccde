//! What can be wrong with the name of a model.

use std::path::PathBuf;

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
