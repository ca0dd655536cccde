//! Writing of whole files, and of logs that only grow. Every file of an artefact is written this
//! way.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::operations;
use crate::read;
use crate::temporary::{clear_leftovers, make_locked, parent, resolved};

/// A file that is written under a temporary name and renamed to its target once it is complete.
/// If it is dropped before, it is removed and the target stays as it was.
///
/// It has the permissions that any other file of this process gets.
///
/// ```
/// use std::io::Write as _;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("deep/report.html");
/// let mut file = instructue_fs::NewFile::create(&path)?;
/// file.write_all(b"<p>")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(instructue_fs::read(&path)?, b"<p>");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NewFile {
    target: PathBuf,
    path: PathBuf,
    /// The handle also holds the lock that shows other processes that this one is alive.
    file: File,
    committed: bool,
}

impl NewFile {
    /// Creates a temporary file beside `target`, and its directory if needed. If `target` is a
    /// link, the link's target is meant.
    ///
    /// # Errors
    /// The file cannot be created, or `target` exists and is no file.
    pub fn create(target: &Path) -> Result<Self> {
        let target = &resolved(target);
        check_file(target)?;
        let parent = parent(target);
        operations::create_directories(parent).map_err(Error::io(parent))?;
        clear_leftovers(parent);
        let (path, file, _) = make_locked(target, |path| {
            let file = operations::create_new(path)?;
            let handle = file.try_clone()?;
            Ok((file, Some(handle)))
        })?;
        Ok(Self {
            target: target.into(),
            path,
            file,
            committed: false,
        })
    }

    /// Syncs the content to the disk, then renames the file to its target.
    ///
    /// # Errors
    /// The disk refuses. The target then stays as it was.
    pub fn commit(mut self) -> Result<()> {
        operations::sync(&self.file).map_err(Error::io(&self.target))?;
        operations::rename(&self.path, &self.target).map_err(Error::io(&self.target))?;
        self.committed = true;
        let parent = parent(&self.target);
        operations::sync_directory(parent).map_err(Error::io(parent))
    }

    /// Like [`commit`](Self::commit), but an existing target stays. Then the file is returned, so
    /// that it can be given another name.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_new(mut self) -> Result<std::result::Result<(), Self>> {
        operations::sync(&self.file).map_err(Error::io(&self.target))?;
        match operations::hard_link(&self.path, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Err(self)),
            // On a file system without hard links an existing target decides.
            Err(_) if self.target.exists() => return Ok(Err(self)),
            Err(_) => return self.commit().map(Ok),
        }
        // The temporary name is removed with this value.
        let parent = parent(&self.target).to_path_buf();
        self.remove();
        operations::sync_directory(&parent).map_err(Error::io(&parent))?;
        Ok(Ok(()))
    }

    /// The same content for another target in the same directory.
    pub fn renamed(mut self, target: &Path) -> Self {
        self.target = target.into();
        self
    }

    /// The target's path.
    pub fn target(&self) -> &Path {
        &self.target
    }

    fn remove(&mut self) {
        self.committed = true;
        // If the removal fails, the next writer clears the file.
        let _ = operations::remove_file(&self.path);
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        operations::write(&mut self.file, bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for NewFile {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.committed {
            self.remove();
        }
    }
}

/// Writes a file in one step. A reader finds the old content or the new one.
///
/// # Errors
/// The disk refuses, or `path` exists and is no file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.commit()
}

/// Copies a regular file. The copy appears complete or not at all.
///
/// # Errors
/// The source cannot be read, or the copy cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source = read::open(from)?;
    let mut file = NewFile::create(to)?;
    io::copy(&mut source, &mut file).map_err(Error::io(to))?;
    file.commit()
}

/// Removes a file. A missing file is no error.
///
/// # Errors
/// The operating system refuses.
pub fn remove_file(path: &Path) -> Result<()> {
    match operations::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// A file that only grows, line by line or record by record. A kill may cut the last record, so a
/// reader must take complete records only.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: File,
}

impl AppendFile {
    /// Opens a file to append to. The file and its directory are created if needed.
    ///
    /// # Errors
    /// The operating system refuses, or `path` is no file.
    pub fn open(path: &Path) -> Result<Self> {
        check_file(path)?;
        let parent = parent(path);
        operations::create_directories(parent).map_err(Error::io(parent))?;
        let file = operations::open_append(path).map_err(Error::io(path))?;
        Ok(Self {
            path: path.into(),
            file,
        })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn append(&mut self, record: &[u8]) -> Result<()> {
        operations::write(&mut self.file, record).map_err(Error::io(&self.path))
    }

    /// Syncs everything written so far to the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&self) -> Result<()> {
        operations::sync(&self.file).map_err(Error::io(&self.path))
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses a path that is no file. A rename would silently replace a pipe.
fn check_file(path: &Path) -> Result<()> {
    match read::kind_of(path) {
        Some(found) => Err(Error::NotRegular {
            path: path.into(),
            found,
        }),
        None => Ok(()),
    }
}
