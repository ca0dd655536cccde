//! Search for the input files that a declaration means.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use instructue_schema::paths;

use crate::error::{Error, Result};
use crate::guard::converts_csv;

/// The number of names that a message lists.
const LISTED: usize = 5;

/// The sorted Parquet files below `data` that `file` (a file, a directory or a `*` pattern)
/// means. Errors name `source`.
///
/// A directory stands for all files at any depth whose names end in `.parquet`, in any letter
/// case; the same holds for a directory that fits a pattern. Names that begin with `.` or `_` are
/// left out, except folders with a `=`. A file that a link reaches a second time is read once.
///
/// # Errors
/// The directory does not exist, nothing in it fits, or the files belong to a Delta, Iceberg or
/// Hudi table.
pub fn source_files(data: &Path, source: &str, file: &str) -> Result<Vec<PathBuf>> {
    paths::below(data, file).map_err(|source_error| Error::Outside {
        key: format!("a file of source.{source}"),
        source: source_error,
    })?;
    listed(data, source, file)
}

fn listed(data: &Path, source: &str, file: &str) -> Result<Vec<PathBuf>> {
    if !data.is_dir() {
        return Err(Error::Missing {
            path: data.into(),
            expected: match remote_advice(data) {
                Some(advice) => format!("a data directory on this machine ({advice})"),
                None => "the data directory".into(),
            },
        });
    }
    if entries(data)?.is_empty() {
        let expected = format!("the data directory with {file}");
        return Err(Error::EmptyDirectory {
            path: data.into(),
            expected,
        });
    }
    let path = data.join(file);
    if path.is_dir() {
        let files = parquet_below(data, &path)?;
        return match files.is_empty() {
            true => Err(nothing_in(path)),
            false => Ok(files),
        };
    }
    // Anything else that exists is taken. Opening it gives the precise error.
    if path.exists() {
        return Ok(vec![path]);
    }
    let pattern = path.file_name().unwrap_or_default().to_string_lossy();
    if pattern.contains('*') {
        let files = fitting(data, &path, &pattern)?;
        if !files.is_empty() {
            return Ok(files);
        }
    }
    Err(missing(path, source))
}

/// Advice for a path that names a place on another machine, such as `s3://bucket`; `None` for all
/// other paths.
pub fn remote_advice(path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let (protocol, _) = path.split_once(":/")?;
    let tool = match protocol {
        "s3" | "s3a" | "s3n" => "aws s3 sync",
        "gs" | "gcs" => "gcloud storage rsync",
        "abfs" | "abfss" | "wasb" | "wasbs" | "az" => "azcopy sync",
        "hdfs" => "hdfs dfs -get",
        "http" | "https" | "ftp" => "curl -O",
        "hf" => "hf download",
        _ => return None,
    };
    Some(format!(
        "{protocol}:// is not read; copy it first, as with `{tool}`"
    ))
}

/// All Parquet files of a directory below `base`, at any depth, sorted.
pub(crate) fn parquet_below(base: &Path, directory: &Path) -> Result<Vec<PathBuf>> {
    let mut walk = Walk::new(base);
    walk.enter(directory)?;
    walk.finish()
}

/// A walk through directories. Links wait until everything else was visited, so that no file is
/// read twice. No link is followed out of `base`.
struct Walk<'a> {
    base: &'a Path,
    files: Vec<PathBuf>,
    /// The links, and whether each counts whatever its name ends in.
    links: Vec<(PathBuf, bool)>,
    /// The resolved paths of directories and files that were taken.
    seen: HashSet<PathBuf>,
}

