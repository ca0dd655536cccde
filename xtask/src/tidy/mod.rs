//! The house rules. Each rule is a function from what it judges to the list of
//! violations, so that each has a test with an input that it must refuse.

mod circles;
mod files;
mod graph;
mod manifests;
mod names;
mod sources;
mod syntax;

use std::fmt;
use std::path::Path;

use clap::Args;

use crate::metadata::{directory, members, relative};
use crate::run::{Result, output, root};

/// One broken rule and where.
#[derive(Debug, PartialEq)]
pub struct Violation {
    /// A file, `file:line` or a crate.
    place: String,
    message: String,
}

impl Violation {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }

    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), message)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A file that git tracks or would add.
pub struct File {
    /// Relative to the workspace, with `/`.
    path: String,
    size: u64,
    /// Nothing for a binary file.
    text: Option<String>,
}

impl File {
    fn read(path: String) -> Result<Self> {
        let bytes = std::fs::read(root().join(&path)).map_err(|e| format!("{path}: {e}"))?;
        let size = bytes.len() as u64;
        let text = String::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'));
        Ok(Self { path, size, text })
    }

    fn extension(&self) -> &str {
        let extension = Path::new(&self.path).extension();
        extension
            .and_then(|extension| extension.to_str())
            .unwrap_or("")
    }
}

#[derive(Args)]
pub struct Options {
    /// Print each circle of modules with all of its edges, listed or not, and judge nothing.
    #[arg(long)]
    circles: bool,
}

/// The command: the rules, or what one of them sees.
pub fn run(options: &Options) -> Result<()> {
    if options.circles {
        print!("{}", circles::report(&circles::all(&members()?)?));
    } else {
        println!("tidy: {}", check()?);
    }
    Ok(())
}

/// Applies every rule; violations are printed, the text is for the summary.
pub fn check() -> Result<String> {
    let packages = members()?;
    let architecture = read("docs/architecture.md")?;
    let manifest = read("Cargo.toml")?;
    let files = repository_files()?;

    let mut found = Vec::new();
    found.extend(graph::arrows(
        &graph::documented(&architecture)?,
        &packages,
    ));
    found.extend(graph::cycles(&packages));
    found.extend(manifests::backends(&packages));
    found.extend(manifests::workspace_lints(&manifest)?);
    for package in &packages {
        let path = format!("{}/Cargo.toml", directory(package));
        found.extend(manifests::inherits_lints(&path, &read(&path)?)?);
    }
    for target in packages
        .iter()
        .flat_map(|package| &package.targets)
    {
        let path = relative(target.src_path.as_std_path());
        found.extend(manifests::crate_docs(&path, target, &read(&path)?));
    }
    for file in &files {
        found.extend(files::violations(file));
        if let (Some(text), "rs") = (&file.text, file.extension()) {
            found.extend(sources::violations(&file.path, text)?);
        }
    }
    let listed = circles::listed(&read(circles::LIST)?)?;
    found.extend(circles::violations(&circles::all(&packages)?, &listed));

    if found.is_empty() {
        Ok(format!(
            "{} crates, {} files",
            packages.len(),
            files.len()
        ))
    } else {
        for violation in &found {
            eprintln!("    {violation}");
        }
        Err(format!("{} violations of the house rules", found.len()).into())
    }
}

fn read(path: &str) -> Result<String> {
    Ok(std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))?)
}

/// Every file that is tracked or neither tracked nor ignored.
fn repository_files() -> Result<Vec<File>> {
    let mut git = std::process::Command::new("git");
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
