//! Dependencies: licences, banned crates and sources from Cargo's own
//! metadata, always; known vulnerabilities through cargo-deny, where it is
//! installed and its database can be fetched.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::metadata::{Metadata, Package};
use crate::run::{Result, cargo, has_subcommand, output, root, succeed};
use crate::spdx;

/// The tables of `deny.toml` that are checked without cargo-deny.
#[derive(Deserialize)]
struct Policy {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<LicenceException>,
    #[serde(default)]
    clarify: Vec<Clarification>,
}

#[derive(Deserialize)]
struct LicenceException {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

/// The licence of a crate that does not declare one.
#[derive(Deserialize)]
struct Clarification {
    #[serde(rename = "crate")]
    name: String,
    expression: String,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: BTreeSet<String>,
}

/// Runs every check; the text says what was checked and what was not.
pub fn run() -> Result<String> {
    let path = root().join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("deny.toml: {error}"))?;
    let policy: Policy = toml::from_str(&text).map_err(|error| format!("deny.toml: {error}"))?;

    let packages = used_packages()?;
    let mut problems = Vec::new();
    for package in &packages {
        problems.extend(licence_problem(&policy.licenses, package));
        problems.extend(ban_problem(&policy.bans, package));
        problems.extend(source_problem(&policy.sources, package));
        problems.extend(wildcard_problems(package));
    }
    if !problems.is_empty() {
        for problem in &problems {
            eprintln!("    {problem}");
        }
        return Err(format!("{} problems with dependencies", problems.len()).into());
    }
    let checked = format!("licences, bans and sources of {} packages", packages.len());
    Ok(format!("{checked}; advisories {}", advisories()?))
}

/// The packages that some feature on some platform really uses. `cargo
/// metadata` alone lists also those behind features that nobody sets.
fn used_packages() -> Result<Vec<Package>> {
    let arguments = "tree --workspace --all-features --target all --edges normal,build,dev \
                     --prefix none --format {p}";
    let tree = output(&mut cargo(arguments.split_whitespace()))?;
    let used = parse_tree(&String::from_utf8_lossy(&tree));
    let metadata = Metadata::with_dependencies()?;
    let mut known: BTreeMap<(String, String), Package> = metadata
        .packages
        .into_iter()
        .map(|package| ((package.name.clone(), package.version.clone()), package))
        .collect();
    used.into_iter()
        .map(|key| match known.remove(&key) {
            Some(package) => Ok(package),
            None => Err(format!("{} {}: not in `cargo metadata`", key.0, key.1).into()),
        })
        .collect()
}

/// `name v1.2.3 (proc-macro) (*)` per line.
fn parse_tree(text: &str) -> BTreeSet<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            let version = words.next()?.strip_prefix('v')?;
            Some((name.to_owned(), version.to_owned()))
        })
        .collect()
}

fn licence_problem(policy: &Licences, package: &Package) -> Option<String> {
    let who = format!("{} {}", package.name, package.version);
    let clarified = policy
        .clarify
        .iter()
        .find(|clarification| clarification.name == package.name)
        .map(|clarification| &clarification.expression);
    let Some(expression) = package.license.as_ref().or(clarified) else {
        let file = package.license_file.as_deref().unwrap_or("none");
        return Some(format!(
            "{who}: declares no licence expression (licence file: {file})"
        ));
    };
    let allow = |licence: &str| {
        policy.allow.contains(licence)
            || policy.exceptions.iter().any(|exception| {
                exception.name == package.name && exception.allow.contains(licence)
            })
    };
    match spdx::allowed(expression, &allow) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "{who}: licence `{expression}` is not allowed by deny.toml"
        )),
        Err(error) => Some(format!("{who}: licence expression: {error}")),
    }
}

fn ban_problem(policy: &Bans, package: &Package) -> Option<String> {
    let ban = policy.deny.iter().find(|ban| ban.name == package.name)?;
    Some(format!(
        "{} {}: banned: {}",
        package.name, package.version, ban.reason
    ))
}

fn source_problem(policy: &Sources, package: &Package) -> Option<String> {
    let source = package.source.as_deref()?;
    let registry = source.strip_prefix("registry+").unwrap_or(source);
    (!policy.allow_registry.contains(registry)).then(|| {
        format!(
            "{} {}: comes from `{source}`",
            package.name, package.version
        )
    })
}

/// Members of the workspace name a version for whatever is not beside them.
fn wildcard_problems(package: &Package) -> Vec<String> {
    if package.source.is_some() {
        return Vec::new();
    }
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.req == "*" && dependency.path.is_none())
        .map(|dependency| {
            format!(
                "{}: depends on any version of {}",
                package.name, dependency.name
            )
        })
        .collect()
}

