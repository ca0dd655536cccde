//! Checks that a declared path stays below the directory of its declaration. They are needed
//! wherever a file names other files.

use std::path::{Component, Path, PathBuf};

use crate::printable::shown;

/// The longest declared path, in bytes.
const MAX_PATH: usize = 4096;

/// A declared path that leads out of its directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Outside {
    /// The paths that are allowed.
    pub expected: String,
    /// The path that was found.
    pub found: String,
}

/// The path `declared` below the directory `base`. It must be relative and without `..`, and no
/// link on the way may lead out of `base`. The file need not exist.
///
/// A declaration may come from a stranger. What it names is read, and quoted in errors. So a
/// declaration may name only files that lie beside it.
///
/// # Errors
/// An empty, absolute or overlong path, one with `.`, `..` or a NUL, and one that a link
/// leads out of `base` or to nowhere.
pub fn below(base: &Path, declared: impl AsRef<Path>) -> Result<PathBuf, Outside> {
    let declared = declared.as_ref();
    plain(declared)?;
    let path = base.join(declared);
    inside(base, &path)?;
    Ok(path)
}

/// Like [`below`], but the path may begin with one `..`, or be `.`, and must stay below the
/// directory that holds `base`. So a file in a folder of its own can name what lies beside the
/// folder.
///
/// # Errors
/// As [`below`], for the directory that holds `base`.
pub fn beside(base: &Path, declared: impl AsRef<Path>) -> Result<PathBuf, Outside> {
    let declared = declared.as_ref();
    let base = match base.as_os_str().is_empty() {
        true => Path::new("."),
        false => base,
    };
    if declared.as_os_str() == "." {
        return Ok(base.into());
    }
    match declared.strip_prefix("..") {
        Ok(rest) => below(&base.join(".."), rest),
        Err(_) => below(base, declared),
    }
}

/// Refuses a path below `base` if a link leads out of it. It is for paths that a listing or a
/// pattern found. A path that does not exist is judged by its folder.
///
/// # Errors
/// A link that leads out of `base` or to nowhere.
pub fn inside(base: &Path, path: &Path) -> Result<(), Outside> {
    let outside = |found: String| Outside {
        expected: format!("a path below {}", base.display()),
        found,
    };
    // A base that does not exist holds no link.
    let Ok(root) = base.canonicalize() else {
        return Ok(());
    };
    let mut place = path;
    while place.symlink_metadata().is_err() {
        match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => place = parent,
            _ => return Ok(()),
        }
    }
    let name = shown(&path.to_string_lossy());
    match place.canonicalize() {
        Ok(real) if real.starts_with(&root) => Ok(()),
        Ok(_) => Err(outside(format!("{name}, which a link leads out of it"))),
        Err(error) => Err(outside(format!("{name}, a link to nowhere ({error})"))),
    }
}

/// A file name that a list gives for its own directory: a single name without folders.
///
/// # Errors
/// Any path that is more than a name.
pub fn file_name(declared: &str) -> Result<&str, Outside> {
    let mut parts = Path::new(declared).components();
    let name = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None)
        if part.to_str() == Some(declared));
    if name && declared.len() <= 255 && !declared.contains(['\0', '\\']) {
        return Ok(declared);
    }
    Err(Outside {
        expected: "the plain name of a file of this directory".into(),
        found: shown(declared),
    })
}

/// Refuses a path that is not relative, or has `.` or `..`, without looking at the disk. It is
/// for declarations whose directory is not known yet.
///
/// # Errors
/// Any other path, and an empty or overlong one.
pub fn plain(declared: &Path) -> Result<(), Outside> {
    let text = declared.to_string_lossy();
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
    let fits = !text.is_empty()
        && text.len() <= MAX_PATH
        && !text.contains('\0')
        && declared.components().all(normal);
    if fits {
        return Ok(());
    }
    Err(Outside {
        expected: "a relative path without `..`".into(),
        found: shown(&text),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_path_stays_below_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        for good in ["a.parquet", "sub/a.parquet", "a..b", "…"] {
            assert_eq!(below(base, good).unwrap(), base.join(good));
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/../../x",
            "/etc/hostname",
            "./a",
            "a\0b",
        ] {
            assert!(below(base, bad).is_err(), "{bad:?}");
        }
        let long = "a/".repeat(3000);
        let error = below(base, &long).unwrap_err().to_string();
        assert!(error.len() < 300, "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let (base, other) = (dir.path().join("data"), dir.path().join("other"));
        fs::create_dir_all(base.join("sub")).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("secret"), "s").unwrap();
        fs::write(base.join("sub/a"), "a").unwrap();
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, base.join(name)).unwrap();
        };
        link(&other.join("secret"), "file");
        link(&other, "folder");
        link(&base.join("nothing"), "nowhere");
        link(Path::new("sub/a"), "within");
        for bad in ["file", "folder/secret", "folder/not_yet", "nowhere"] {
            let error = below(&base, bad).unwrap_err().to_string();
            assert!(error.contains("link"), "{bad}: {error}");
        }
        for good in ["within", "sub/a", "sub/not_yet", "none/at/all"] {
            below(&base, good).unwrap();
        }
        // A base that is itself a link stands for its target.
        link(&base.join("sub"), "again");
        below(&base.join("again"), "a").unwrap();
    }

    #[test]
    fn a_file_may_name_what_lies_beside_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let suites = dir.path().join("suites");
        fs::create_dir_all(dir.path().join("data/shop")).unwrap();
        fs::create_dir_all(&suites).unwrap();
        for good in ["../data/shop", "own", ".", "../data"] {
            beside(&suites, good).unwrap();
        }
        for bad in ["..", "../..", "../../x", "../data/../../x", "/data", ""] {
            assert!(beside(&suites, bad).is_err(), "{bad:?}");
        }
        assert_eq!(beside(Path::new(""), ".").unwrap(), Path::new("."));
    }

    #[test]
    fn a_list_names_files_of_its_own_directory() {
        for good in [
            "model.safetensors",
            "model-00001-of-00002.safetensors",
            "a b",
        ] {
            assert_eq!(file_name(good), Ok(good));
        }
        for bad in ["", ".", "..", "a/b", "a/", "/a", "..\\a", "a\0"] {
            assert!(file_name(bad).is_err(), "{bad:?}");
        }
    }
}
