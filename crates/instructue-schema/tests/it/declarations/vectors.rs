//! Sources whose events have vectors of their own.

use super::*;

const PICTURES: &str = r#"
name = "shop"
[[source]]
name = "picture"
kind = "events"
description = "pictures looked at"
column = [
    { name = "user", type = "int", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "seen", type = "vector", role = "vector", width = 64 },
    { name = "kind_of", type = "text", role = "category", render = false },
    { name = "seconds", type = "float", role = "number" },
]
"#;

fn refusal(from: &str, to: &str) -> String {
    let text = PICTURES.replacen(from, to, 1);
    assert_ne!(text, PICTURES, "nothing was replaced");
    Schema::from_toml(&text).unwrap_err().to_string()
}

#[test]
fn a_vector_is_a_field_with_a_width() {
    let schema = Schema::from_toml(PICTURES).unwrap();
    let source = &schema.sources[0];
    assert_eq!(source.vector_field(), Some((0, 64)));
    let fields = source.fields();
    assert_eq!(
        (fields[0].role, fields[0].width),
        (ColumnRole::Vector, Some(64))
    );
    assert!(fields.iter().all(|field| !field.rendered));
    assert_eq!(Schema::from_toml(&schema.to_toml()).unwrap(), schema);
    let arrow = source.arrow_schema();
    let column = arrow.field_with_name("seen").unwrap();
    assert!(!column.is_nullable());
    let found = column.data_type().to_string();
    assert!(
        found.starts_with("FixedSizeList(64 x non-null Float32"),
        "{found}"
    );
    assert_eq!(ColumnType::Vector.as_str(), ColumnRole::Vector.as_str());
    // Sources of texts have none.
    assert_eq!(Schema::default_six().sources[0].vector_field(), None);
}

#[test]
fn each_rule_of_vectors_is_kept() {
    let column = "schema: source.picture.column";
    let vector = r#"{ name = "seen", type = "vector", role = "vector", width = 64 }"#;
    for (from, to, message) in [
        (
            ", width = 64",
            "",
            ".seen.width: expected the length of a vector, found none",
        ),
        (
            "width = 64",
            "width = 0",
            ".seen.width: expected 1 to 65536 (each is a column of the adapter's matrix), found 0",
        ),
        (
            "type = \"vector\"",
            "type = \"float\"",
            ".seen.type: expected \"vector\" for role \"vector\", found \"float\"",
        ),
        (
            "role = \"vector\"",
            "role = \"number\"",
            ".seen.type: expected \"int\" or \"float\" or \"bool\" for role \"number\", \
             found \"vector\"",
        ),
        (
            "role = \"number\"",
            "role = \"number\", width = 3",
            ".seconds.width: expected no width for a column that is no vector, found 3",
        ),
        (
            vector,
            &format!("{vector}, {}", vector.replace("seen", "heard")),
            ": expected at most one column with role \"vector\", found 2",
        ),
        (
            ", render = false",
            "",
            ".kind_of.render: expected false: the vector in `seen` stands in place of a text, \
             found true, the default of such a column",
        ),
        (
            "role = \"number\"",
            "role = \"number\", render = true",
            ".seconds.render: expected false: the vector in `seen` stands in place of a text, \
             found true",
        ),
        (
            "width = 64",
            "width = 64, render = true",
            ".seen.render: expected false for a column that is no text, category or number, \
             found true",
        ),
        (
            "kind = \"events\"",
            "kind = \"tabular\"",
            ".seen.role: expected \"category\" or \"number\" in a tabular source, \
             found \"vector\"",
        ),
    ] {
        let text = refusal(from, to);
        assert_eq!(text, format!("{column}{message}"), "{from} -> {to}");
    }
    let mut lookup = Schema::from_toml(SHOP).unwrap();
    lookup.sources[0].columns[2].render = Some(false);
    lookup.sources[0].lookups[0].columns[1].render = Some(false);
    let seen = Schema::from_toml(PICTURES).unwrap().sources[0].columns[2].clone();
    lookup.sources[0].lookups[0].columns.push(seen);
    let message = lookup.validate().unwrap_err().to_string();
    assert!(
        message.contains("in a lookup, found \"vector\""),
        "{message}"
    );
}

#[test]
fn a_model_depends_on_the_width() {
    let schema = Schema::from_toml(PICTURES).unwrap();
    let mut other = schema.clone();
    other.sources[0].columns[2].width = Some(32);
    let difference = schema.model_difference(&other).expect("another width");
    assert_eq!(difference.key, "source.picture.column.seen.width");
    assert_eq!((&*difference.first, &*difference.second), ("64", "32"));
    assert_ne!(schema.digest(), other.digest());
}
