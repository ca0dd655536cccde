//! Reading schema files: defaults, round trips and every rule.

mod of_a_model;
mod vectors;

use instructue_schema::{
    Aggregate, ColumnRole, ColumnType, Error, EventOrder, OnError, Schema, SourceKind,
};
use proptest::prelude::*;

/// A valid schema with every optional part, as text to be broken.
const SHOP: &str = r#"
name = "shop"
[[source]]
name = "bill"
kind = "events"
description = "purchases"
slots = 10
max_tokens = 9
[[source.column]]
name = "user"
type = "int"
role = "user"
[[source.column]]
name = "amount"
type = "float"
role = "number"
[[source.column]]
name = "item"
type = "text"
role = "text"
[[source.column]]
name = "campaign"
type = "int"
role = "key"
[[source.lookup]]
file = "campaigns.parquet"
key = "campaign"
[[source.lookup.column]]
name = "start"
type = "timestamp"
role = "time"
[[source.lookup.column]]
name = "kind_of"
type = "text"
role = "category"
[[source]]
name = "tab"
kind = "tabular"
description = "features"
[[source.aggregate]]
source = "bill"
windows_days = [7, 30]
group_by = ["kind_of"]
top_groups = 5
"#;

/// The key, expectation and finding of the rule that `SHOP` breaks after the replacement.
fn broken(from: &str, to: &str) -> (String, String, String) {
    let text = SHOP.replacen(from, to, 1);
    assert_ne!(text, SHOP, "nothing was replaced");
    match Schema::from_toml(&text) {
        Err(Error::Invalid {
            key,
            expected,
            found,
            ..
        }) => (key, expected, found),
        other => panic!("{from:?} -> {to:?} gave {other:?}"),
    }
}

fn syntax(from: &str, to: &str) -> (usize, String) {
    let text = SHOP.replacen(from, to, 1);
    assert_ne!(text, SHOP, "nothing was replaced");
    match Schema::from_toml(&text) {
        Err(Error::Syntax { line, message, .. }) => (line, message),
        other => panic!("{from:?} -> {to:?} gave {other:?}"),
    }
}

#[test]
fn defaults_are_filled_in() {
    let schema = Schema::from_toml(SHOP).unwrap();
    let (_, bill) = schema.source("bill").unwrap();
    assert_eq!(bill.file, "bill.parquet");
    assert_eq!((bill.window_days, bill.slots, bill.max_tokens), (90, 10, 9));
    assert_eq!(
        (bill.order, bill.on_error(&schema)),
        (EventOrder::Any, OnError::Fail)
    );
    assert_eq!(bill.user_column().name, "user");
    assert_eq!(bill.time_column().unwrap().name, "start");
    let fields = bill.fields();
    let names: Vec<_> = fields
        .iter()
        .map(|f| (f.name.as_str(), f.role, f.rendered))
        .collect();
    assert_eq!(
        names,
        [
            ("amount", ColumnRole::Number, false),
            ("item", ColumnRole::Text, true),
            ("kind_of", ColumnRole::Category, true),
        ]
    );
    assert_eq!(fields[2].label, "kind of");
    let (at, tab) = schema.source("tab").unwrap();
    assert_eq!(
        (at, tab.kind, tab.slots, tab.has_file()),
        (1, SourceKind::Tabular, 1, false)
    );
    assert!(schema.source("nope").is_none());
}

#[test]
fn the_six_sources_have_the_papers_limits() {
    let schema = Schema::default_six();
    let limits: Vec<_> = schema
        .sources
        .iter()
        .map(|s| (s.name.as_str(), s.slots, s.window_days))
        .collect();
    assert_eq!(
        limits,
        [
            ("bill", 250, 90),
            ("minipro", 150, 90),
            ("spm", 150, 90),
            ("app", 100, 90),
            ("search", 10, 90),
            ("tabular", 1, 90)
        ]
    );
    let tokens: Vec<_> = schema.sources[..5].iter().map(|s| s.max_tokens).collect();
    assert_eq!(tokens, [50, 17, 20, 15, 12]);
}

#[test]
fn written_schemas_read_back_and_digests_follow_the_content() {
    for schema in [Schema::from_toml(SHOP).unwrap(), Schema::default_six()] {
        let again = Schema::from_toml(&schema.to_toml()).unwrap();
        assert_eq!(again, schema);
        assert_eq!(again.digest(), schema.digest());
        assert_eq!(schema.digest().len(), 64);
    }
    // Comments and spelled-out defaults are not content; a limit is.
    let shop = Schema::from_toml(SHOP).unwrap();
    let same =
        Schema::from_toml(&SHOP.replacen("slots = 10", "slots = 10 # few\norder = 'any'", 1));
    assert_eq!(shop.digest(), same.unwrap().digest());
    let other = Schema::from_toml(&SHOP.replacen("slots = 10", "slots = 11", 1)).unwrap();
    assert_ne!(shop.digest(), other.digest());
}

