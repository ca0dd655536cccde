//! Links at the place that a file or directory is written to.

use std::path::{Path, PathBuf};

/// What a link leads to, and all else as it is: a rename would replace the link.
pub(crate) fn resolved(target: &Path) -> PathBuf {
    match target.is_symlink() {
        true => target.canonicalize().unwrap_or_else(|_| target.into()),
        false => target.into(),
    }
}