impl<'a> Walk<'a> {
    fn new(base: &'a Path) -> Self {
        Self {
            base,
            files: Vec::new(),
            links: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Visits the entries of `directory` in the order of their names.
    fn enter(&mut self, directory: &Path) -> Result<()> {
        let own = directory.canonicalize().map_err(Error::io(directory))?;
        if !self.seen.insert(own) {
            return Ok(());
        }
        for path in plain_entries(directory)? {
            self.visit(path, false)?;
        }
        Ok(())
    }

    /// Takes a path, or defers it if it is a link.
    fn visit(&mut self, path: PathBuf, named: bool) -> Result<()> {
        let kind = fs::symlink_metadata(&path).map_err(Error::io(&path))?;
        if kind.is_symlink() {
            self.links.push((path, named));
            return Ok(());
        }
        self.take(path, kind.is_dir(), named)
    }

    fn take(&mut self, path: PathBuf, is_directory: bool, named: bool) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = !named && (name.starts_with('.') || name.starts_with('_'));
        if is_directory {
            // Spark's rule: `_x=1` is a partition.
            let partition = name.contains('=') && !name.starts_with('.');
            return match hidden && !partition {
                true => Ok(()),
                false => self.enter(&path),
            };
        }
        // A path that cannot be resolved gives an error when it is opened.
        let own = path.canonicalize().unwrap_or_else(|_| path.clone());
        if !hidden && (named || has_ending(&path, "parquet")) && self.seen.insert(own) {
            self.files.push(path);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<PathBuf>> {
        while !self.links.is_empty() {
            for (link, named) in std::mem::take(&mut self.links) {
                paths::inside(self.base, &link).map_err(|source| Error::Outside {
                    key: link.display().to_string(),
                    source,
                })?;
                let is_directory = link.is_dir();
                self.take(link, is_directory, named)?;
            }
        }
        self.files.sort();
        Ok(self.files)
    }
}

/// The entries of a directory, unless it belongs to a table format.
fn plain_entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let found = entries(directory)?;
    match table_format(directory, &found) {
        None => Ok(found),
        Some(found) => Err(Error::TableFormat {
            path: directory.into(),
            found,
        }),
    }
}

/// The table format of a directory, if it has one. Its metadata decide which files and rows are
/// part of the table.
fn table_format(directory: &Path, entries: &[PathBuf]) -> Option<&'static str> {
    let has = |name: &str| entries.contains(&directory.join(name));
    if has("_delta_log") {
        return Some("a Delta table");
    }
    if has(".hoodie") {
        return Some("a Hudi table");
    }
    let metadata = has("metadata").then(|| fs::read_dir(directory.join("metadata")).ok())?;
    let iceberg = |name: &OsStr| name.to_string_lossy().ends_with(".metadata.json");
    metadata?
        .flatten()
        .any(|entry| iceberg(&entry.file_name()))
        .then_some("an Iceberg table")
}

/// The entries below `base` that fit a pattern in the last part of `path`.
fn fitting(base: &Path, path: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let Some(parent) = path.parent().filter(|parent| parent.is_dir()) else {
        return Ok(Vec::new());
    };
    // A name that begins with `.` or `_` fits only a pattern that begins so too. A shell has this
    // rule for `.`.
    let plain = !pattern.starts_with(['.', '_']);
    let mut walk = Walk::new(base);
    for path in plain_entries(parent)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if plain && name.starts_with(['.', '_']) || !matches(pattern, &name) {
            continue;
        }
        walk.visit(path, true)?;
    }
    walk.finish()
}

/// The entries of a directory, sorted.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
        found.push(entry.map_err(Error::io(directory))?.path());
    }
    found.sort();
    Ok(found)
}

pub(crate) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn is_csv(path: &Path) -> bool {
    has_ending(path, "csv") || has_ending(path, "tsv")
}

/// The CSV files in a directory, or in the folders directly below it.
pub(crate) fn csv_files(directory: &Path) -> Vec<PathBuf> {
    let (folders, mut files): (Vec<_>, Vec<_>) = entries(directory)
        .unwrap_or_default()
        .into_iter()
        .partition(|path| path.is_dir());
    for folder in folders {
        files.extend(entries(&folder).unwrap_or_default());
    }
    files.retain(|path| is_csv(path));
    files
}

