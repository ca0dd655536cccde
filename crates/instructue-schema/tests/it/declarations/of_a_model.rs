//! The part of a declaration that a model depends on.

use super::*;

/// A model does not depend on where values come from or which rows are kept.
#[test]
fn a_model_reads_the_same_fields_from_elsewhere() {
    let shop = Schema::from_toml(SHOP).unwrap();
    let (unit, any) = (
        "role = \"time\"\nunit = \"ms\"",
        "name = \"s\"\ntimes = \"any\"",
    );
    for (from, to) in [
        (
            "kind = \"events\"",
            "kind = \"events\"\nfile = \"lines/*.parquet\"",
        ),
        (
            "kind = \"events\"",
            "kind = \"events\"\non_error = \"skip\"\ntimes = \"any\"",
        ),
        (
            "kind = \"events\"",
            "kind = \"events\"\norder = \"user_time\"",
        ),
        ("campaigns.parquet", "actions.parquet"),
        ("name = \"user\"", "name = \"customer\""),
        ("role = \"time\"", unit),
        (
            "role = \"text\"",
            "role = \"text\"\nrequired = true\nlabel = \"item\"",
        ),
        ("name = \"shop\"", any),
    ] {
        let text = SHOP.replacen(from, to, 1);
        assert_ne!(text, SHOP);
        let other = Schema::from_toml(&text).unwrap();
        assert_ne!(other, shop);
        assert_eq!(shop.model_difference(&other), None, "{to}");
        assert_eq!(other.model_difference(&shop), None, "{to}");
    }
    // A field of the source's own in place of a lookup's.
    let mut own = shop.clone();
    let kind_of = own.sources[0].lookups[0].columns.pop().unwrap();
    own.sources[0].columns.push(kind_of);
    assert_eq!(shop.model_difference(&own), None);
}

#[test]
fn the_first_key_that_a_model_depends_on_and_differs_is_named() {
    let shop = Schema::from_toml(SHOP).unwrap();
    for (from, to, key, first, second) in [
        (
            "\"tab\"",
            "\"tub\"",
            "source",
            r#"["bill", "tab"]"#,
            r#"["bill", "tub"]"#,
        ),
        (
            "\"purchases\"",
            "\"sales\"",
            "source.bill.description",
            "\"purchases\"",
            "\"sales\"",
        ),
        ("slots = 10", "slots = 11", "source.bill.slots", "10", "11"),
        (
            "max_tokens = 9",
            "max_tokens = 8",
            "source.bill.max_tokens",
            "9",
            "8",
        ),
        (
            "slots = 10",
            "window_days = 7\nslots = 10",
            "source.bill.window_days",
            "90",
            "7",
        ),
        (
            "slots = 10",
            "delimiter = \"b\"\nslots = 10",
            "source.bill.delimiter",
            "\"bill\"",
            "\"b\"",
        ),
        (
            "slots = 10",
            "repeats = \"merge\"\nslots = 10",
            "source.bill.repeats",
            "keep",
            "merge",
        ),
        (
            "\"amount\"",
            "\"price\"",
            "source.bill.column",
            r#"["amount", "item", "kind_of"]"#,
            r#"["price", "item", "kind_of"]"#,
        ),
        (
            "type = \"float\"",
            "type = \"int\"",
            "source.bill.column.amount.type",
            "\"float\"",
            "\"int\"",
        ),
        (
            "role = \"text\"",
            "role = \"category\"",
            "source.bill.column.item.role",
            "\"text\"",
            "\"category\"",
        ),
        (
            "role = \"text\"",
            "role = \"text\"\nlabel = \"i\"",
            "source.bill.column.item.label",
            "\"item\"",
            "\"i\"",
        ),
        (
            "role = \"number\"",
            "role = \"number\"\nrender = true",
            "source.bill.column.amount.render",
            "false",
            "true",
        ),
        (
            "[7, 30]",
            "[7, 31]",
            "source.tab.aggregate.bill.windows_days",
            "[7, 30]",
            "[7, 31]",
        ),
        (
            "[\"kind_of\"]",
            "[]",
            "source.tab.aggregate.bill.group_by",
            "[\"kind_of\"]",
            "[]",
        ),
        (
            "top_groups = 5",
            "top_groups = 6",
            "source.tab.aggregate.bill.top_groups",
            "5",
            "6",
        ),
    ] {
        let text = SHOP.replacen(from, to, 1);
        assert_ne!(text, SHOP);
        let other = Schema::from_toml(&text).unwrap();
        let found = shop.model_difference(&other).expect(key);
        assert_eq!(
            (
                found.key.as_str(),
                found.first.as_str(),
                found.second.as_str()
            ),
            (key, first, second)
        );
    }
    assert_eq!(shop.model_difference(&shop), None);
}
