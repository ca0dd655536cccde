//! Rules for manifests and for what each crate must say of itself.

use toml::{Table, Value};

use super::violation::Violation;
use crate::metadata::{Package, Target};
use crate::run::Result;

/// Holds the CPU operators of our own, behind its feature `cpu`: the one place
/// below the facade that may name a backend (docs/architecture.md).
const KERNELS: &str = "instructue-nn";

/// Keep memory, map files into it, and write products where nothing was before: the crates
/// that may allow unsafe code, where each use says why (docs/architecture.md).
const UNSAFE: [&str; 3] = [
    "crates/instructue-alloc/Cargo.toml",
    "crates/instructue-gemm/Cargo.toml",
    "crates/instructue-mmap/Cargo.toml",
];

/// Features of burn that bring a backend (or speed one up): the choice is the
/// facade's alone.
const BACKEND_FEATURES: [&str; 20] = [
    "accelerate",
    "apple-amx",
    "blas-netlib",
    "cpu",
    "cubecl",
    "cuda",
    "default",
    "flex",
    "fusion",
    "metal",
    "ndarray",
    "openblas",
    "openblas-system",
    "remote",
    "rocm",
    "tch",
    "vulkan",
    "webgpu",
    "wgpu",
    "x86-v4",
];

/// Crates that are a backend, or burn with one by default.
const BACKEND_CRATES: [&str; 9] = [
    "burn-cpu",
    "burn-cubecl",
    "burn-cuda",
    "burn-flex",
    "burn-ndarray",
    "burn-remote",
    "burn-rocm",
    "burn-tch",
    "burn-wgpu",
];

/// The crate whose features choose the backend.
const FACADE: &str = "instructue";

/// No crate below the facade enables a backend, except for its own tests.
pub fn backends(packages: &[Package]) -> Vec<Violation> {
    let below = packages
        .iter()
        .filter(|package| package.is_crate() && package.name != FACADE);
    below.flat_map(backends_of).collect()
}

fn backends_of(package: &Package) -> Vec<Violation> {
    let mut found = Vec::new();
    let manifest = format!("{}/Cargo.toml", package.directory());
    for dependency in package
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_dev())
    {
        let name = dependency.name.as_str();
        if BACKEND_CRATES.contains(&name) {
            found.push(Violation::new(
                &manifest,
                format!("`{name}` is a backend: only the facade chooses one"),
            ));
        }
        if name != "burn" && !name.starts_with("burn-") {
            continue;
        }
        if dependency.uses_default_features {
            let message = format!("`{name}` has its default features, which may bring a backend");
            found.push(Violation::new(&manifest, message));
        }
        for feature in &dependency.features {
            if BACKEND_FEATURES.contains(&feature.as_str()) {
                let message =
                    format!("`{name}/{feature}` is a backend: only the facade chooses one");
                found.push(Violation::new(&manifest, message));
            }
        }
    }
    for (feature, enables) in &package.features {
        for enabled in enables {
            let (name, inner) = enabled.split_once('/').unwrap_or((enabled, ""));
            let kernels = package.name == KERNELS && feature == "cpu";
            if name.starts_with("burn") && BACKEND_FEATURES.contains(&inner) && !kernels {
                let message = format!(
                    "feature `{feature}` enables `{enabled}`: only the facade chooses a backend"
                );
                found.push(Violation::new(&manifest, message));
            }
        }
    }
    found
}

/// The workspace forbids unsafe code and asks for documentation.
pub fn workspace_lints(manifest: &str) -> Result<Vec<Violation>> {
    let table: Table = toml::from_str(manifest).map_err(|error| format!("Cargo.toml: {error}"))?;
    let lint = |name: &str| {
        let lints = table.get("workspace")?.get("lints")?.get("rust")?;
        lints.get(name).and_then(Value::as_str)
    };
    let mut found = Vec::new();
    if lint("unsafe_code") != Some("forbid") {
        found.push(Violation::new(
            "Cargo.toml",
            "[workspace.lints.rust] must have unsafe_code = \"forbid\"",
        ));
    }
    if !matches!(lint("missing_docs"), Some("warn" | "deny" | "forbid")) {
        found.push(Violation::new(
            "Cargo.toml",
            "[workspace.lints.rust] must have missing_docs = \"warn\"",
        ));
    }
    Ok(found)
}

/// A member takes the lints of the workspace, so unsafe code is forbidden in
/// it. Those that may not repeat them, and denies what is not allowed by name.
pub fn inherits_lints(path: &str, manifest: &str, workspace: &str) -> Result<Vec<Violation>> {
    let table: Table = toml::from_str(manifest).map_err(|error| format!("{path}: {error}"))?;
    let lints = table.get("lints");
    if !UNSAFE.contains(&path) {
        let inherits = lints.and_then(|lints| lints.get("workspace")?.as_bool());
        let message = "[lints] must have workspace = true";
        let found = (inherits != Some(true)).then(|| Violation::new(path, message));
        return Ok(found.into_iter().collect());
    }
    let shared: Table =
        toml::from_str(workspace).map_err(|error| format!("Cargo.toml: {error}"))?;
    let shared = shared
        .get("workspace")
        .and_then(|workspace| workspace.get("lints")?.as_table());
    let denied = [
        ("rust", "unsafe_code"),
        ("clippy", "undocumented_unsafe_blocks"),
    ];
    let repeated = shared.into_iter().flatten().flat_map(|(tool, lints)| {
        let levels = lints.as_table().into_iter().flatten();
        levels.map(move |(lint, level)| (tool.as_str(), lint.as_str(), level.as_str()))
    });
    let mut wanted: Vec<(&str, &str, Option<&str>)> = denied
        .map(|(tool, lint)| (tool, lint, Some("deny")))
        .to_vec();
    wanted.extend(repeated.filter(|(tool, lint, _)| !denied.contains(&(*tool, *lint))));
    Ok(wanted
        .into_iter()
        .filter(|(tool, lint, level)| {
            lints.and_then(|lints| lints.get(tool)?.get(lint)?.as_str()) != *level
        })
        .map(|(tool, lint, level)| {
            let level = level.unwrap_or("what the workspace has");
            Violation::new(
                path,
                format!("[lints.{tool}] must have {lint} = \"{level}\""),
            )
        })
        .collect())
}

