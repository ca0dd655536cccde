//! The house rules. Each rule is a function from what it judges to the list of
//! violations, so that each has a test with an input that it must refuse.

mod circles;
mod files;
mod glossary;
mod graph;
mod manifests;
mod names;
mod repository;
mod sources;
mod syntax;
mod violation;

use clap::Args;

use crate::metadata::{members, relative};
use crate::run::{Result, root};

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
    let files = repository::files()?;

    let mut found = Vec::new();
    found.extend(graph::arrows(&graph::documented(&architecture)?, &packages));
    found.extend(graph::cycles(&packages));
    found.extend(manifests::backends(&packages));
    found.extend(manifests::workspace_lints(&manifest)?);
    for package in &packages {
        let path = format!("{}/Cargo.toml", package.directory());
        found.extend(manifests::inherits_lints(&path, &read(&path)?, &manifest)?);
    }
    for target in packages.iter().flat_map(|package| &package.targets) {
        let path = relative(&target.src_path);
        found.extend(manifests::crate_docs(&path, target, &read(&path)?));
    }
    let retired = glossary::retired(&read(glossary::LIST)?)?;
    for file in &files {
        found.extend(files::violations(file));
        if let (Some(text), "rs") = (&file.text, file.extension()) {
            found.extend(sources::violations(&file.path, text)?);
            found.extend(glossary::violations(&file.path, text, &retired)?);
        }
    }
    let listed = circles::listed(&read(circles::LIST)?)?;
    found.extend(circles::violations(&circles::all(&packages)?, &listed));

    if found.is_empty() {
        Ok(format!("{} crates, {} files", packages.len(), files.len()))
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