/// The error for a directory without Parquet files. It names what the directory holds instead.
fn nothing_in(path: PathBuf) -> Error {
    if let Some(file) = csv_files(&path).into_iter().next() {
        let found = converts_csv(&file);
        return Error::NotParquet { file, found };
    }
    let names = entries(&path).unwrap_or_default();
    let other = names.iter().find(|path| path.is_file());
    let expected = match other.and_then(|path| path.extension()) {
        Some(ending) => format!(
            "*.parquet files (those that end in .{0} are read if the schema says \
             file = \"…/*.{0}\")",
            ending.to_string_lossy()
        ),
        None => "*.parquet files".into(),
    };
    Error::EmptyDirectory { path, expected }
}

/// The error for a missing file. It names what exists instead.
fn missing(path: PathBuf, source: &str) -> Error {
    let beside = path.parent().map(entries).and_then(Result::ok);
    let beside = beside.unwrap_or_default();
    let stem = path.file_stem();
    let same = |other: &&PathBuf| other.file_stem() == stem && is_csv(other);
    if let Some(file) = beside.iter().find(same) {
        return Error::NotParquet {
            file: file.clone(),
            found: converts_csv(file),
        };
    }
    let mut names: Vec<String> = beside
        .iter()
        .filter(|path| path.is_dir() || has_ending(path, "parquet"))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .filter(|name| !name.starts_with(['.', '_']))
        .collect();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let mut expected = format!("Parquet data of source `{source}`");
    if !names.is_empty() {
        expected += &format!(
            " (its `file` in the schema; there are {}{more})",
            names.join(", ")
        );
    }
    Error::Missing { path, expected }
}

/// Whether `name` fits `pattern`, where `*` stands for any characters. A final `.parquet` fits in
/// any letter case. The time is at most the product of the lengths.
fn matches(pattern: &str, name: &str) -> bool {
    const ENDING: &str = ".parquet";
    let split = |text: &str| {
        let at = text.len().checked_sub(ENDING.len())?;
        let ending = text.get(at..)?;
        ending.eq_ignore_ascii_case(ENDING).then_some(at)
    };
    if let (Some(pattern_end), Some(name_end)) = (split(pattern), split(name)) {
        return fits(
            &pattern.as_bytes()[..pattern_end],
            &name.as_bytes()[..name_end],
        );
    }
    fits(pattern.as_bytes(), name.as_bytes())
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // The position after the last star, and the number of characters that the star has consumed.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match (pattern.get(at), &mut star) {
            (Some(b'*'), _) => {
                at += 1;
                star = Some((at, read));
            }
            (Some(byte), _) if *byte == name[read] => {
                at += 1;
                read += 1;
            }
            // Only the last star need consume more; the earlier ones can stay.
            (_, Some((behind, taken))) => {
                *taken += 1;
                (at, read) = (*behind, *taken);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, fits) in [
            ("*.parquet", "a.parquet", true),
            ("*.parquet", "a.PARQUET", true),
            ("*.Parquet", "a.parquet", true),
            ("*.parquet", "a.parquet.tmp", false),
            ("*.pq", "a.PQ", false),
            ("bill-*.parquet", "bill-00.parquet", true),
            ("bill-*.parquet", "Bill-00.parquet", false),
            ("bill-*.parquet", "app-00.parquet", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXcYb", false),
            ("a*b*c", "abcb", false),
            ("*ab", "aab", true),
            ("a**b", "ab", true),
            ("a", "", false),
            ("", "a", false),
            ("é*", "éa", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn stars_cost_no_more_than_the_lengths_multiplied() {
        // Naive backtracking would try more splits of this name than can be counted.
        let pattern = format!("{}b", "a*".repeat(1_000));
        assert!(!matches(&pattern, &"a".repeat(4_000)));
    }

    #[test]
    fn places_elsewhere_are_told_from_paths() {
        for (path, tool) in [
            ("s3://bucket/web", "aws s3 sync"),
            ("https://x.org/a.parquet", "curl"),
            ("gs:/bucket", "gcloud"),
        ] {
            assert!(remote_advice(Path::new(path)).is_some_and(|advice| advice.contains(tool)));
        }
        for path in ["web", "c:/data", "a:b/c", "/s3/x"] {
            assert_eq!(remote_advice(Path::new(path)), None, "{path}");
        }
    }
}
