//! What an item imports and which paths it names.

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility};

/// A path in code, as it is written.
pub struct Reference {
    pub path: Vec<String>,
    pub line: usize,
    /// It stands in a `pub use`.
    pub handed_on: bool,
    /// It ends with `::*`.
    pub whole: bool,
}

/// A name that a `use` brings into a module; without an alias all of another's.
pub struct Import {
    pub path: Vec<String>,
    pub alias: Option<String>,
}

/// What one item imports and names.
#[derive(Default)]
pub struct Names {
    pub imports: Vec<Import>,
    pub references: Vec<Reference>,
}

/// Reads one item; modules inside of it are left to the caller.
pub fn of(item: &Item) -> Names {
    let mut names = Names::default();
    names.visit_item(item);
    names
}

/// Every path that is named in these items and in modules inside of them.
pub fn everywhere(items: &[Item]) -> Vec<Reference> {
    let mut found = Vec::new();
    for item in items {
        found.extend(of(item).references);
        if let Item::Mod(ItemMod {
            content: Some((_, inner)),
            ..
        }) = item
        {
            found.extend(everywhere(inner));
        }
    }
    found
}

/// A name without the `r#` of a raw one.
pub fn plain(name: &Ident) -> String {
    name.unraw().to_string()
}

impl Names {
    fn name(&mut self, path: Vec<String>, line: usize) {
        self.references.push(Reference {
            path,
            line,
            handed_on: false,
            whole: false,
        });
    }

    /// Paths in tokens that have no syntax tree: arguments of macros and attributes.
    fn tokens(&mut self, tokens: TokenStream, literals: bool) {
        let mut path: Vec<Ident> = Vec::new();
        let mut colons = 0;
        let mut member = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path);
                    }
                    // What follows a single point is a field or a method.
                    if !member {
                        path.push(ident);
                    }
                    (colons, member) = (0, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.flush(&mut path);
                    colons = 0;
                    // Two points are a range.
                    member = !member
                        && matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '.');
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream(), literals),
                        TokenTree::Literal(literal) if literals => self.literal(&literal),
                        _ => {}
                    }
                }
            }
        }
        self.flush(&mut path);
    }

    fn flush(&mut self, path: &mut Vec<Ident>) {
        if let Some(first) = path.first() {
            let line = first.span().start().line;
            self.name(path.iter().map(plain).collect(), line);
            path.clear();
        }
    }

    /// A path in a string, as serde takes it: `with = "crate::digest"`.
    fn literal(&mut self, literal: &Literal) {
        let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else {
            return;
        };
        if let Ok(path) = text.parse::<Path>() {
            let names = path.segments.iter().map(|part| plain(&part.ident));
            self.name(names.collect(), literal.span().start().line);
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    /// Modules are nodes of their own.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    /// `pub(crate)` names no item.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        leaves(&item.tree, &[], &mut |leaf| {
            self.references.push(Reference {
                path: leaf.path.clone(),
                line: leaf.line,
                handed_on: public,
                whole: leaf.alias.is_none(),
            });
            if leaf.alias.as_deref() != Some("_") {
                self.imports.push(Import {
                    path: leaf.path,
                    alias: leaf.alias,
                });
            }
        });
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let (None, Some(first)) = (&path.leading_colon, path.segments.first()) {
            let names = path.segments.iter().map(|part| plain(&part.ident));
            self.name(names.collect(), first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone(), false);
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let serde = attribute.path().is_ident("serde");
        match &attribute.meta {
            Meta::List(list) => self.tokens(list.tokens.clone(), serde),
            Meta::NameValue(pair) if !matches!(&pair.value, Expr::Lit(_)) => {
                self.visit_expr(&pair.value);
            }
            _ => {}
        }
    }
}

/// The leaves of a `use`: `a::{b, c as d, e::*}` has three.
fn leaves(tree: &UseTree, prefix: &[String], each: &mut impl FnMut(Leaf)) {
    let joined = |name: &syn::Ident| {
        let mut path = prefix.to_vec();
        let name = plain(name);
        // `a::{self}` names `a`.
        if name != "self" || path.is_empty() {
            path.push(name);
        }
        path
    };
    match tree {
        UseTree::Path(inner) => leaves(&inner.tree, &joined(&inner.ident), each),
        UseTree::Group(group) => {
            for inner in &group.items {
                leaves(inner, prefix, each);
            }
        }
        UseTree::Name(name) => {
            let path = joined(&name.ident);
            let line = name.ident.span().start().line;
            let alias = path.last().cloned();
            each(Leaf { path, alias, line });
        }
        UseTree::Rename(name) => each(Leaf {
            path: joined(&name.ident),
            alias: Some(plain(&name.rename)),
            line: name.ident.span().start().line,
        }),
        UseTree::Glob(glob) => each(Leaf {
            path: prefix.to_vec(),
            alias: None,
            line: glob.star_token.spans[0].start().line,
        }),
    }
}

/// One name that a `use` brings; without an alias all names of a module.
struct Leaf {
    path: Vec<String>,
    alias: Option<String>,
    line: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let file = syn::parse_file(text).expect("parses");
        let mut paths: Vec<String> = everywhere(&file.items)
            .iter()
            .map(|reference| format!("{}:{}", reference.line, reference.path.join("::")))
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    #[test]
    fn imports_have_a_path_per_leaf() {
        assert_eq!(
            paths("use a::{b, c::{self, d as e},\n f::*};"),
            ["1:a::b", "1:a::c", "1:a::c::d", "2:a::f"]
        );
    }

    #[test]
    fn paths_in_types_expressions_and_inner_modules_are_found() {
        assert_eq!(
            paths("mod m {\nfn f(x: &a::B<c::D>) {\n e::g(x.h) } }"),
            ["2:a::B", "2:c::D", "3:e::g", "3:x"]
        );
    }

    #[test]
    fn arguments_of_macros_and_attributes_are_searched() {
        assert_eq!(
            paths("fn f() { m!(a, b.c(), d::e { f: 1..g::h }); }"),
            ["1:a", "1:b", "1:d::e", "1:f", "1:g::h", "1:m"]
        );
        assert_eq!(
            paths("#[serde(with = \"a::b\")]\n#[arg(value_parser = c::d)]\n/// e::f\nstruct S;"),
            ["1:a::b", "1:with", "2:c::d", "2:value_parser"]
        );
    }

    #[test]
    fn comments_strings_and_visibilities_name_nothing() {
        let text = "// a::b\npub(in crate::c) const T: &str = \"d::e\";";
        assert_eq!(paths(text), ["2:str"]);
    }
}
