//! Writing and replacing of whole directories. It is needed for every artefact of several files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::manifest::{Entry, to_sealed};
use crate::operations;
use crate::temporary::{
    Kind, beside, clear_leftovers, clear_leftovers_of, is_aside, lock, make_locked, parent,
    recover, resolved,
};

/// The paths of this process's private directories, which a handler of signals removes.
static PRIVATE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A directory that is filled under a temporary name and renamed to its target once it is
/// complete. If it is dropped before, it is removed and the target stays as it was.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let target = dir.path().join("model");
/// let new = instructue_fs::NewDirectory::create(&target)?;
/// std::fs::write(new.path().join("weights"), "1 2 3")?;
/// assert!(!target.exists());
/// new.commit()?;
/// assert!(target.join("weights").is_file());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NewDirectory {
    target: PathBuf,
    path: PathBuf,
    /// The lock shows other processes that this one is alive.
    _lock: Option<File>,
    committed: bool,
}

impl NewDirectory {
    /// Creates a temporary directory beside `target`, and the directories above it if needed. If
    /// `target` is a link, the link's target is meant.
    ///
    /// # Errors
    /// The directory cannot be created, `target` is no directory, or no other directory can take
    /// its place: it is `.` or `..`, or another file system begins there.
    pub fn create(target: &Path) -> Result<Self> {
        let target = &resolved(target);
        recover(target);
        check_movable(target)?;
        let parent = parent(target);
        operations::create_directories(parent).map_err(Error::io(parent))?;
        clear_leftovers(parent);
        Self::make(target, false)
    }

    /// Creates a private directory, which nobody else may read and which is never renamed to its
    /// target. It is for data that are needed while a process runs. It is removed with the value,
    /// or by [`remove_private`]. After a kill, the next private directory that this user creates
    /// beside the same target removes it.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn create_private(target: &Path) -> Result<Self> {
        let parent = parent(target);
        operations::create_directories(parent).map_err(Error::io(parent))?;
        clear_leftovers_of(target);
        let directory = Self::make(target, true)?;
        let mut all = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(directory.path.clone());
        Ok(directory)
    }

    fn make(target: &Path, private: bool) -> Result<Self> {
        let (path, (), lock) = make_locked(target, |path| {
            operations::create_directory(path, private)?;
            // A system that cannot open directories has no locks on them either.
            Ok(((), File::open(path).ok()))
        })?;
        Ok(Self {
            target: target.into(),
            path,
            _lock: lock,
            committed: false,
        })
    }

    /// Writes a file into the directory and returns its size and digest for a manifest.
    ///
    /// # Errors
    /// The file cannot be written, or the name is taken.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<Entry> {
        let path = self.path.join(name);
        let mut file = operations::create_new(&path).map_err(Error::io(&path))?;
        operations::write(&mut file, bytes).map_err(Error::io(&path))?;
        Ok(Entry::of_bytes(bytes))
    }

    /// Writes a manifest into the directory: JSON with a seal.
    ///
    /// # Errors
    /// As [`write`](Self::write), or `value` is no JSON object.
    pub fn write_sealed(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let bytes = to_sealed(&self.path.join(name), value)?;
        self.write(name, &bytes).map(|_| ())
    }

    /// The temporary path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs everything to the disk, then renames the directory to its target. An existing target
    /// is replaced; the caller decides whether it may be.
    ///
    /// # Errors
    /// The disk refuses. The target is then as it was, unless only the last sync of names failed.
    pub fn commit(mut self) -> Result<()> {
        sync_tree(&self.path)?;
        let parent = parent(&self.target).to_path_buf();
        let old = match self.target.exists() {
            true => Some(self.set_old_aside()?),
            false => None,
        };
        if let Err(error) = operations::rename(&self.path, &self.target) {
            if let Some((old, _)) = &old {
                // If this fails too, the next reader brings the old directory back.
                let _ = operations::rename(old, &self.target);
            }
            return Err(Error::io(&self.target)(error));
        }
        self.committed = true;
        operations::sync_directory(&parent).map_err(Error::io(&parent))?;
        if let Some((old, _lock)) = old {
            // If the old directory cannot be removed now, the next writer clears it. A
            // half-removed directory must not be brought back, so it first gets a name that marks
            // it as removed.
            let gone = beside(&self.target, Kind::Gone);
            let _ = operations::rename(&old, &gone).and_then(|()| operations::remove_tree(&gone));
        }
        Ok(())
    }

    /// Renames the target under a lock, so that readers wait for the new directory.
    fn set_old_aside(&self) -> Result<(PathBuf, Option<File>)> {
        let old = beside(&self.target, Kind::Old);
        let handle = File::open(&self.target).ok();
        if !handle.as_ref().is_none_or(lock) {
            return Err(Error::InUse {
                path: self.target.clone(),
                pid: "?".into(),
                since: "?".into(),
            });
        }
        operations::rename(&self.target, &old).map_err(Error::io(&self.target))?;
        Ok((old, handle))
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // If the removal fails, the next writer clears the directory.
        let _ = operations::remove_tree(&self.path);
        let mut private = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
        private.retain(|path| *path != self.path);
    }
}

