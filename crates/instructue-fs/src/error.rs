//! The error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of reading, writing, locking and checking. Each names the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// A directory, a pipe or a device stands where a file is expected. Reading it might never
    /// end.
    #[error("{}: expected a regular file, found {found}", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What was found.
        found: &'static str,
    },
    /// The content differs from what its manifest, its format or a limit demands.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The expected content.
        expected: String,
        /// The content that was found.
        found: String,
    },
    /// Another process works in the directory.
    #[error(
        "{}: in use by process {pid} since {since}: wait until it has ended, or choose another directory",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other process, or `?`.
        pid: String,
        /// The time at which it claimed the directory, or `?`.
        since: String,
    },
    /// The existing content was not made by this program, so it is neither changed nor removed.
    #[error(
        "{}: expected {expected}, found {found}: nothing was changed; choose another path, or move this away",
        path.display()
    )]
    Foreign {
        /// The path.
        path: PathBuf,
        /// The content that may be replaced.
        expected: String,
        /// The content that was found.
        found: String,
    },
}

impl Error {
    /// Wraps an error of the operating system with the path it concerns.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn content(
        path: impl Into<PathBuf>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Content {
            path: path.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// The path that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::NotRegular { path, .. }
            | Self::Content { path, .. }
            | Self::InUse { path, .. }
            | Self::Foreign { path, .. } => path,
        }
    }

    /// The error without the path.
    pub fn reason(&self) -> String {
        let whole = self.to_string();
        let path = format!("{}: ", self.path().display());
        whole.strip_prefix(&path).map(String::from).unwrap_or(whole)
    }

    /// Whether the content is wrong or missing, in contrast to a refusal of the operating system.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Content { .. } | Self::NotRegular { .. }) || self.is_not_found()
    }

    /// Whether the file or directory does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
