//! The claim of a directory: a marker and a lock by which one process at a time may write there.
//! A program needs it before it writes into a directory over a longer time.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::error::{Error, Result};
use crate::operations;
use crate::read::{kind_of, read_text};
use crate::temporary::{is_aside, lock};

/// The right to write into a directory, which holds as long as the value lives.
///
/// A marker, the file `.instructue-KIND`, claims the directory that holds it. Without a marker
/// only an empty or missing directory can be claimed, so no file of somebody else is overwritten.
/// The marker is locked. The lock ends with the process, however the process ends.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// use instructue_fs::Claim;
///
/// let out = dir.path().join("out");
/// let claim = Claim::take(&out, "run")?;
/// let second = Claim::take(&out, "run").unwrap_err().to_string();
/// assert!(second.contains("in use by process"));
/// drop(claim);
/// Claim::take(&out, "run")?;
///
/// let foreign = dir.path().join("thesis");
/// std::fs::create_dir(&foreign)?;
/// std::fs::write(foreign.join("chapter-1.tex"), "text")?;
/// assert!(Claim::take(&foreign, "run").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Claim {
    directory: PathBuf,
    _marker: File,
}

impl Claim {
    /// Claims `directory` for a `kind` of content. The directory is created if it does not exist.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the directory holds something else, [`Error::InUse`] while another
    /// process has the claim, [`Error::Io`] when the operating system refuses.
    pub fn take(directory: &Path, kind: &str) -> Result<Self> {
        let path = marker(directory, kind);
        // An existing marker is only locked, below.
        if !is_marker(&path) {
            Self::check(directory, kind)?;
        }
        operations::create_directories(directory).map_err(Error::io(directory))?;
        if !path.exists() {
            match operations::create_new(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::io(&path)(error));
                }
                // Another process was faster. The lock decides between the two.
                _ => {}
            }
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        if !lock(&file) {
            return Err(in_use(directory, &path));
        }
        let since: DateTime<Utc> = SystemTime::now().into();
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let text = format!("instructue {kind}\n{}\n{since}\n", std::process::id());
        file.set_len(0).map_err(Error::io(&path))?;
        operations::write(&mut file, text.as_bytes()).map_err(Error::io(&path))?;
        Ok(Self {
            directory: directory.into(),
            _marker: file,
        })
    }

    /// Whether `directory` can be claimed, without changing anything.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::InUse`].
    pub fn check(directory: &Path, kind: &str) -> Result<()> {
        let path = marker(directory, kind);
        if is_marker(&path) {
            let file = File::open(&path).map_err(Error::io(&path))?;
            return match lock(&file) {
                true => Ok(()),
                false => Err(in_use(directory, &path)),
            };
        }
        let expected =
            || format!("nothing, an empty directory or the directory of an instructue {kind}");
        let foreign = |found: String| Error::Foreign {
            path: directory.into(),
            expected: expected(),
            found,
        };
        match kind_of(directory) {
            Some("a directory") => {}
            None if !directory.exists() => return Ok(()),
            None => return Err(foreign("a file".into())),
            Some(other) => return Err(foreign(other.into())),
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
            let name = entry.map_err(Error::io(directory))?.file_name();
            let name = name.to_string_lossy().into_owned();
            if !is_aside(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        names.sort();
        let more = names.len().saturating_sub(3);
        names.truncate(3);
        let mut found = format!("{:?}", names.join(", "));
        if more > 0 {
            found.push_str(&format!(" and {more} more"));
        }
        Err(foreign(format!("other content: {found}")))
    }

    /// The claimed directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Whether the marker is a regular file. A link could lead to somebody else's file.
fn is_marker(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn marker(directory: &Path, kind: &str) -> PathBuf {
    directory.join(format!(".instructue-{kind}"))
}

fn in_use(directory: &Path, marker: &Path) -> Error {
    let text = read_text(marker).unwrap_or_default();
    let line = |number: usize| {
        let line = text.lines().nth(number).unwrap_or("?");
        // The marker may hold any bytes. A message shows at most a short visible text of them.
        line.chars()
            .filter(char::is_ascii_graphic)
            .take(40)
            .collect()
    };
    Error::InUse {
        path: directory.into(),
        pid: line(1),
        since: line(2),
    }
}
