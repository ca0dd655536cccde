//! Directories that appear whole or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::links::resolved;
use crate::manifest::{Entry, to_sealed};
use crate::operations;
use crate::temporary::{
    Kind, beside, clear_leftovers, clear_leftovers_of, is_aside, lock, make_locked, parent, recover,
};

/// Directories that hold what nobody else may read, by their paths: a signal removes them.
static PRIVATE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A directory that is filled aside and takes its name when it is whole. Dropped before
/// that, nothing is left of it, and what had the name is as it was.
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
    /// The lock by which others know that its process lives.
    _lock: Option<File>,
    committed: bool,
}

impl NewDirectory {
    /// Begins a directory beside `target`; those above are made if need be. Of a link it is
    /// what the link leads to.
    ///
    /// # Errors
    /// When it cannot be made, or `target` is there and is no directory, or one that nothing
    /// can take the place of: `.`, `..`, or where another file system begins.
    pub fn create(target: &Path) -> Result<Self> {
        let target = &resolved(target);
        recover(target);
        check_movable(target)?;
        let parent = parent(target);
        operations::create_directories(parent).map_err(Error::io(parent))?;
        clear_leftovers(parent);
        Self::make(target, false)
    }

    /// Begins one that nobody else may look into and that never takes its target's name, for
    /// what is needed while a process runs: it goes with the value, with [`remove_private`],
    /// or, after a kill, with the next one of this user that is made beside the same target.
    ///
    /// # Errors
    /// When it cannot be made.
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
            // Where directories cannot be opened there are no locks on them either.
            Ok(((), File::open(path).ok()))
        })?;
        Ok(Self {
            target: target.into(),
            path,
            _lock: lock,
            committed: false,
        })
    }

    /// Writes a file into it, and gives its size and digest for a manifest.
    ///
    /// # Errors
    /// When the disk does not take it, or there is one of this name.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<Entry> {
        let path = self.path.join(name);
        let mut file = operations::create_new(&path).map_err(Error::io(&path))?;
        operations::write(&mut file, bytes).map_err(Error::io(&path))?;
        Ok(Entry::of_bytes(bytes))
    }

    /// Writes a manifest into it: JSON with a seal.
    ///
    /// # Errors
    /// As [`write`](Self::write); when `value` is no JSON object.
    pub fn write_sealed(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let bytes = to_sealed(&self.path.join(name), value)?;
        self.write(name, &bytes).map(|_| ())
    }

    /// Where it is while it is filled.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings everything to the disk, then puts it in the place of the target. One that is
    /// there is replaced; whether it may be is the caller's to know.
    ///
    /// # Errors
    /// When the disk does not take it. The target is then as it was, unless it is the names
    /// that could not be brought to the disk.
    pub fn commit(mut self) -> Result<()> {
        sync_tree(&self.path)?;
        let parent = parent(&self.target).to_path_buf();
        let old = match self.target.exists() {
            true => Some(self.set_old_aside()?),
            false => None,
        };
        if let Err(error) = operations::rename(&self.path, &self.target) {
            if let Some((old, _)) = &old {
                // If that fails, too, the next reader brings it back.
                let _ = operations::rename(old, &self.target);
            }
            return Err(Error::io(&self.target)(error));
        }
        self.committed = true;
        operations::sync_directory(&parent).map_err(Error::io(&parent))?;
        if let Some((old, _lock)) = old {
            // What cannot be removed now is cleared by the next one who writes here; half of
            // it must not be brought back, so it gets the name of what is to go.
            let gone = beside(&self.target, Kind::Gone);
            let _ = operations::rename(&old, &gone).and_then(|()| operations::remove_tree(&gone));
        }
        Ok(())
    }

    /// Renames the target, locked, so that readers wait for the new one.
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
        // What cannot be removed now is cleared by the next one who writes here.
        let _ = operations::remove_tree(&self.path);
        let mut private = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
        private.retain(|path| *path != self.path);
    }
}

/// Whether another directory can take the place of `target`, or its name if it is not there.
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

/// Whether `target` may be replaced: it is not there, it is empty, or it holds `marker` and
/// nothing but files that belong to `what`. To be asked before the work begins.
///
/// # Errors
/// [`Error::Foreign`] names what would be lost.
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

/// Removes the private directories of this process: for a handler of signals, before the
/// process ends.
pub fn remove_private() {
    let mut all = PRIVATE.lock().unwrap_or_else(PoisonError::into_inner);
    for path in all.drain(..) {
        // Other threads still write there: under another name they find nothing to write into,
        // but for files that are open already.
        let gone = beside(&path, Kind::Gone);
        let path = match operations::rename(&path, &gone) {
            Ok(()) => gone,
            Err(_) => path,
        };
        let _ = (0..20).find(|_| operations::remove_tree(&path).is_ok() || !path.exists());
    }
}

/// Makes a directory and those above it.
///
/// # Errors
/// When that cannot be done.
pub fn create_directory(path: &Path) -> Result<()> {
    operations::create_directories(path).map_err(Error::io(path))
}

/// Removes a directory with everything in it in one step: under its name it is there whole
/// or not at all. That there is none is no error.
///
/// # Errors
/// When the operating system refuses, or `path` is no directory.
pub fn remove_directory(path: &Path) -> Result<()> {
    // Or what a killed replacement left would come back under the name.
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
    // A lock that another one has is of a writer that just finished with this directory.
    let _ = handle.as_ref().map(lock);
    operations::rename(path, &gone).map_err(Error::io(path))?;
    operations::remove_tree(&gone).map_err(Error::io(&gone))
}

/// Content of all files below a directory, then the names.
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
