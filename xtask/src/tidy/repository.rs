//! The files of the repository.

use std::path::Path;
use std::process::Command;

use crate::run::{Result, output, root};

/// A file that git tracks or would add.
pub struct File {
    /// Relative to the workspace, with `/`.
    pub path: String,
    pub size: u64,
    /// Nothing for a binary file.
    pub text: Option<String>,
}

impl File {
    pub fn read(path: String) -> Result<Self> {
        let bytes = std::fs::read(root().join(&path)).map_err(|e| format!("{path}: {e}"))?;
        let size = bytes.len() as u64;
        let text = String::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'));
        Ok(Self { path, size, text })
    }

    pub fn extension(&self) -> &str {
        let extension = Path::new(&self.path).extension();
        extension
            .and_then(|extension| extension.to_str())
            .unwrap_or("")
    }
}

/// Every file that is tracked or neither tracked nor ignored.
pub fn files() -> Result<Vec<File>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let list = output(git.current_dir(root()))?;
    let mut paths: Vec<&str> = std::str::from_utf8(&list)?
        .split_terminator('\0')
        .filter(|path| root().join(path).is_file())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| File::read(path.to_owned()))
        .collect()
}
