//! Which file names items of which other one, and the circles in that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::tree::Tree;
use crate::tidy::names::Reference;

/// Edges between the files of a crate, by their index in the tree, each with
/// the places that make it.
pub type Edges = BTreeMap<usize, BTreeMap<usize, Vec<Place>>>;

/// Where one file names an item of another one. Re-exports come last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub handed_on: bool,
    pub line: usize,
    pub path: String,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Found {
    Module(usize),
    /// Something that is defined in this module.
    Item(usize),
}

/// Every edge of a crate.
pub fn edges(tree: &Tree) -> Edges {
    let mut edges = Edges::new();
    let mut resolver = Resolver {
        tree,
        open: Vec::new(),
    };
    for (index, module) in tree.modules.iter().enumerate() {
        for reference in &module.references {
            let Some(target) = resolver.target(index, reference) else {
                continue;
            };
            let (from, to) = (module.file, tree.modules[target].file);
            if from != to {
                let place = Place {
                    handed_on: reference.handed_on,
                    line: reference.line,
                    path: reference.path.join("::"),
                };
                let places = edges.entry(from).or_default().entry(to).or_default();
                if !places.iter().any(|known| known.path == place.path) {
                    places.push(place);
                    places.sort();
                }
            }
        }
    }
    edges
}

struct Resolver<'a> {
    tree: &'a Tree,
    /// Names that are being looked up: imports may go round.
    open: Vec<(usize, String)>,
}

impl Resolver<'_> {
    /// The module of the item that is named in `from`. A module by itself is no
    /// item: what is named through it counts.
    fn target(&mut self, from: usize, reference: &Reference) -> Option<usize> {
        let target = match self.path(from, &reference.path)? {
            Found::Item(target) => target,
            Found::Module(target) if reference.whole && reference.handed_on => target,
            Found::Module(_) => return None,
        };
        // The import of a name has been counted by itself.
        let imported = self.tree.modules[from]
            .aliases
            .get(reference.path.first()?)
            .is_some_and(|import| {
                *import != reference.path && matches!(self.path(from, import), Some(Found::Item(_)))
            });
        (!imported).then_some(target)
    }

    /// Follows a path that is written in the module `from`.
    fn path(&mut self, from: usize, path: &[String]) -> Option<Found> {
        let mut at = from;
        let mut rest = path;
        let mut rooted = false;
        while let Some((first, behind)) = rest.split_first() {
            at = match first.as_str() {
                "crate" => 0,
                "self" => at,
                "super" => self.tree.modules[at].parent?,
                _ => break,
            };
            rooted = true;
            rest = behind;
        }
        let found = self.names(at, rest);
        // What a macro defines cannot be seen, but the path says where it is.
        found.or(rooted.then_some(Found::Item(at)))
    }

    /// Follows the names behind a module.
    fn names(&mut self, module: usize, names: &[String]) -> Option<Found> {
        let Some((first, rest)) = names.split_first() else {
            return Some(Found::Module(module));
        };
        let node = &self.tree.modules[module];
        let child = node.children.get(first);
        if let (Some(child), false) = (child, rest.is_empty()) {
            return self.names(*child, rest).or(Some(Found::Item(*child)));
        }
        if node.items.contains(first) {
            return Some(Found::Item(module));
        }
        let key = (module, first.clone());
        if self.open.contains(&key) {
            return None;
        }
        self.open.push(key);
        let found = self.imported(module, first, rest);
        self.open.pop();
        found.or(child.map(|child| Found::Module(*child)))
    }

    fn imported(&mut self, module: usize, first: &String, rest: &[String]) -> Option<Found> {
        let node = &self.tree.modules[module];
        if let Some(path) = node.aliases.get(first) {
            return match self.path(module, path) {
                Some(Found::Module(target)) => self.names(target, rest),
                Some(item) => Some(item),
                // From another crate: the name itself is this module's.
                None => Some(Found::Item(module)),
            };
        }
        let names: Vec<String> = [first].into_iter().chain(rest).cloned().collect();
        node.globs
            .iter()
            .find_map(|path| match self.path(module, path) {
                Some(Found::Module(target)) if target != module => self.names(target, &names),
                _ => None,
            })
    }
}

/// Strongly connected components of more than one file.
pub fn components(edges: &Edges) -> Vec<BTreeSet<usize>> {
    let reach: BTreeMap<usize, BTreeSet<usize>> = edges
        .keys()
        .map(|start| (*start, reached(edges, *start)))
        .collect();
    let mut found: Vec<BTreeSet<usize>> = Vec::new();
    for (node, reached) in &reach {
        if !reached.contains(node) || found.iter().any(|known| known.contains(node)) {
            continue;
        }
        let back = |other: &&usize| reach.get(*other).is_some_and(|reach| reach.contains(node));
        found.push(reached.iter().filter(back).copied().collect());
    }
    found
}

/// What a walk of one step or more leads to.
fn reached(edges: &Edges, start: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        for next in edges.get(&node).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(*next) {
                open.push(*next);
            }
        }
    }
    seen
}

/// One of the shortest circles in a component, its nodes in order.
pub fn shortest(edges: &Edges, component: &BTreeSet<usize>) -> Vec<usize> {
    let circles = component
        .iter()
        .filter_map(|start| circle(edges, component, *start));
    circles.min_by_key(Vec::len).unwrap_or_default()
}

/// The shortest way from a node back to itself.
fn circle(edges: &Edges, component: &BTreeSet<usize>, start: usize) -> Option<Vec<usize>> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        for next in edges.get(&node).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                let mut way = vec![node];
                while way.last() != Some(&start) {
                    way.push(*before.get(way.last()?)?);
                }
                way.reverse();
                return Some(way);
            }
            if component.contains(next) && !before.contains_key(next) {
                before.insert(*next, node);
                open.push_back(*next);
            }
        }
    }
    None
}