#[test]
fn unknown_missing_and_mistyped_keys_name_line_and_key() {
    let (line, message) = syntax("slots = 10", "slotz = 10");
    assert_eq!(line, 7);
    assert!(
        message.contains("slotz") && message.contains("slots"),
        "{message}"
    );
    for (from, to, word) in [
        ("role = \"user\"", "role = \"usr\"", "usr"),
        ("role = \"user\"", "role = \"user\"\nunits = 3", "units"),
        ("role = \"time\"", "role = \"time\"\nunit = \"min\"", "min"),
        (
            "name = \"shop\"",
            "name = \"shop\"\ntimes = \"some\"",
            "some",
        ),
        ("key = \"campaign\"", "keys = \"campaign\"", "keys"),
        ("top_groups = 5", "top = 5", "top"),
        ("name = \"shop\"", "nam = \"shop\"", "nam"),
        ("type = \"int\"", "type = \"uint\"", "uint"),
        ("description = \"purchases\"", "", "description"),
        ("slots = 10", "slots = \"ten\"", "a text, expected"),
        ("slots = 10", "slots = -1", "-1"),
        ("kind = \"events\"", "kind = \"event\"", "event"),
    ] {
        let (_, message) = syntax(from, to);
        assert!(message.contains(word), "{from:?} -> {to:?}: {message}");
    }
}

#[test]
fn each_rule_is_kept() {
    for (from, to, key, expected) in [
        ("name = \"shop\"", "name = ' '", "name", "a name"),
        (
            "name = \"bill\"",
            "name = \"Bill\"",
            "source.Bill.name",
            "a-z",
        ),
        (
            "name = \"tab\"",
            "name = \"bill\"",
            "source.bill.name",
            "unique",
        ),
        (
            "slots = 10",
            "delimiter = \"a b\"",
            "source.bill.delimiter",
            "a-z",
        ),
        (
            "slots = 10",
            "delimiter = \"\"",
            "source.bill.delimiter",
            "a-z",
        ),
        (
            "slots = 10",
            "delimiter = \"tab\"",
            "source.tab.delimiter",
            "unique",
        ),
        ("slots = 10", "slots = 0", "source.bill.slots", "1 to"),
        (
            "max_tokens = 9",
            "max_tokens = 0",
            "source.bill.max_tokens",
            "1 to",
        ),
        (
            "max_tokens = 9",
            "window_days = 0",
            "source.bill.window_days",
            "1 to",
        ),
        (
            "max_tokens = 9",
            "file = \"../x.parquet\"",
            "source.bill.file",
            "relative",
        ),
        (
            "max_tokens = 9",
            "file = \"/x.parquet\"",
            "source.bill.file",
            "relative",
        ),
        (
            "max_tokens = 9",
            "file = \"a*/x.parquet\"",
            "source.bill.file",
            "last part",
        ),
        (
            "\"purchases\"",
            "\"a\\nb\"",
            "source.bill.description",
            "one line",
        ),
        (
            "role = \"user\"",
            "role = \"key\"",
            "source.bill.column",
            "\"user\"",
        ),
        (
            "role = \"time\"",
            "role = \"user\"",
            "source.bill.column.start.type",
            "\"text\" or \"int\"",
        ),
        (
            "type = \"timestamp\"\nrole = \"time\"",
            "type = \"text\"\nrole = \"text\"",
            "source.bill.column",
            "exactly one column with role \"time\"",
        ),
        (
            "name = \"item\"",
            "name = \"amount\"",
            "source.bill.column.amount",
            "unique",
        ),
        (
            "name = \"kind_of\"",
            "name = \"item\"",
            "source.bill.column.item",
            "unique",
        ),
        (
            "name = \"item\"",
            "name = \"\"",
            "source.bill.column.",
            "a column name",
        ),
        (
            "type = \"float\"",
            "type = \"text\"",
            "source.bill.column.amount.type",
            "\"float\"",
        ),
        (
            "role = \"user\"",
            "role = \"user\"\nrender = true",
            "source.bill.column.user.render",
            "false",
        ),
        (
            "role = \"user\"",
            "role = \"user\"\nunit = \"ms\"",
            "source.bill.column.user.unit",
            "no unit",
        ),
        (
            "role = \"user\"",
            "role = \"user\"\nlabel = ''",
            "source.bill.column.user.label",
            "one line",
        ),
        (
            "key = \"campaign\"",
            "key = \"item\"",
            "source.bill.lookup.campaigns.parquet.key",
            "\"key\"",
        ),
        (
            "key = \"campaign\"",
            "key = \"nope\"",
            "source.bill.lookup.campaigns.parquet.key",
            "\"key\"",
        ),
        (
            "source = \"bill\"",
            "source = \"nope\"",
            "source.tab.aggregate.nope.source",
            "one of",
        ),
        (
            "source = \"bill\"",
            "source = \"tab\"",
            "source.tab.aggregate.tab.source",
            "events",
        ),
        (
            "[7, 30]",
            "[]",
            "source.tab.aggregate.bill.windows_days",
            "at least 1",
        ),
        (
            "[7, 30]",
            "[7, 0]",
            "source.tab.aggregate.bill.windows_days",
            "1 to",
        ),
        (
            "[7, 30]",
            "[7, 7]",
            "source.tab.aggregate.bill.windows_days",
            "distinct",
        ),
        (
            "[\"kind_of\"]",
            "[\"item\"]",
            "source.tab.aggregate.bill.group_by",
            "category",
        ),
        (
            "[\"kind_of\"]",
            "[\"x\"]",
            "source.tab.aggregate.bill.group_by",
            "category",
        ),
        (
            "top_groups = 5",
            "top_groups = 0",
            "source.tab.aggregate.bill.top_groups",
            "1 to",
        ),
        (
            "kind = \"tabular\"",
            "kind = \"events\"",
            "source.tab.column",
            "\"time\"",
        ),
    ] {
        let (found_key, found_expected, _) = broken(from, to);
        assert_eq!(found_key, key, "{from:?} -> {to:?}");
        assert!(
            found_expected.contains(expected),
            "{from:?} -> {to:?}: {found_expected}"
        );
    }
}

