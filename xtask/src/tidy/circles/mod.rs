//! Modules of a crate name each other in one direction. An edge leads from a
//! file to the file that defines an item it names: re-exports are followed, so
//! that a parent which only hands on its children's items is not named by them.
//! What already goes round is listed in `xtask/circles.toml`, and the list may
//! only shrink.

mod graph;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::graph::Edges;
use self::tree::Tree;
use super::violation::Violation;
use crate::metadata::Package;
#[cfg(test)]
use crate::metadata::relative;
use crate::run::Result;

/// Where circles that may stay for now are listed.
pub const LIST: &str = "xtask/circles.toml";

/// Files that name each other in a round, relative to their crate.
type Circle = BTreeSet<String>;

/// Circles by crate.
pub type Listed = BTreeMap<String, Vec<Circle>>;

/// One circle of a crate.
pub struct Found {
    files: Circle,
    /// One of the shortest ways round, a line per edge.
    way: Vec<String>,
    /// Every edge, a line each.
    edges: Vec<String>,
}

/// Reads the list.
///
/// # Errors
/// If it is no table of crates with lists of files.
pub fn listed(text: &str) -> Result<Listed> {
    toml::from_str(text).map_err(|error| format!("{LIST}: {error}").into())
}

/// The circles of every package.
///
/// # Errors
/// If a source is missing or does not parse.
pub fn all(packages: &[Package]) -> Result<BTreeMap<String, Vec<Found>>> {
    let mut all = BTreeMap::new();
    for package in packages {
        let mut found = Vec::new();
        for target in &package.targets {
            if !target.is("test") && !target.is("custom-build") {
                found.extend(below(&target.src_path, &package.directory())?);
            }
        }
        all.insert(package.name.clone(), found);
    }
    Ok(all)
}

/// The circles below one root file.
fn below(root: &Path, package: &str) -> Result<Vec<Found>> {
    let tree = Tree::read(root)?;
    let edges = graph::edges(&tree);
    let shorter = |file: usize| {
        let path = &tree.files[file];
        let inner = path.strip_prefix(package).unwrap_or(path);
        inner.trim_start_matches('/').to_owned()
    };
    let circles = graph::components(&edges);
    Ok(circles
        .iter()
        .map(|component| Found {
            files: component.iter().map(|file| shorter(*file)).collect(),
            way: way(&tree, &edges, &graph::shortest(&edges, component)),
            edges: inside(&tree, &edges, component),
        })
        .collect())
}

/// A circle as lines.
fn way(tree: &Tree, edges: &Edges, circle: &[usize]) -> Vec<String> {
    let next = circle.iter().cycle().skip(1);
    circle
        .iter()
        .zip(next)
        .map(|(from, to)| edge(tree, edges, *from, *to))
        .collect()
}

/// Every edge inside of a component, with every place that makes it.
fn inside(tree: &Tree, edges: &Edges, component: &BTreeSet<usize>) -> Vec<String> {
    let pairs = component.iter().flat_map(|from| {
        let targets = edges.get(from).into_iter().flat_map(BTreeMap::keys);
        targets.map(move |to| (*from, *to))
    });
    pairs
        .filter(|(_, to)| component.contains(to))
        .map(|(from, to)| {
            let places: Vec<String> = edges[&from][&to]
                .iter()
                .map(|place| {
                    let mark = if place.handed_on { "pub use " } else { "" };
                    format!("{mark}{} (line {})", place.path, place.line)
                })
                .collect();
            let (from, to) = (&tree.files[from], &tree.files[to]);
            format!("{from} -> {to}: {}", places.join(", "))
        })
        .collect()
}

/// ``a.rs:3 names `crate::b::B` of b.rs``, by the first place that makes the edge.
fn edge(tree: &Tree, edges: &Edges, from: usize, to: usize) -> String {
    let place = &edges[&from][&to][0];
    let verb = if place.handed_on {
        "re-exports"
    } else {
        "names"
    };
    let (from, to) = (&tree.files[from], &tree.files[to]);
    format!("{from}:{} {verb} `{}` of {to}", place.line, place.path)
}

/// Compares what is found with the list, in both directions.
pub fn violations(found: &BTreeMap<String, Vec<Found>>, listed: &Listed) -> Vec<Violation> {
    let none = Vec::new();
    let mut violations = Vec::new();
    for (name, circles) in found {
        let known = listed.get(name).unwrap_or(&none);
        for circle in circles
            .iter()
            .filter(|circle| !known.contains(&circle.files))
        {
            let message = if known.iter().any(|known| circle.files.is_subset(known)) {
                format!(
                    "a circle is smaller than {LIST} says: list {}",
                    line(&circle.files)
                )
            } else {
                let way = circle.way.join("\n        ");
                format!("modules name each other in a circle:\n        {way}")
            };
            violations.push(Violation::new(name, message));
        }
    }
    for (name, circles) in listed {
        let there = found.get(name);
        for circle in circles {
            // A smaller one of its files has been told of above.
            let remains =
                there.is_some_and(|found| found.iter().any(|found| found.files.is_subset(circle)));
            if !remains {
                let message = format!(
                    "no longer a circle, remove it from the list: {}",
                    line(circle)
                );
                violations.push(Violation::new(LIST, format!("{name}: {message}")));
            }
        }
    }
    violations
}

/// Files as an entry of the list.
fn line(files: &Circle) -> String {
    let quoted: Vec<String> = files.iter().map(|file| format!("{file:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

/// Every circle with every edge, to be read, and the list that would allow them.
pub fn report(found: &BTreeMap<String, Vec<Found>>) -> String {
    let mut text = String::new();
    let mut list = String::new();
    for (name, circles) in found.iter().filter(|(_, circles)| !circles.is_empty()) {
        list += &format!("{name} = [\n");
        for circle in circles {
            text += &format!("{name}: {} files\n", circle.files.len());
            for edge in &circle.edges {
                text += &format!("    {edge}\n");
            }
            list += &format!("    {},\n", line(&circle.files));
        }
        list += "]\n";
    }
    format!("{text}\n{LIST}:\n{list}")
}

#[cfg(test)]
mod tests;
