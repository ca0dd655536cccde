//! Names of what is not whole yet, and what becomes of it when its process dies.
//!
//! Everything that is written aside lies beside its target as
//! `.TARGET.instructue-KIND-RANDOM` and is locked by its process, so whoever comes
//! later can tell what a dead one left from what a living one writes.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::operations;

/// Between a target's name and the kind.
const MARK: &str = ".instructue-";
/// How long a reader waits for a process that is just replacing what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// Names are tried anew when a process that clears up was faster; that is rare.
const ATTEMPTS: usize = 16;

/// What something written aside is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To take the target's place.
    New,
    /// The target as it was, while the new one takes its place.
    Old,
    /// On its way out.
    Gone,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Gone => "gone",
        }
    }
}

/// A fresh name beside `target`.
pub(crate) fn beside(target: &Path, kind: Kind) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.unwrap_or_default().as_nanos() as u64;
    let process = u64::from(std::process::id());
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    let random = format!("{process:x}-{nanoseconds:x}-{count:x}");
    name.push(format!("{MARK}{}-{random}", kind.as_str()));
    target.with_file_name(name)
}

/// The target's name and the kind, if `name` is one of [`beside`].
fn parse(name: &str) -> Option<(&str, Kind)> {
    let (target, rest) = name.strip_prefix('.')?.rsplit_once(MARK)?;
    let (kind, random) = rest.split_once('-')?;
    let kind = [Kind::New, Kind::Old, Kind::Gone]
        .into_iter()
        .find(|known| known.as_str() == kind)?;
    let parts: Vec<&str> = random.split('-').collect();
    let hex = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    (!target.is_empty() && parts.len() == 3 && parts.iter().all(hex)).then_some((target, kind))
}

/// Whether a directory entry of this name was written aside by this crate.
pub(crate) fn is_aside(name: &str) -> bool {
    parse(name).is_some()
}

/// The directory that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// An exclusive lock on an open file or directory, for as long as the handle lives.
/// `Ok(false)`: another one has it. Where there are no locks everybody has it.
pub(crate) fn lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// A lock on something that a dead process may have left; `None` if a living one has it, or
/// if that cannot be told.
fn lock_of_dead(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// Makes something aside with `make` and locks it, so that nobody clears it away.
pub(crate) fn make_locked<T>(
    target: &Path,
    mut make: impl FnMut(&Path) -> std::io::Result<(T, Option<File>)>,
) -> Result<(PathBuf, T, Option<File>)> {
    let mut path = beside(target, Kind::New);
    for _ in 0..ATTEMPTS {
        let (made, handle) = make(&path).map_err(Error::io(&path))?;
        if handle.as_ref().is_none_or(lock) && path.exists() {
            return Ok((path, made, handle));
        }
        path = beside(target, Kind::New);
    }
    let busy = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
    Err(Error::io(&path)(busy))
}

/// Clears up in `directory` what dead processes left: what was not whole goes, and what was
/// being replaced comes back.
///
/// Nothing is an error here: what cannot be cleared now can be later.
pub fn clear_leftovers(directory: &Path) {
    for (path, target, kind) in asides(directory) {
        let Some(_lock) = lock_of_dead(&path) else {
            continue;
        };
        if kind == Kind::Old && !target.exists() {
            let _ = operations::rename(&path, &target);
        } else if path.is_dir() {
            let _ = operations::remove_tree(&path);
        } else {
            let _ = operations::remove_file(&path);
        }
    }
}

/// Brings back `target` if a process died while it replaced it, and waits for one that is
/// just doing so. To be called before something is read that [`NewDirectory`] writes.
///
/// [`NewDirectory`]: crate::NewDirectory
pub fn recover(target: &Path) {
    let began = std::time::Instant::now();
    while !target.exists() && began.elapsed() < PATIENCE {
        let old = asides(parent(target))
            .into_iter()
            .find(|(_, of, kind)| *kind == Kind::Old && of.file_name() == target.file_name());
        let Some((path, ..)) = old else {
            return;
        };
        match lock_of_dead(&path) {
            Some(_lock) => {
                // Another reader may have been faster, which is as good.
                let _ = operations::rename(&path, target);
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// What was written aside in a directory, with its target.
fn asides(directory: &Path) -> Vec<(PathBuf, PathBuf, Kind)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let (target, kind) = parse(name.to_str()?)?;
            Some((entry.path(), directory.join(target), kind))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_crate_are_known() {
        for kind in [Kind::New, Kind::Old, Kind::Gone] {
            let path = beside(Path::new("run/model"), kind);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(parse(name), Some(("model", kind)));
            assert_eq!(path.parent(), Some(Path::new("run")));
        }
        for other in [
            "model",
            ".model",
            ".model.instructue-new",
            ".model.instructue-new-",
            ".model.instructue-new-1-2",
            ".model.instructue-new-1-2-x",
            ".model.instructue-best-1-2-3",
            "model.instructue-new-1-2-3",
            ".instructue-new-1-2-3",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
