//! The members of the workspace, and where they lie.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::run::{Result, root};

/// The workspace as Cargo sees it: reads manifests, fetches nothing.
fn workspace() -> Result<Metadata> {
    Ok(MetadataCommand::new()
        .no_deps()
        .current_dir(root())
        .exec()?)
}

/// The members of the workspace.
pub fn members() -> Result<Vec<Package>> {
    Ok(workspace()?.packages)
}

/// Where Cargo puts what it builds.
pub fn target_directory() -> Result<PathBuf> {
    Ok(workspace()?.target_directory.into())
}

/// A package's directory, relative to the workspace, with `/`.
pub fn directory(package: &Package) -> String {
    let manifest = package.manifest_path.as_std_path();
    relative(manifest.parent().unwrap_or(manifest))
}

/// Whether this is one of the published crates below `crates/`.
pub fn is_crate(package: &Package) -> bool {
    directory(package).starts_with("crates/")
}

/// A path relative to the workspace, with `/`.
pub fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

/// A package as `cargo metadata` prints it.
#[cfg(test)]
pub fn package(name: &str, dependencies: serde_json::Value) -> Package {
    let manifest = root().join(format!("crates/{name}/Cargo.toml"));
    serde_json::from_value(serde_json::json!({
        "name": name,
        "version": "1.0.0",
        "id": name,
        "dependencies": dependencies,
        "targets": [],
        "features": {},
        "manifest_path": manifest,
    }))
    .expect("a package")
}

/// A dependency as `cargo metadata` prints it; nothing, `dev` or `build` is its kind.
#[cfg(test)]
pub fn dependency(name: &str, kind: Option<&str>, features: &[&str]) -> serde_json::Value {
    serde_json::json!({
        "name": name,
        "req": "*",
        "kind": kind,
        "optional": false,
        "uses_default_features": false,
        "features": features,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_can_be_read() {
        let members = members().expect("cargo metadata");
        let xtask = members
            .iter()
            .find(|package| package.name.as_str() == "xtask")
            .expect("xtask is a member");
        assert_eq!(directory(xtask), "xtask");
        assert!(!is_crate(xtask));
        assert!(members.iter().any(is_crate));
    }
}
