//! The parts of `cargo metadata` that the tasks read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::run::{Result, cargo, output, root};

/// The workspace as Cargo sees it.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
}

/// One package: a member of the workspace or a dependency.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    pub license_file: Option<String>,
    /// Where it comes from; nothing for a member of the workspace.
    pub source: Option<String>,
    pub manifest_path: String,
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    #[serde(default)]
    pub targets: Vec<Target>,
    #[serde(default)]
    pub features: BTreeMap<String, Vec<String>>,
}

/// One line of a dependency table.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// The version requirement; `*` for a bare path.
    pub req: String,
    /// The directory of a path dependency.
    pub path: Option<String>,
    /// Nothing for an ordinary dependency, else `dev` or `build`.
    pub kind: Option<String>,
    #[serde(default)]
    pub features: Vec<String>,
    #[serde(default)]
    pub uses_default_features: bool,
}

/// A library, binary, example, test or bench.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Target {
    pub kind: Vec<String>,
    pub src_path: String,
}

impl Metadata {
    /// The members of the workspace only: reads manifests, fetches nothing.
    pub fn workspace() -> Result<Self> {
        Self::read(&["--no-deps"])
    }

    /// Members and everything that the lock file names, for every platform.
    pub fn with_dependencies() -> Result<Self> {
        Self::read(&["--all-features"])
    }

    fn read(arguments: &[&str]) -> Result<Self> {
        let mut command = cargo(["metadata", "--format-version", "1"]);
        command.args(arguments);
        Ok(serde_json::from_slice(&output(&mut command)?)?)
    }
}

impl Package {
    /// The package's directory, relative to the workspace, with `/`.
    pub fn directory(&self) -> String {
        let manifest = Path::new(&self.manifest_path);
        relative(manifest.parent().unwrap_or(manifest))
    }

    /// Whether this is one of the published crates below `crates/`.
    pub fn is_crate(&self) -> bool {
        self.directory().starts_with("crates/")
    }
}

impl Dependency {
    /// Whether only tests, examples and benches see it.
    pub fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// A path relative to the workspace, with `/`.
pub fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_can_be_read() {
        let metadata = Metadata::workspace().expect("cargo metadata");
        let xtask = metadata
            .packages
            .iter()
            .find(|package| package.name == "xtask")
            .expect("xtask is a member");
        assert_eq!(xtask.directory(), "xtask");
        assert!(!xtask.is_crate());
        assert!(
            xtask
                .dependencies
                .iter()
                .any(|d| d.name == "clap" && !d.is_dev())
        );
        assert!(metadata.packages.iter().any(Package::is_crate));
    }
}
