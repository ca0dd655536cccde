//! Labels from events and from label files, at their edges.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use instructue_eval::{Rule, TaskSet, label_all, load_labels, parse_time};
use instructue_schema::{Schema, UserId, UserRef};
use instructue_store::{IngestOptions, UserStore};
use parquet::arrow::ArrowWriter;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

const SCHEMA: &str = r#"
name = "shop"
[[source]]
name = "bill"
kind = "events"
description = "purchases"
window_days = 90
slots = 10
max_tokens = 8
column = [
  { name = "user", type = "text", role = "user" },
  { name = "time", type = "timestamp", role = "time" },
  { name = "category", type = "text", role = "category" },
]
"#;

const TASKS: &str = r#"
reference = "2017-07-01"
active_days = 10
active_source = "bill"
[[task]]
name = "dog"
instruction = "Dog?"
reworded = ["A dog?"]
label = { kind = "event", source = "bill", field = "category", equals = ["DOG", "PUPPY"], days = 5 }
[[task]]
name = "away"
instruction = "Away?"
reworded = ["Gone?"]
label = { kind = "event", source = "bill", days = 5, negate = true }
[[task]]
name = "older"
instruction = "Older?"
reworded = ["Of age?"]
label = { kind = "column", file = "age.parquet", user_column = "id", column = "age", at_least = 45 }
"#;

#[test]
fn windows_begin_at_the_reference_and_exclude_their_end() {
    let events = [
        // Bought on the first second of the activity window, and on the reference second.
        ("a", "2017-06-21", "CAT"),
        ("a", "2017-07-01", "DOG"),
        // Active on the last second; the purchase is one second too late.
        ("b", "2017-06-30T23:59:59", "DOG"),
        ("b", "2017-07-06", "DOG"),
        // Active one second too early: does not count, whatever follows.
        ("c", "2017-06-20T23:59:59", "CAT"),
        ("c", "2017-07-02", "DOG"),
        // Another category, but in the last second of the window; prefix of a wanted value.
        ("d", "2017-06-25", "CAT"),
        ("d", "2017-07-05T23:59:59", "DOGS"),
        // Only labelled days, no activity before.
        ("e", "2017-07-03", "PUPPY"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let column = |of: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        strings(
            &events
                .iter()
                .map(|event| Some(of(event)))
                .collect::<Vec<_>>(),
        )
    };
    let micros: Vec<i64> = events
        .iter()
        .map(|event| parse_time(event.1).unwrap().0 * 1_000_000)
        .collect();
    write(
        &data.join("bill.parquet"),
        vec![
            ("user", column(|event| event.0)),
            ("time", Arc::new(TimestampMicrosecondArray::from(micros))),
            ("category", column(|event| event.2)),
        ],
    );
    let ages: Vec<Option<f64>> = vec![Some(45.0), Some(44.9), None, Some(f64::NAN), Some(70.0)];
    let ids = [Some("a"), Some("b"), Some("c"), Some("d"), Some("stranger")];
    write(
        &data.join("age.parquet"),
        vec![
            ("id", strings(&ids)),
            ("age", Arc::new(Float64Array::from(ages))),
        ],
    );
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let options = IngestOptions::default();
    let store = data.join("store");
    let (store, _) = UserStore::ingest(&schema, data, &store, &options, &mut |_| {}).unwrap();
    let set = TaskSet::from_toml(TASKS).unwrap();
    let mut users = Vec::new();
    let mut names = Vec::new();
    for shard in 0..store.shards() {
        let loaded = store.shard(shard).unwrap();
        users.extend((0..loaded.len()).map(|index| UserRef { shard, index }));
        names.extend(loaded.users.iter().map(|user| user.as_str().to_owned()));
    }
    let all = label_all(&set, &store, &users, data).unwrap();
    let of = |task: usize, user: &str| all[task][names.iter().position(|n| n == user).unwrap()];
    let row = |task| ["a", "b", "c", "d", "e"].map(|user| of(task, user));
    assert_eq!(row(0), [Some(true), Some(false), None, Some(false), None]);
    assert_eq!(row(1), [Some(false), Some(true), None, Some(false), None]);
    // Columns ask for no activity; a missing value is no label.
    assert_eq!(row(2), [Some(true), Some(false), None, None, None]);
}

fn labels(path: &Path, rule: &Rule<'_>) -> HashMap<String, bool> {
    let labels = load_labels(path, "id", "value", rule).unwrap();
    labels
        .into_iter()
        .map(|(user, label)| (user.into(), label))
        .collect()
}

fn id(user: &str) -> UserId {
    UserId::new(user).unwrap()
}

#[test]
fn values_compare_as_text_or_as_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("labels.parquet");
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(-3), None, Some(9)]));
    write(
        &path,
        vec![
            ("id", ids.clone()),
            ("value", strings(&[Some("3+"), Some("0"), Some("3+"), None])),
        ],
    );
    let wanted = ["1".to_owned(), "3+".to_owned()];
    let found = labels(&path, &Rule::OneOf(&wanted));
    assert_eq!(
        found,
        HashMap::from([("7".to_owned(), true), ("-3".to_owned(), false)])
    );

    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 1]));
    write(&path, vec![("id", ids.clone()), ("value", values)]);
    assert!(labels(&path, &Rule::OneOf(&wanted))["9"]);
    let found = labels(&path, &Rule::AtLeast(2.0));
    assert!(!found["7"] && found["-3"] && !found["9"]);

    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, true]));
    write(&path, vec![("id", ids), ("value", flags)]);
    assert!(labels(&path, &Rule::OneOf(&["true".to_owned()]))["7"]);
}

