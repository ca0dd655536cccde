//! Rust sources as syntax trees, without what only tests see.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, File, ImplItem, Item, ItemImpl, ItemMod, Meta, Stmt, TraitItem};

use crate::run::Result;

/// The syntax tree of one file without its test items.
///
/// # Errors
/// If the text does not parse: the path, the line and what was expected.
pub fn shipped(path: &str, text: &str) -> Result<File> {
    let mut file = parsed(path, text)?;
    if tests_only(&file.attrs) {
        file.items.clear();
    }
    WithoutTests.visit_file_mut(&mut file);
    Ok(file)
}

/// The whole syntax tree of one file.
///
/// # Errors
/// As [`shipped`].
pub fn parsed(path: &str, text: &str) -> Result<File> {
    syn::parse_file(text)
        .map_err(|error| format!("{path}:{}: {error}", error.span().start().line).into())
}

struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(|item| !tests_only(attributes(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !tests_only(attributes(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut ItemImpl) {
        block.items.retain(|item| {
            !tests_only(match item {
                ImplItem::Const(item) => &item.attrs,
                ImplItem::Fn(item) => &item.attrs,
                ImplItem::Type(item) => &item.attrs,
                ImplItem::Macro(item) => &item.attrs,
                _ => &[],
            })
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, definition: &mut syn::ItemTrait) {
        definition.items.retain(|item| match item {
            TraitItem::Fn(item) => !tests_only(&item.attrs),
            _ => true,
        });
        visit_mut::visit_item_trait_mut(self, definition);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement| {
            !tests_only(match statement {
                Stmt::Local(local) => &local.attrs,
                Stmt::Item(item) => attributes(item),
                Stmt::Macro(call) => &call.attrs,
                Stmt::Expr(..) => &[],
            })
        });
        visit_mut::visit_block_mut(self, block);
    }
}

/// The attributes of any item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item with these attributes exists in tests alone.
fn tests_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<Meta>()
                    .is_ok_and(|predicate| needs_test(&predicate)))
    })
}

/// Whether a predicate of `cfg` holds in tests alone. `not(test)` does not, and
/// neither does a choice that has another way.
fn needs_test(predicate: &Meta) -> bool {
    let Meta::List(list) = predicate else {
        return predicate.path().is_ident("test");
    };
    let inner = || {
        list.parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated)
            .unwrap_or_default()
    };
    if list.path.is_ident("all") {
        inner().iter().any(needs_test)
    } else if list.path.is_ident("any") {
        let choices = inner();
        !choices.is_empty() && choices.iter().all(needs_test)
    } else {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        shipped("a.rs", text).expect("parses").items.len()
    }

    #[test]
    fn test_items_are_left_out_and_others_stay() {
        for gone in [
            "#[cfg(test)]\nmod tests;",
            "#[cfg(test)] mod tests { fn a() {} }",
            "#[cfg(all(test, unix))] struct A;",
            "#[cfg(any(test, all(test, unix)))] use a::b;",
            "#[test]\nfn a() {}",
        ] {
            assert_eq!(count(gone), 0, "{gone}");
        }
        for kept in [
            "#[cfg(not(test))] fn a() {}",
            "#[cfg(any(test, feature = \"x\"))] fn a() {}",
            "#[cfg(feature = \"test\")] fn a() {}",
            "#[cfg(unix)] fn a() {}",
        ] {
            assert_eq!(count(kept), 1, "{kept}");
        }
        assert_eq!(count("#![cfg(test)]\nfn a() {}"), 0);
    }

    #[test]
    fn test_items_inside_modules_impls_and_blocks_are_left_out() {
        let text = "mod a { #[cfg(test)] use b::c; }\n\
                    impl A { #[cfg(test)] fn d() {} fn e() { #[cfg(test)] use f::g; } }";
        let file = shipped("a.rs", text).expect("parses");
        let Item::Mod(module) = &file.items[0] else {
            panic!("a module");
        };
        assert!(module.content.as_ref().expect("inline").1.is_empty());
        let Item::Impl(block) = &file.items[1] else {
            panic!("an impl");
        };
        assert_eq!(block.items.len(), 1);
        let ImplItem::Fn(function) = &block.items[0] else {
            panic!("a function");
        };
        assert!(function.block.stmts.is_empty());
    }

    #[test]
    fn what_does_not_parse_is_named_with_its_line() {
        let error = shipped("a.rs", "fn a() {}\nfn (").err().expect("an error");
        assert!(error.to_string().starts_with("a.rs:2: "), "{error}");
    }
}
