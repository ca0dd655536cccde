//! The arrows between crates are those of the table in `docs/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};

use super::violation::Violation;
use crate::markdown;
use crate::metadata::Package;
use crate::run::Result;

/// Crate to the crates of the workspace that it depends on.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Reads the table of crates: full names in the first column; in the last one
/// names with or without the common prefix, `–` for none, `all` for all others.
pub fn documented(architecture: &str) -> Result<Graph> {
    let rows = markdown::table(architecture, &["crate", "depends on"])
        .ok_or("docs/architecture.md: no table with the columns `crate` and `depends on`")?;
    let rows: Vec<(String, &str)> = rows
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].as_str()))
        .collect();
    let names: BTreeSet<String> = rows.iter().map(|(name, _)| name.clone()).collect();
    let mut graph = Graph::new();
    for (name, cell) in &rows {
        let arrows = match *cell {
            "–" | "-" | "" => BTreeSet::new(),
            "all" => names
                .iter()
                .filter(|other| *other != name)
                .cloned()
                .collect(),
            list => list
                .split(',')
                .map(|short| full_name(short.trim(), &names))
                .collect::<Result<_>>()?,
        };
        if graph.insert(name.clone(), arrows).is_some() {
            return Err(format!("docs/architecture.md: two rows for `{name}`").into());
        }
    }
    Ok(graph)
}

fn full_name(short: &str, names: &BTreeSet<String>) -> Result<String> {
    let short = short.trim_matches('`');
    [short.to_owned(), format!("instructue-{short}")]
        .into_iter()
        .find(|name| names.contains(name))
        .ok_or_else(|| {
            format!("docs/architecture.md: `{short}` is not a crate of the table").into()
        })
}

/// Compares the table with the manifests, in both directions.
pub fn arrows(documented: &Graph, packages: &[Package]) -> Vec<Violation> {
    let members: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| package.is_crate()) {
        let Some(expected) = documented.get(&package.name) else {
            let message = "is not in the table of docs/architecture.md";
            found.push(Violation::new(&package.name, message));
            continue;
        };
        let actual: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|dependency| !dependency.is_dev() && members.contains(dependency.name.as_str()))
            .map(|dependency| dependency.name.clone())
            .collect();
        for name in actual.difference(expected) {
            let message = format!("depends on {name}, which docs/architecture.md does not allow");
            found.push(Violation::new(&package.name, message));
        }
        for name in expected.difference(&actual) {
            let message = format!("does not depend on {name}, which docs/architecture.md says");
            found.push(Violation::new(&package.name, message));
        }
    }
    let gone = documented.keys().filter(|name| {
        !packages
            .iter()
            .any(|package| package.is_crate() && &package.name == *name)
    });
    found.extend(
        gone.map(|name| Violation::new(name, "is in docs/architecture.md but not in crates/")),
    );
    found
}

/// Test dependencies are free (a test may need generated users, say), but may
/// not close a circle: Cargo would build the crate twice and its types would
/// not match.
pub fn cycles(packages: &[Package]) -> Vec<Violation> {
    let graph: BTreeMap<&str, BTreeSet<&str>> = packages
        .iter()
        .map(|package| {
            let names = package
                .dependencies
                .iter()
                .map(|dependency| dependency.name.as_str())
                // A crate's tests may turn on its own features.
                .filter(|name| *name != package.name);
            (package.name.as_str(), names.collect())
        })
        .collect();
    graph
        .keys()
        .filter(|start| reaches(&graph, start))
        .map(|start| {
            Violation::new(
                *start,
                "depends on itself through other crates (tests included)",
            )
        })
        .collect()
}

fn reaches(graph: &BTreeMap<&str, BTreeSet<&str>>, start: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = graph[start].iter().copied().collect();
    while let Some(name) = open.pop() {
        if name == start {
            return true;
        }
        if seen.insert(name) {
            open.extend(graph.get(name).into_iter().flatten().copied());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;
    use crate::run::root;

    const TABLE: &str = "| crate | what | depends on |\n|---|---|---|\n\
        | `instructue-a` | first | – |\n\
        | `instructue-b` | second | a |\n\
        | `instructue` | facade | all |\n";

    /// A crate with ordinary dependencies and, marked by `dev:`, test ones.
    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependency = |text: &&str| {
            let name = text.strip_prefix("dev:");
            Dependency {
                name: name.unwrap_or(text).to_owned(),
                kind: name.map(|_| "dev".into()),
                ..Dependency::default()
            }
        };
        Package {
            name: name.into(),
            manifest_path: root().join(format!("crates/{name}/Cargo.toml")),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    fn agreeing() -> Vec<Package> {
        vec![
            package("instructue-a", &["serde"]),
            package("instructue-b", &["instructue-a"]),
            package("instructue", &["instructue-a", "instructue-b"]),
        ]
    }

    fn messages(packages: &[Package]) -> Vec<String> {
        let graph = documented(TABLE).expect("table");
        arrows(&graph, packages)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_workspace_that_equals_the_table_passes() {
        assert!(messages(&agreeing()).is_empty());
    }

    #[test]
    fn an_arrow_too_many_is_found() {
        let mut packages = agreeing();
        packages[0] = package("instructue-a", &["instructue-b"]);
        let found = messages(&packages);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("instructue-a: depends on instructue-b"),
            "{found:?}"
        );
    }

    #[test]
    fn an_arrow_too_few_is_found() {
        let mut packages = agreeing();
        packages[1] = package("instructue-b", &[]);
        let found = messages(&packages);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("does not depend on instructue-a"),
            "{found:?}"
        );
    }

    #[test]
    fn crates_missing_on_either_side_are_found() {
        let mut packages = agreeing();
        packages[1] = package("instructue-c", &[]);
        let found = messages(&packages).join("\n");
        assert!(
            found.contains("instructue-c: is not in the table"),
            "{found}"
        );
        assert!(
            found.contains("instructue-b: is in docs/architecture.md but not"),
            "{found}"
        );
    }

    #[test]
    fn a_test_dependency_is_free_until_it_closes_a_circle() {
        let mut packages = agreeing();
        packages[1] = package("instructue-b", &["instructue-a", "dev:instructue-d"]);
        packages.push(package("instructue-d", &["instructue-a"]));
        assert!(cycles(&packages).is_empty());
        packages[0] = package("instructue-a", &["dev:instructue-b"]);
        let circle: Vec<_> = cycles(&packages).iter().map(|v| v.place.clone()).collect();
        assert_eq!(circle, ["instructue-a", "instructue-b", "instructue-d"]);
    }

    #[test]
    fn a_broken_table_is_an_error() {
        assert!(documented("# Nothing here\n").is_err());
        let unknown = TABLE.replace("| a |", "| nobody |");
        assert!(
            documented(&unknown)
                .expect_err("unknown")
                .to_string()
                .contains("`nobody`")
        );
        let twice = format!("{TABLE}| `instructue-a` | again | – |\n");
        assert!(
            documented(&twice)
                .expect_err("twice")
                .to_string()
                .contains("two rows")
        );
    }
}