/// What ingest reads as an id or a value of events, label files may hold too.
#[test]
fn ids_and_labels_are_read_as_events_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("labels.parquet");
    let decimals = Decimal128Array::from(vec![700, -300, 900])
        .with_precision_and_scale(38, 2)
        .unwrap();
    let floats = Float64Array::from(vec![7.0, -3.0, 9.0]);
    let categories: DictionaryArray<Int32Type> = vec!["7", "-3", "9"].into_iter().collect();
    let ids: [ArrayRef; 3] = [Arc::new(decimals), Arc::new(floats), Arc::new(categories)];
    let classes: DictionaryArray<Int32Type> = vec!["1", "2", "1"].into_iter().collect();
    let gaps = Float64Array::from(vec![1.0, 2.0, 1.0]);
    let values: [ArrayRef; 2] = [Arc::new(classes), Arc::new(gaps)];
    let one = ["1".to_owned()];
    for ids in &ids {
        for values in &values {
            // A dot in a name is no path into a struct.
            write(
                &path,
                vec![("user.id", ids.clone()), ("a.value", values.clone())],
            );
            let found = load_labels(&path, "user.id", "a.value", &Rule::OneOf(&one)).unwrap();
            let wanted = [("7", true), ("-3", false), ("9", true)];
            assert_eq!(found, wanted.map(|(user, label)| (id(user), label)).into());
        }
    }
    let money = Decimal128Array::from(vec![150, 250, 350]);
    let money: ArrayRef = Arc::new(money.with_precision_and_scale(10, 2).unwrap());
    write(&path, vec![("id", ids[0].clone()), ("value", money)]);
    let found = labels(&path, &Rule::AtLeast(2.5));
    assert!(!found["7"] && found["-3"] && found["9"]);
}

#[test]
fn errors_name_file_column_expected_and_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("labels.parquet");
    let rule = Rule::AtLeast(1.0);
    let says = |user: &str, column: &str, rule: &Rule<'_>, words: &[&str]| {
        let error = load_labels(&path, user, column, rule)
            .unwrap_err()
            .to_string();
        for word in words.iter().chain(&["labels.parquet"]) {
            assert!(error.contains(word), "{word}: {error}");
        }
    };
    says("id", "value", &rule, &["No such file"]);
    std::fs::write(&path, "not parquet").unwrap();
    let begins = ["expected a Parquet file", "found text"];
    says("id", "value", &rule, &begins);
    std::fs::write(&path, "PAR1 and no more").unwrap();
    says(
        "id",
        "value",
        &rule,
        &["expected a complete file", "no footer"],
    );
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 1.5]));
    let ids = strings(&[Some("a"), Some("a")]);
    write(
        &path,
        vec![
            ("id", ids.clone()),
            ("value", numbers.clone()),
            ("text", ids),
        ],
    );
    says("user", "value", &rule, &["`user`", "only id, value, text"]);
    says("id", "age", &rule, &["`age`", "expected a column"]);
    says(
        "value",
        "value",
        &rule,
        &["row 1", "`value`", "expected a whole number", "1.5"],
    );
    says("id", "text", &rule, &["`text`", "expected numbers", "Utf8"]);
    let one = ["1".to_owned()];
    says(
        "id",
        "value",
        &Rule::OneOf(&one),
        &["row 1", "expected a whole number", "1.5"],
    );
    // Two rows with the same label agree; with two labels they do not.
    assert!(load_labels(&path, "id", "value", &rule).unwrap()[&id("a")]);
    says(
        "id",
        "value",
        &Rule::AtLeast(1.2),
        &["one label per user", "both labels for user a"],
    );
}