/// The root of every library, binary, example and bench begins with `//!`.
pub fn crate_docs(path: &str, target: &Target, text: &str) -> Option<Violation> {
    if target.is("custom-build") {
        return None;
    }
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    (!first.starts_with("//!"))
        .then(|| Violation::at(path, 1, "begins without crate documentation (`//!`)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;
    use crate::run::root;

    fn package(name: &str, dependency: &str, kind: Option<&str>, features: &[&str]) -> Package {
        Package {
            name: name.into(),
            manifest_path: root().join(format!("crates/{name}/Cargo.toml")),
            dependencies: vec![Dependency {
                name: dependency.into(),
                kind: kind.map(str::to_owned),
                features: features.iter().map(|&feature| feature.to_owned()).collect(),
                ..Dependency::default()
            }],
            ..Package::default()
        }
    }

    fn target(kind: &str) -> Target {
        Target {
            kind: vec![kind.into()],
            src_path: "a.rs".into(),
        }
    }

    #[test]
    fn a_backend_feature_below_the_facade_is_found() {
        let found = backends(&[package("instructue-nn", "burn", None, &["std", "flex"])]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .starts_with("crates/instructue-nn/Cargo.toml: `burn/flex`")
        );
        assert_eq!(
            backends(&[package("instructue-nn", "burn-wgpu", None, &[])]).len(),
            1
        );
        assert_eq!(
            backends(&[package("instructue-nn", "burn", Some("build"), &["cuda"])]).len(),
            1
        );
    }

    #[test]
    fn a_backend_in_the_facade_or_in_tests_is_fine() {
        assert!(backends(&[package("instructue", "burn", None, &["flex"])]).is_empty());
        assert!(backends(&[package("instructue-nn", "burn", Some("dev"), &["flex"])]).is_empty());
        assert!(backends(&[package("instructue-nn", "burn", None, &["std", "optim"])]).is_empty());
        assert!(backends(&[package("instructue-nn", "other", None, &["cpu"])]).is_empty());
    }

    #[test]
    fn default_features_and_features_that_pass_on_are_found() {
        let mut loose = package("instructue-nn", "burn", None, &[]);
        loose.dependencies[0].uses_default_features = true;
        assert_eq!(backends(&[loose]).len(), 1);
        let mut passing = package("instructue-nn", "burn", None, &[]);
        passing
            .features
            .insert("gpu".into(), vec!["burn/wgpu".into()]);
        assert_eq!(backends(&[passing]).len(), 1);
    }

    #[test]
    fn the_workspace_must_forbid_unsafe_code() {
        let good = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\n";
        assert!(workspace_lints(good).expect("toml").is_empty());
        let weak = good.replace("forbid", "deny");
        assert_eq!(workspace_lints(&weak).expect("toml").len(), 1);
        assert_eq!(workspace_lints("[workspace]\n").expect("toml").len(), 2);
        assert!(workspace_lints("[").is_err());
    }

    const WORKSPACE: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\
                             [workspace.lints.clippy]\ntodo = \"warn\"\n";

    fn lints(path: &str, manifest: &str) -> Vec<String> {
        let found = inherits_lints(path, manifest, WORKSPACE).expect("toml");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn members_must_inherit_the_lints() {
        let good = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n";
        assert!(lints("a/Cargo.toml", good).is_empty());
        let bad = good.replace("true", "false");
        assert_eq!(lints("a/Cargo.toml", &bad).len(), 1);
        assert_eq!(lints("a/Cargo.toml", "[package]\n").len(), 1);
    }

    #[test]
    fn only_named_members_may_allow_unsafe_code_and_must_say_why() {
        let good = "[lints.rust]\nunsafe_code = \"deny\"\n\
                    [lints.clippy]\ntodo = \"warn\"\nundocumented_unsafe_blocks = \"deny\"\n";
        for member in UNSAFE {
            assert!(lints(member, good).is_empty());
        }
        for (weak, lint) in [
            (good.replacen("deny", "warn", 1), "unsafe_code"),
            (
                good.replace("blocks = \"deny", "blocks = \"warn"),
                "undocumented",
            ),
            (good.replace("todo = \"warn\"\n", ""), "todo = \"warn\""),
        ] {
            let found = lints(UNSAFE[0], &weak);
            assert!(found.len() == 1 && found[0].contains(lint), "{found:?}");
        }
        assert_eq!(lints("crates/a/Cargo.toml", good).len(), 1);
    }

    #[test]
    fn crate_roots_must_be_documented() {
        let library = target("lib");
        assert_eq!(
            crate_docs("a.rs", &library, "\n//! What it is.\nfn a() {}\n"),
            None
        );
        assert!(crate_docs("a.rs", &library, "fn a() {}\n").is_some());
        let script = target("custom-build");
        assert_eq!(crate_docs("build.rs", &script, "fn main() {}\n"), None);
    }
}
