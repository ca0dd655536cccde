//! Files and directories that are written aside and renamed into place when they are
//! whole. A temporary one is its owner's alone; these have the permissions that others
//! made by the same program have, because that is what they become.

use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile, TempDir};

/// A directory in `parent`, removed when it is dropped.
///
/// # Errors
/// When it cannot be made.
pub fn directory_in(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.prefix(prefix).tempdir_in(parent)
}

/// An open file in `parent`, removed when it is dropped.
///
/// # Errors
/// When it cannot be made.
pub fn file_in(parent: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(prefix).tempfile_in(parent)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn they_have_the_permissions_of_others() {
        let parent = tempfile::tempdir().unwrap();
        let permissions = |path: &Path| fs::metadata(path).unwrap().permissions();
        let (plain, path) = (parent.path().join("plain"), parent.path().join("file"));
        fs::create_dir(&plain).unwrap();
        fs::write(&path, "").unwrap();
        let directory = directory_in(parent.path(), ".partial-").unwrap();
        assert_eq!(permissions(directory.path()), permissions(&plain));
        let file = file_in(parent.path(), ".partial-").unwrap();
        assert_eq!(permissions(file.path()), permissions(&path));
    }
}
