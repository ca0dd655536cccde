//! The modules of one crate: what each defines, imports and names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::metadata::relative;
use crate::run::Result;
use crate::tidy::names::{self, Reference};
use crate::tidy::syntax;

/// Every module below one root file. The first one is the root.
#[derive(Default)]
pub struct Tree {
    /// The files, relative to the workspace.
    pub files: Vec<String>,
    pub modules: Vec<Module>,
}

/// One module: a file, or a block inside of one.
#[derive(Default)]
pub struct Module {
    /// Index of the file that it stands in.
    pub file: usize,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    /// Names that are defined here.
    pub items: BTreeSet<String>,
    /// Names that are imported, and what they mean.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// What is imported as a whole.
    pub globs: Vec<Vec<String>>,
    pub references: Vec<Reference>,
}

impl Tree {
    /// Reads the root file of a crate and every file that it declares.
    ///
    /// # Errors
    /// If a file is missing or does not parse.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let directory = root.parent().unwrap_or(root).to_owned();
        tree.file(root, directory, None)?;
        Ok(tree)
    }

    /// Adds a file; its own modules lie in `directory`.
    fn file(&mut self, path: &Path, directory: PathBuf, parent: Option<usize>) -> Result<usize> {
        let shown = relative(path);
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let items = syntax::shipped(&shown, &text)?.items;
        self.files.push(shown);
        self.module(self.files.len() - 1, &items, path, directory, parent)
    }

    fn module(
        &mut self,
        file: usize,
        items: &[Item],
        path: &Path,
        directory: PathBuf,
        parent: Option<usize>,
    ) -> Result<usize> {
        let index = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            ..Module::default()
        });
        for item in items {
            self.define(index, item);
            if let Item::Mod(module) = item {
                let child = self.child(index, module, path, &directory)?;
                self.modules[index]
                    .children
                    .insert(names::plain(&module.ident), child);
            }
        }
        Ok(index)
    }

    fn child(
        &mut self,
        parent: usize,
        module: &ItemMod,
        path: &Path,
        directory: &Path,
    ) -> Result<usize> {
        let name = names::plain(&module.ident);
        let inner = directory.join(&name);
        if let Some((_, items)) = &module.content {
            let file = self.modules[parent].file;
            return self.module(file, items, path, inner, Some(parent));
        }
        if let Some(elsewhere) = path_attribute(module) {
            let place = path.parent().unwrap_or(path).join(elsewhere);
            let directory = place.parent().unwrap_or(&place).to_owned();
            return self.file(&place, directory, Some(parent));
        }
        let beside = directory.join(format!("{name}.rs"));
        let place = if beside.is_file() {
            beside
        } else {
            inner.join("mod.rs")
        };
        self.file(&place, inner, Some(parent))
    }

    /// Notes what an item defines, imports and names.
    fn define(&mut self, index: usize, item: &Item) {
        let module = &mut self.modules[index];
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Macro(item) => item.ident.as_ref(),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::TraitAlias(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        module.items.extend(name.map(names::plain));
        let named = names::of(item);
        module.references.extend(named.references);
        for import in named.imports {
            match import.alias {
                Some(alias) => {
                    module.aliases.entry(alias).or_insert(import.path);
                }
                None => module.globs.push(import.path),
            }
        }
        let exported = syntax::attributes(item)
            .iter()
            .any(|attribute| attribute.path().is_ident("macro_export"));
        if let (true, Some(name)) = (exported && index != 0, name) {
            // The crate's root knows it, wherever it is written.
            let path = self.path_to(index, &names::plain(name));
            self.modules[0].aliases.insert(names::plain(name), path);
        }
    }

    fn path_to(&self, index: usize, name: &str) -> Vec<String> {
        let mut path = vec![name.to_owned()];
        let mut at = index;
        while let Some(parent) = self.modules[at].parent {
            let own = self.modules[parent]
                .children
                .iter()
                .find(|(_, child)| **child == at);
            path.extend(own.map(|(name, _)| name.clone()));
            at = parent;
        }
        path.push("crate".into());
        path.reverse();
        path
    }
}

/// `#[path = "…"]`.
fn path_attribute(module: &ItemMod) -> Option<String> {
    module
        .attrs
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
}
