//! Temporary names beside a target, and recovery after a kill. Every reader and writer of an
//! artefact needs it.
//!
//! An unfinished file or directory lies beside its target as `.TARGET.instructue-KIND-RANDOM` and
//! is locked by its process. The lock tells the rest of a dead process from the work of a living
//! one.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::operations;

/// The text between a target's name and the kind.
const MARK: &str = ".instructue-";
/// How long a reader waits for a process that is replacing the target.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many names are tried. A second one is needed when a clearing process was faster, which is
/// rare.
const ATTEMPTS: usize = 16;

/// The purpose of a temporary name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A new content that will take the target's place.
    New,
    /// The old content, while the new one takes its place.
    Old,
    /// A content that is being removed.
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

/// The target's name and the kind, if `name` was made by [`beside`].
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

/// Whether `name` is a temporary name of this crate.
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

/// The target of a link, or the path itself. A rename would replace the link.
pub(crate) fn resolved(target: &Path) -> PathBuf {
    match target.is_symlink() {
        true => target.canonicalize().unwrap_or_else(|_| target.into()),
        false => target.into(),
    }
}

/// Takes an exclusive lock on an open file or directory, which holds as long as the handle lives.
/// `false` means that another process has it. On a system without locks the result is `true`.
pub(crate) fn lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// The state of the process that owns a temporary path.
enum Owner {
    /// The owner is dead. The lock keeps other processes from clearing the path at the same time.
    Dead(File),
    Living,
    /// The path cannot be opened, or its file system has no locks.
    Unknown,
}

fn owner(path: &Path) -> Owner {
    let Ok(file) = File::open(path) else {
        return Owner::Unknown;
    };
    match file.try_lock() {
        Ok(()) => Owner::Dead(file),
        Err(TryLockError::WouldBlock) => Owner::Living,
        Err(TryLockError::Error(_)) => Owner::Unknown,
    }
}

/// Calls `make` with a temporary name and locks the result, so that no process clears it.
pub(crate) fn make_locked<T>(
    target: &Path,
    mut make: impl FnMut(&Path) -> std::io::Result<(T, Option<File>)>,
) -> Result<(PathBuf, T, Option<File>)> {
    let mut path = beside(target, Kind::New);
    for _ in 0..ATTEMPTS {
        // The caller knows only the target's name, so the error names it.
        let (made, handle) = make(&path).map_err(Error::io(target))?;
        if handle.as_ref().is_none_or(lock) && path.exists() {
            return Ok((path, made, handle));
        }
        path = beside(target, Kind::New);
    }
    let busy = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
    Err(Error::io(target)(busy))
}

/// Clears the temporary files that dead processes left in `directory`. Unfinished content is
/// removed, and content that was being replaced is brought back.
///
/// Nothing is an error here, because what cannot be cleared now can be cleared later.
pub fn clear_leftovers(directory: &Path) {
    clear(asides(directory));
}

/// Like [`clear_leftovers`], for one target: for a directory that others write into, too.
pub(crate) fn clear_leftovers_of(target: &Path) {
    let mut found = asides(parent(target));
    found.retain(|(_, of, _)| of.file_name() == target.file_name());
    clear(found);
}

fn clear(found: Vec<(PathBuf, PathBuf, Kind)>) {
    for (path, target, kind) in found {
        let Owner::Dead(_lock) = owner(&path) else {
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

/// Brings `target` back if a process died while it replaced it, and waits for a process that is
/// replacing it. A reader calls it before it opens what [`NewDirectory`] writes.
///
/// [`NewDirectory`]: crate::NewDirectory
pub fn recover(target: &Path) {
    let began = std::time::Instant::now();
    while !target.exists() {
        let old = asides(parent(target))
            .into_iter()
            .find(|(_, of, kind)| *kind == Kind::Old && of.file_name() == target.file_name());
        let Some((path, ..)) = old else {
            return;
        };
        let patient = began.elapsed() < PATIENCE;
        match owner(&path) {
            // No replacement takes this long. Without locks only time can tell.
            Owner::Unknown if !patient => {}
            Owner::Dead(_) => {}
            _ if patient => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "another process renames; nothing tells when it is done"
                )]
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            _ => return,
        }
        // Another reader may have been faster, which has the same result.
        if operations::rename(&path, target).is_err() && !target.exists() {
            return;
        }
    }
}

/// The temporary paths of this user in a directory, with their targets. In a shared directory
/// others may have used such a name for anything, such as a pipe.
fn asides(directory: &Path) -> Vec<(PathBuf, PathBuf, Kind)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let (target, kind) = parse(name.to_str()?)?;
            let metadata = entry.metadata().ok()?;
            let ours = (metadata.is_dir() || metadata.is_file()) && is_own(&metadata);
            ours.then_some(())?;
            Some((entry.path(), directory.join(target), kind))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Whether a file belongs to the user of this process. Where this is not known, the answer is
/// yes.
#[cfg(unix)]
fn is_own(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::OnceLock;
    static OWN: OnceLock<Option<u32>> = OnceLock::new();
    let own = OWN.get_or_init(|| fs::metadata("/proc/self").ok().map(|process| process.uid()));
    own.is_none_or(|own| own == metadata.uid())
}

#[cfg(not(unix))]
fn is_own(_: &fs::Metadata) -> bool {
    true
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
