use std::collections::BTreeMap;

use super::*;

/// A crate of these files, and its circles.
fn circles(files: &[(&str, &str)]) -> Vec<Found> {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("written");
    }
    let root = directory.path().join(files[0].0);
    below(&root, &relative(directory.path())).expect("read")
}

fn files(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    circles(files)
        .into_iter()
        .map(|circle| circle.files.into_iter().collect())
        .collect()
}

#[test]
fn one_direction_is_no_circle() {
    let found = files(&[
        ("lib.rs", "pub mod a;\npub mod b;\npub use b::B;\n"),
        ("a.rs", "use crate::b::B;\npub struct A(B);\n"),
        ("b.rs", "pub struct B;\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn two_modules_that_name_each_other_are_a_circle_with_its_places() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "use crate::b::B;\npub struct A;\n"),
        ("b.rs", "pub struct B;\nfn f() -> super::a::A { todo!() }\n"),
    ]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].way.len(), 2);
    let way = found[0].way.join("\n");
    assert!(way.contains("a.rs:1 names `crate::b::B` of "), "{way}");
    assert!(way.contains("b.rs:2 names `super::a::A` of "), "{way}");
}

#[test]
fn a_re_export_stands_for_the_child_that_defines_the_item() {
    // `b` names what `a/inner.rs` defines, through `a.rs` and `lib.rs`.
    let found = files(&[
        ("lib.rs", "mod a;\nmod b;\npub use a::Inner;\n"),
        (
            "a.rs",
            "mod inner;\npub use inner::Inner;\nuse crate::b::B;\n",
        ),
        ("a/inner.rs", "pub struct Inner;\n"),
        ("b.rs", "use crate::Inner;\npub struct B(Inner);\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_parent_that_its_child_needs_and_that_uses_the_child_is_a_circle() {
    let found = files(&[
        ("lib.rs", "mod a;\npub use a::A;\npub struct Error;\n"),
        (
            "a/mod.rs",
            "pub struct A;\nfn f() -> crate::Error { todo!() }\n",
        ),
    ]);
    assert_eq!(found, [["a/mod.rs", "lib.rs"]]);
    // To declare a child is not to use it.
    let found = files(&[
        ("lib.rs", "mod a;\npub struct Error;\n"),
        ("a.rs", "use super::Error;\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn names_through_modules_globs_and_macros_count() {
    for text in [
        "use crate::b;\nfn f() { b::g() }\n",
        "use crate::b::*;\nfn f() { g() }\n",
        "fn f() { assert!(crate::b::g()) }\n",
        "use super::*;\nfn f() { b::g() }\n",
    ] {
        let found = files(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", &format!("{text}pub struct A;\n")),
            ("b.rs", "use crate::a::A;\npub fn g() {}\n"),
        ]);
        assert_eq!(found, [["a.rs", "b.rs"]], "{text}");
    }
    // A module that is imported and not looked into gives nothing.
    let found = files(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "use crate::b;\npub struct A;\n"),
        ("b.rs", "use crate::a::A;\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn tests_comments_and_strings_name_nothing() {
    let found = files(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        (
            "a.rs",
            "/// [`crate::b::B`]\npub struct A;\nconst T: &str = \"crate::b::B\";\n\
             #[cfg(test)]\nmod tests { use crate::b::B; }\n",
        ),
        ("b.rs", "use crate::a::A;\npub struct B;\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn imports_that_go_round_end() {
    let found = files(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "pub use crate::b::*;\nuse nowhere::C;\n"),
        ("b.rs", "pub use crate::a::*;\nfn f(c: C) {}\n"),
    ]);
    assert_eq!(found, [["a.rs", "b.rs"]]);
}

#[test]
fn the_way_is_the_shortest_one() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("a.rs", "use crate::b::B;\npub struct A;\n"),
        ("b.rs", "use crate::c::C;\npub struct B;\n"),
        ("c.rs", "use crate::{a::A, b::B};\npub struct C;\n"),
    ]);
    assert_eq!((found.len(), found[0].files.len()), (1, 3));
    assert_eq!((found[0].way.len(), found[0].edges.len()), (2, 4));
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("lib.rs");
    std::fs::write(&root, "mod gone;\n").expect("written");
    let error = below(&root, "").err().expect("an error").to_string();
    assert!(error.contains("gone/mod.rs"), "{error}");
}

fn found(files: &[&str]) -> BTreeMap<String, Vec<Found>> {
    let circle = Found {
        files: files.iter().map(ToString::to_string).collect(),
        way: vec!["a.rs:1 names `b::B` of b.rs".into()],
        edges: Vec::new(),
    };
    BTreeMap::from([("one".into(), vec![circle])])
}

fn messages(found: &BTreeMap<String, Vec<Found>>, list: &str) -> Vec<String> {
    violations(found, &listed(list).expect("a list"))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_list_may_only_shrink() {
    let two = found(&["a.rs", "b.rs"]);
    assert!(messages(&two, "one = [[\"b.rs\", \"a.rs\"]]").is_empty());

    let new = messages(&two, "");
    assert_eq!(new.len(), 1);
    assert!(new[0].contains("a.rs:1 names `b::B` of b.rs"), "{new:?}");

    let grown = messages(&two, "one = [[\"a.rs\", \"c.rs\"]]");
    assert_eq!(grown.len(), 2, "{grown:?}");

    let smaller = messages(&two, "one = [[\"a.rs\", \"b.rs\", \"c.rs\"]]");
    assert_eq!(smaller.len(), 1);
    assert!(
        smaller[0].ends_with("list [\"a.rs\", \"b.rs\"]"),
        "{smaller:?}"
    );

    for list in [
        "one = [[\"a.rs\", \"b.rs\"]]",
        "two = [[\"a.rs\", \"b.rs\"]]",
    ] {
        let gone = messages(&BTreeMap::new(), list);
        assert_eq!(gone.len(), 1);
        assert!(gone[0].contains("remove it from the list"), "{gone:?}");
    }
}

#[test]
fn the_report_ends_with_the_list_that_would_allow_it() {
    let two = found(&["a.rs", "b.rs"]);
    let text = report(&two);
    let (_, list) = text.split_once(&format!("{LIST}:\n")).expect("a list");
    assert!(messages(&two, list).is_empty());
}
