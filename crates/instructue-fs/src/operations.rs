//! The operations that change the disk. Only this module calls the operating system for them, so
//! that a test can inject a fault at each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

#[cfg(feature = "faults")]
use crate::faults::{Next, next};

/// Runs `whole`, unless a fault is injected; then at most `half`.
#[cfg(feature = "faults")]
fn checked<T>(
    whole: impl FnOnce() -> io::Result<T>,
    half: impl FnOnce() -> io::Result<()>,
) -> io::Result<T> {
    match next()? {
        Next::Go => whole(),
        Next::Half(error) => {
            // Only the state that `half` leaves matters, not its result.
            let _ = half();
            Err(error)
        }
    }
}

#[cfg(not(feature = "faults"))]
fn checked<T>(
    whole: impl FnOnce() -> io::Result<T>,
    _half: impl FnOnce() -> io::Result<()>,
) -> io::Result<T> {
    whole()
}

fn nothing() -> io::Result<()> {
    Ok(())
}

/// Creates a file; an existing file is an error.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    checked(|| options.open(path), nothing)
}

/// Opens a file to append to, and creates it if needed.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    checked(|| options.open(path), nothing)
}

/// Writes all of `bytes`.
pub(crate) fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let (all, part) = (bytes, &bytes[..bytes.len() / 2]);
    let mut file: &File = file;
    let mut again = file;
    checked(|| file.write_all(all), || again.write_all(part))
}

/// Syncs a file's content to the disk.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    checked(|| file.sync_all(), nothing)
}

/// Syncs a directory's names to the disk, where directories can be opened.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let sync = || match File::open(path) {
        // Some file systems refuse the sync, and some directories may be written but not read.
        // Then nothing more can be done for the names.
        Ok(directory) => match directory.sync_all() {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result,
        },
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(_) if !cfg!(unix) => Ok(()),
        Err(error) => Err(error),
    };
    checked(sync, nothing)
}

/// Renames a path.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    checked(|| fs::rename(from, to), nothing)
}

/// Creates a directory and those above it.
pub(crate) fn create_directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    checked(|| fs::create_dir_all(path), nothing)
}

/// Creates a directory; an existing one is an error. Nobody else may read a `private` one.
pub(crate) fn create_directory(path: &Path, private: bool) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    if private {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    #[cfg(not(unix))]
    let _ = private;
    checked(|| builder.create(path), nothing)
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    checked(|| fs::remove_file(path), nothing)
}

/// Removes a directory with its content. It never follows a link.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let half = || match fs::read_dir(path)?.next() {
        Some(entry) => fs::remove_file(entry?.path()),
        None => Ok(()),
    };
    checked(|| fs::remove_dir_all(path), half)
}

/// Creates a hard link; an existing name is an error.
pub(crate) fn hard_link(path: &Path, name: &Path) -> io::Result<()> {
    checked(|| fs::hard_link(path, name), nothing)
}
