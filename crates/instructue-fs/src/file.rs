//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::links::resolved;
use crate::operations;
use crate::temporary::{clear_leftovers, make_locked, parent};

/// A file that is written aside and takes its name when it is whole. Dropped before that,
/// nothing is left of it, and what had the name is as it was.
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
    /// Also the lock by which others know that its process lives.
    file: File,
    committed: bool,
}

impl NewFile {
    /// Begins a file, in a directory that is made if need be. Of a link it is what the link
    /// leads to.
    ///
    /// # Errors
    /// When it cannot be made, or `target` is there and is no file.
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

    /// Brings the content to the disk, then gives the file its name.
    ///
    /// # Errors
    /// When the disk does not take it; the name then keeps what it had.
    pub fn commit(mut self) -> Result<()> {
        operations::sync(&self.file).map_err(Error::io(&self.target))?;
        operations::rename(&self.path, &self.target).map_err(Error::io(&self.target))?;
        self.committed = true;
        let parent = parent(&self.target);
        operations::sync_directory(parent).map_err(Error::io(parent))
    }

    /// As [`commit`](Self::commit), but a file that has the name stays: `false`, and this
    /// one can be given another name.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_new(mut self) -> Result<std::result::Result<(), Self>> {
        operations::sync(&self.file).map_err(Error::io(&self.target))?;
        match operations::hard_link(&self.path, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Err(self)),
            // Without second names in a file system the first one to look has it.
            Err(_) if self.target.exists() => return Ok(Err(self)),
            Err(_) => return self.commit().map(Ok),
        }
        // The other name goes with this value.
        let parent = parent(&self.target).to_path_buf();
        self.remove();
        operations::sync_directory(&parent).map_err(Error::io(&parent))?;
        Ok(Ok(()))
    }

    /// The same content for another name in the same directory.
    pub fn renamed(mut self, target: &Path) -> Self {
        self.target = target.into();
        self
    }

    /// The name that it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    fn remove(&mut self) {
        self.committed = true;
        // What cannot be removed now is cleared by the next one who writes here.
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

/// Writes a file in one step: it has its old content or the new one.
///
/// # Errors
/// When the disk does not take it, or `path` is there and is no file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.commit()
}

/// Copies a regular file; the copy appears whole or not at all.
///
/// # Errors
/// When one cannot be read or the other not be written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source = crate::read::open(from)?;
    let mut file = NewFile::create(to)?;
    io::copy(&mut source, &mut file).map_err(Error::io(to))?;
    file.commit()
}

/// Removes a file; that there is none is no error.
///
/// # Errors
/// When the operating system refuses.
pub fn remove_file(path: &Path) -> Result<()> {
    match operations::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// A file that only grows, line by line or record by record. A kill may cut the last one, so
/// whoever reads it takes whole records only.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: File,
}

impl AppendFile {
    /// Opens a file to append to; makes it, and its directory, if it is not there.
    ///
    /// # Errors
    /// When that cannot be done, or `path` is no file.
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
    /// When the disk does not take it.
    pub fn append(&mut self, record: &[u8]) -> Result<()> {
        operations::write(&mut self.file, record).map_err(Error::io(&self.path))
    }

    /// Brings everything so far to the disk.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&self) -> Result<()> {
        operations::sync(&self.file).map_err(Error::io(&self.path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A rename would replace a pipe or a link's target's name without a word.
fn check_file(path: &Path) -> Result<()> {
    match crate::read::kind_of(path) {
        Some(found) => Err(Error::NotRegular {
            path: path.into(),
            found,
        }),
        None => Ok(()),
    }
}
