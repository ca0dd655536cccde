//! The parts of `cargo metadata` that the tasks read. The crate of that name asks
//! serde_json for a feature that nothing else here has: building one crate and
//! building all of them would each compile burn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::run::{Result, cargo, output, root};

/// The workspace as Cargo sees it.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

/// A member of the workspace.
#[derive(Default, Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
    pub features: BTreeMap<String, Vec<String>>,
}

/// One line of a dependency table.
#[derive(Default, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// Nothing for an ordinary dependency, else `dev` or `build`.
    pub kind: Option<String>,
    pub features: Vec<String>,
    pub uses_default_features: bool,
}

/// A library, binary, example, test or bench.
#[derive(Deserialize)]
pub struct Target {
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

/// Reads manifests, fetches nothing.
fn workspace() -> Result<Metadata> {
    let text = output(&mut cargo(
        "metadata --no-deps --format-version 1".split_whitespace(),
    ))?;
    Ok(serde_json::from_slice(&text)?)
}

/// The members of the workspace.
pub fn members() -> Result<Vec<Package>> {
    Ok(workspace()?.packages)
}

/// Where Cargo puts what it builds.
pub fn target_directory() -> Result<PathBuf> {
    Ok(workspace()?.target_directory)
}

impl Package {
    /// The package's directory, relative to the workspace, with `/`.
    pub fn directory(&self) -> String {
        relative(self.manifest_path.parent().unwrap_or(&self.manifest_path))
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

impl Target {
    /// Whether it is of this kind, such as `test` or `custom-build`.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
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
        let members = members().expect("cargo metadata");
        let xtask = members
            .iter()
            .find(|package| package.name == "xtask")
            .expect("xtask is a member");
        assert_eq!(xtask.directory(), "xtask");
        assert!(!xtask.is_crate());
        let kind = |name: &str| {
            let found = xtask.dependencies.iter().find(|d| d.name == name);
            found.expect(name).is_dev()
        };
        assert!(!kind("clap") && kind("tempfile"));
        assert!(members.iter().any(Package::is_crate));
    }
}