#[test]
fn structure_of_tabular_sources_is_checked() {
    let mut schema = Schema::from_toml(SHOP).unwrap();
    schema.sources[1].aggregates.clear();
    assert!(matches!(schema.validate(), Err(Error::Invalid { found, .. }) if found == "neither"));
    let mut schema = Schema::from_toml(SHOP).unwrap();
    let lookup = schema.sources[0].lookups[0].clone();
    schema.sources[1].lookups.push(lookup);
    assert!(schema.validate().is_err());
    let mut schema = Schema::from_toml(SHOP).unwrap();
    schema.sources[0].aggregates = vec![Aggregate {
        source: "bill".into(),
        windows_days: vec![7],
        group_by: vec![],
        top_groups: 1,
    }];
    assert!(
        matches!(schema.validate(), Err(Error::Invalid { found, .. }) if found == "an events source")
    );
    let mut schema = Schema::default_six();
    schema.sources[5].columns[2].role = ColumnRole::Text;
    assert!(matches!(schema.validate(), Err(Error::Invalid { key, .. }) if key.ends_with("role")));
    let mut schema = Schema::default_six();
    schema.sources.clear();
    assert!(schema.validate().is_err());
}

#[test]
fn errors_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.toml");
    assert!(matches!(Schema::load(&path), Err(Error::File(error)) if error.path() == path));
    std::fs::write(&path, "name = \n").unwrap();
    let message = Schema::load(&path).unwrap_err().to_string();
    assert!(message.contains("shop.toml:1:"), "{message}");
    std::fs::write(&path, SHOP.replace("slots = 10", "slots = 0")).unwrap();
    let message = Schema::load(&path).unwrap_err().to_string();
    assert!(
        message.contains("shop.toml: source.bill.slots: expected 1 to"),
        "{message}"
    );
    std::fs::write(&path, SHOP).unwrap();
    assert_eq!(
        Schema::load(&path).unwrap(),
        Schema::from_toml(SHOP).unwrap()
    );
}

#[test]
fn arrow_schemas_list_the_declared_columns() {
    let schema = Schema::from_toml(SHOP).unwrap();
    let bill = &schema.sources[0];
    let columns: Vec<_> = bill
        .arrow_schema()
        .fields()
        .iter()
        .map(|f| format!("{}:{}:{}", f.name(), f.data_type(), f.is_nullable()))
        .collect();
    assert_eq!(
        columns,
        [
            "user:Int64:false",
            "amount:Float64:true",
            "item:Utf8:true",
            "campaign:Int64:true"
        ]
    );
    let columns: Vec<_> = bill
        .lookup_schema(0)
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(columns, ["campaign", "start", "kind_of"]);
    assert_eq!(ColumnType::Timestamp.as_str(), "timestamp");
}

proptest! {
    /// Any text is an error or a valid schema, and never causes a panic.
    #[test]
    fn no_text_panics(at in 0..SHOP.len(), cut in 0usize..20, insert in "\\PC{0,6}") {
        let mut text = SHOP.to_string();
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &insert);
        if let Ok(schema) = Schema::from_toml(&text) {
            prop_assert_eq!(Schema::from_toml(&schema.to_toml()).unwrap(), schema);
        }
    }
}

#[test]
fn times_as_text_and_files_elsewhere_are_answered_with_what_to_do() {
    let with = |from: &str, to: &str| {
        assert!(SHOP.contains(from), "{from}");
        Schema::from_toml(&SHOP.replacen(from, to, 1))
            .unwrap_err()
            .to_string()
    };
    let said = with("type = \"timestamp\"", "type = \"text\"");
    assert!(said.contains("\"timestamp\" also reads texts"), "{said}");
    let said = with("slots = 10", "slots = 10\nfile = \"s3://bucket/a.parquet\"");
    assert!(said.contains("copy remote files there first"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_schema_is_a_regular_file() {
    for path in ["/dev/zero", "/dev"] {
        let error = Schema::load(path.as_ref()).unwrap_err().to_string();
        assert!(
            error.contains(path) && error.contains("regular file"),
            "{error}"
        );
    }
}