/// Checks that another directory can take the place of `target`.
fn check_movable(target: &Path) -> Result<()> {
    let foreign = |found: &str| Error::Foreign {
        path: target.into(),
        expected: "nothing or a directory with a name, to replace".into(),
        found: found.into(),
    };
    if target.file_name().is_none() {
        return Err(foreign("a path that ends in no name"));
    }
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(foreign("something that is no directory"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
        if device(target) != device(parent(target)) {
            return Err(foreign(
                "where another file system begins; name one below it",
            ));
        }
    }
    Ok(())
}

/// Checks that `target` may be replaced: it does not exist, is empty, or holds `marker` and
/// otherwise only files that belong to `what`. A program calls this before its work begins.
///
/// # Errors
/// [`Error::Foreign`] names a file that would be lost.
pub fn check_replaceable(
    target: &Path,
    what: &str,
    marker: &str,
    belongs: impl Fn(&str) -> bool,
) -> Result<()> {
    recover(target);
    let foreign = |found: String| Error::Foreign {
        path: target.into(),
        expected: format!("nothing, an empty directory or {what} to replace"),
        found,
    };
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(foreign("a file".into()));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(target).map_err(Error::io(target))? {
        let name = entry.map_err(Error::io(target))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.retain(|name| !is_aside(name));
    if names.is_empty() {
        return Ok(());
    }
    if !names.iter().any(|name| name == marker) {
        return Err(foreign(format!("a directory without {marker}")));
    }
    names.retain(|name| name != marker && !belongs(name));
    names.sort();
    match names.first() {
        None => Ok(()),
        Some(other) => Err(foreign(format!("{other:?} beside it"))),
    }
}

/// Removes the private directories of this process. A handler of signals calls it before the
/// process ends.
pub fn remove_private() {
    let mut all = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
    for path in all.drain(..) {
        // Other threads still write there. Under another name they find no directory to write
        // into; only files that are already open go on.
        let gone = beside(&path, Kind::Gone);
        let path = match operations::rename(&path, &gone) {
            Ok(()) => gone,
            Err(_) => path,
        };
        let _ = (0..20).find(|_| operations::remove_tree(&path).is_ok() || !path.exists());
    }
}

/// Creates a directory and those above it.
///
/// # Errors
/// The operating system refuses.
pub fn create_directory(path: &Path) -> Result<()> {
    operations::create_directories(path).map_err(Error::io(path))
}

/// Removes a directory with its content in one step: under its name it is complete or missing. A
/// missing directory is no error.
///
/// # Errors
/// The operating system refuses, or `path` is no directory.
pub fn remove_directory(path: &Path) -> Result<()> {
    // Without this, the rest of a killed replacement would come back under the name.
    recover(path);
    clear_leftovers(parent(path));
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    if !path.is_dir() || path.is_symlink() {
        return Err(Error::Foreign {
            path: path.into(),
            expected: "a directory to remove".into(),
            found: "something else".into(),
        });
    }
    let gone = beside(path, Kind::Gone);
    let handle = File::open(path).ok();
    // If the lock is taken, a writer has just finished with this directory.
    let _ = handle.as_ref().map(lock);
    operations::rename(path, &gone).map_err(Error::io(path))?;
    operations::remove_tree(&gone).map_err(Error::io(&gone))
}

/// Syncs the content of all files below a directory, then the names.
fn sync_tree(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
        let entry = entry.map_err(Error::io(directory))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let kind = kind.map_err(Error::io(&path))?;
        if kind.is_dir() {
            sync_tree(&path)?;
        } else if kind.is_file() {
            let file = File::open(&path).map_err(Error::io(&path))?;
            operations::sync(&file).map_err(Error::io(&path))?;
        }
    }
    operations::sync_directory(directory).map_err(Error::io(directory))
}