/// How the check for known vulnerabilities ended; an error only for a finding.
fn advisories() -> Result<String> {
    if !has_subcommand("deny") {
        return Ok("not checked: cargo-deny is not installed".into());
    }
    succeed(&mut cargo(["deny", "check", "licenses", "bans", "sources"]))?;
    let mut command = cargo(["deny", "check", "advisories"]);
    let result = command.output()?;
    let text = String::from_utf8_lossy(&result.stderr);
    match advisory_outcome(result.status.success(), &text) {
        Advisories::Clean => Ok("checked".into()),
        Advisories::Unreachable => Ok("not checked: database unreachable".into()),
        Advisories::Found => {
            eprintln!("{}", text.trim());
            Err("cargo-deny found advisories".into())
        }
    }
}

#[derive(Debug, PartialEq)]
enum Advisories {
    Clean,
    Unreachable,
    Found,
}

/// cargo-deny exits in the same way for a finding and for a database that it
/// could not fetch; only the message tells them apart.
fn advisory_outcome(success: bool, message: &str) -> Advisories {
    if success {
        return Advisories::Clean;
    }
    let message = message.to_lowercase();
    let unreachable = [
        "failed to fetch advisory database",
        "failed to load advisory database",
    ];
    if unreachable.iter().any(|phrase| message.contains(phrase)) {
        Advisories::Unreachable
    } else {
        Advisories::Found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, licence: Option<&str>) -> Package {
        Package {
            name: name.into(),
            version: "1.0.0".into(),
            license: licence.map(str::to_owned),
            source: Some("registry+https://example.org/index".into()),
            ..Package::default()
        }
    }

    fn policy() -> Policy {
        toml::from_str(
            r#"
            [licenses]
            allow = ["MIT"]
            exceptions = [{ crate = "special", allow = ["MPL-2.0"] }]
            clarify = [{ crate = "silent", expression = "MIT" }]
            [bans]
            deny = [{ crate = "bad", reason = "because" }]
            [sources]
            allow-registry = ["https://example.org/index"]
            "#,
        )
        .expect("policy")
    }

    #[test]
    fn the_committed_policy_parses() {
        let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
        let policy: Policy = toml::from_str(&text).expect("policy");
        assert!(policy.licenses.allow.contains("MIT"));
        assert!(!policy.licenses.allow.contains("GPL-3.0-only"));
    }

    #[test]
    fn licences_are_allowed_in_general_or_for_one_crate() {
        let licences = policy().licenses;
        let problem = |name, licence| licence_problem(&licences, &package(name, licence));
        assert_eq!(problem("a", Some("MIT OR GPL-3.0-only")), None);
        assert_eq!(problem("special", Some("MPL-2.0")), None);
        assert!(problem("other", Some("MPL-2.0")).is_some());
        assert!(
            problem("a", Some("MIT AND"))
                .expect("bad")
                .contains("expression")
        );
    }

    #[test]
    fn a_crate_without_a_licence_needs_a_clarification() {
        let licences = policy().licenses;
        assert_eq!(licence_problem(&licences, &package("silent", None)), None);
        let problem = licence_problem(&licences, &package("mute", None)).expect("a problem");
        assert!(
            problem.contains("mute 1.0.0: declares no licence"),
            "{problem}"
        );
    }

    #[test]
    fn bans_and_sources() {
        let policy = policy();
        assert!(ban_problem(&policy.bans, &package("bad", None)).is_some());
        assert!(ban_problem(&policy.bans, &package("good", None)).is_none());
        let mut package = package("good", None);
        assert!(source_problem(&policy.sources, &package).is_none());
        package.source = Some("git+https://example.org/fork".into());
        assert!(source_problem(&policy.sources, &package).is_some());
        package.source = None;
        assert!(source_problem(&policy.sources, &package).is_none());
    }

    #[test]
    fn members_name_versions() {
        let mut member = Package {
            name: "member".into(),
            dependencies: vec![Dependency {
                name: "loose".into(),
                req: "*".into(),
                ..Dependency::default()
            }],
            ..Package::default()
        };
        assert_eq!(wildcard_problems(&member).len(), 1);
        member.dependencies[0].path = Some("beside".into());
        assert!(wildcard_problems(&member).is_empty());
        member.dependencies[0].path = None;
        member.dependencies[0].req = "^1".into();
        assert!(wildcard_problems(&member).is_empty());
    }

    #[test]
    fn the_tree_is_read_line_by_line() {
        let used = parse_tree("a v1.0.0\nb v2.0.0 (proc-macro)\nb v2.0.0 (proc-macro) (*)\n\n");
        let expected = [("a", "1.0.0"), ("b", "2.0.0")];
        assert_eq!(used, expected.map(|(n, v)| (n.into(), v.into())).into());
    }

    #[test]
    fn a_database_out_of_reach_is_not_a_finding() {
        assert_eq!(advisory_outcome(true, ""), Advisories::Clean);
        let unreachable = "[ERROR] failed to fetch advisory database https://example.org";
        assert_eq!(
            advisory_outcome(false, unreachable),
            Advisories::Unreachable
        );
        let found = "error[vulnerability]: use after free";
        assert_eq!(advisory_outcome(false, found), Advisories::Found);
    }
}
