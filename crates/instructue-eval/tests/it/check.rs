//! What is wrong with tasks is known before anything is trained for them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use instructue_eval::{TaskSet, check_tasks, parse_time};
use instructue_schema::Schema;
use instructue_store::{IngestOptions, UserStore};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

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
[[source]]
name = "quiet"
kind = "events"
description = "nothing"
column = [
  { name = "user", type = "text", role = "user" },
  { name = "time", type = "timestamp", role = "time" },
]
"#;

const TASKS: &str = r#"
reference = "2017-07-01"
active_days = 30
active_source = "bill"
[[task]]
name = "dog"
instruction = "Dog?"
reworded = ["A dog?"]
label = { kind = "event", source = "bill", field = "category", equals = ["DOG"], days = 5 }
[[task]]
name = "older"
instruction = "Older?"
reworded = ["Of age?"]
label = { kind = "column", file = "ages.parquet", user_column = "id", column = "age", positive = ["45+"] }
"#;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn strings(values: &[String]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Twenty users with an event each before and after the reference time.
fn data() -> (TempDir, UserStore) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let (mut users, mut times, mut categories) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..20 {
        for (day, category) in [
            ("2017-06-20", format!("C{:02}", user % 15)),
            (
                "2017-07-03",
                if user % 2 == 0 {
                    "DOG".into()
                } else {
                    "CAT".into()
                },
            ),
            ("2017-07-10", "\u{1b}[31mRED".into()),
        ] {
            users.push(format!("u{user}"));
            times.push(parse_time(day).unwrap().0 * 1_000_000);
            categories.push(category);
        }
    }
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times));
    write(
        &data.join("bill.parquet"),
        vec![
            ("user", strings(&users)),
            ("time", times.clone()),
            ("category", strings(&categories)),
        ],
    );
    write(
        &data.join("quiet.parquet"),
        vec![("user", strings(&users[..1])), ("time", times.slice(2, 1))],
    );
    let ids: Vec<String> = (0..20).map(|user| format!("u{user}")).collect();
    let age = |id: &String| match id.as_str() < "u15" {
        true => "45+".to_owned(),
        false => "44-".to_owned(),
    };
    let ages: Vec<String> = ids.iter().map(age).collect();
    write(
        &data.join("ages.parquet"),
        vec![("id", strings(&ids)), ("age", strings(&ages))],
    );
    let strangers: ArrayRef = Arc::new(Int64Array::from((0..20).collect::<Vec<_>>()));
    write(
        &data.join("strangers.parquet"),
        vec![("id", strangers), ("age", strings(&ages))],
    );
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let store = data.join("store");
    let options = IngestOptions::default();
    let (store, _) = UserStore::ingest(&schema, data, &store, &options, &mut |_| {}).unwrap();
    (directory, store)
}

fn checked(text: &str, data: &Path, store: &UserStore) -> Result<Vec<String>, String> {
    let set = TaskSet::from_toml(text).map_err(|error| error.to_string())?;
    check_tasks(&set, store, data, 1).map_err(|error| error.to_string())
}

#[test]
fn tasks_that_fit_the_data_pass_without_a_word() {
    let (directory, store) = data();
    assert_eq!(checked(TASKS, directory.path(), &store), Ok(Vec::new()));
}

#[test]
fn what_does_not_fit_is_named() {
    let (directory, store) = data();
    let cases: [(&str, &str, &[&str]); 13] = [
        (
            "source = \"bill\", field",
            "source = \"bil\", field",
            &["`dog`.label.source", "bill, quiet"],
        ),
        (
            "field = \"category\"",
            "field = \"colour\"",
            &["`dog`.label.field", "category"],
        ),
        (
            "active_source = \"bill\"",
            "active_source = \"bil\"",
            &["active_source", "bill"],
        ),
        // Nobody has an event of that source in time.
        (
            "active_source = \"bill\"\n",
            "active_source = \"quiet\"\n",
            &["active_days", "`quiet`", "30 days before 2017-07-01"],
        ),
        (
            "ages.parquet",
            "none.parquet",
            &["none.parquet", "No such file"],
        ),
        (
            "user_column = \"id\"",
            "user_column = \"ids\"",
            &["ages.parquet", "`ids`", "only id, age"],
        ),
        (
            "column = \"age\"",
            "column = \"aeg\"",
            &["ages.parquet", "`aeg`"],
        ),
        (
            "ages.parquet",
            "strangers.parquet",
            &["strangers.parquet", "`id`", "20 users of the data", "none"],
        ),
        (
            "[\"45+\"]",
            "[\"45 +\"]",
            &[
                "`older`.label.positive",
                "\"45+\"",
                "\"44-\"",
                "found \"45 +\"",
            ],
        ),
        (
            "[\"DOG\"]",
            "[\"Dog\", \"Puppy\"]",
            &[
                "`dog`.label.equals",
                "\"\\u{1b}[31mRED\", \"CAT\", \"DOG\"",
                "(18 in all)",
                "found \"Dog\", \"Puppy\"",
            ],
        ),
        (
            "days = 5",
            "days = 12",
            &["`dog`", "2017-07-13", "2017-07-10"],
        ),
        (
            "reference = \"2017-07-01\"",
            "reference = \"2017-06-20\"",
            &[
                "reference: expected a time after the first event (2017-06-20)",
                "found 2017-06-20",
            ],
        ),
        (
            "name = \"older\"",
            "reference = \"2019-01-01\"\nname = \"older\"",
            &[
                "`older`.reference",
                "within 90 days of the last (2017-07-10)",
            ],
        ),
    ];
    for (from, to, expected) in cases {
        assert!(TASKS.contains(from), "{from}");
        let text = TASKS.replacen(from, to, 1);
        let error = checked(&text, directory.path(), &store).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "{to}: without {part:?}: {error}");
        }
        assert!(!error.chars().any(char::is_control), "{to}: {error:?}");
        assert!(error.len() < 400, "{error}");
    }
}

/// At most ten values of the declared column are listed, no id and no other column.
#[test]
fn a_list_of_values_is_short() {
    let (directory, store) = data();
    let text = TASKS.replacen("[\"DOG\"]", "[\"Dog\"]", 1);
    let error = checked(&text, directory.path(), &store).unwrap_err();
    assert_eq!(error.matches("\", ").count(), 10, "{error}");
    assert!(!error.contains("\"u1"), "{error}");
}

#[test]
fn what_an_evaluation_will_leave_out_is_remarked() {
    let (directory, store) = data();
    let path = directory.path();
    // Of several values one that nothing has.
    let text = TASKS.replacen("[\"DOG\"]", "[\"DOG\", \"PUPPY\"]", 1);
    let remarks = checked(&text, path, &store).unwrap();
    assert_eq!(remarks.len(), 1);
    assert!(
        remarks[0].contains("`dog`") && remarks[0].contains("\"PUPPY\""),
        "{remarks:?}"
    );
    // A value that is there, but not in the window.
    let text = TASKS.replacen("[\"DOG\"]", "[\"C01\"]", 1);
    let remarks = checked(&text, path, &store).unwrap();
    assert_eq!(
        remarks,
        ["task `dog` is left out of the evaluation: of its 20 users none is positive"]
    );
    let text = TASKS.replacen("[\"45+\"]", "[\"45+\", \"44-\"]", 1);
    let remarks = checked(&text, path, &store).unwrap();
    assert_eq!(
        remarks,
        ["task `older` is left out of the evaluation: of its 20 users none is negative"]
    );
}

#[cfg(unix)]
#[test]
fn a_label_file_is_no_link_out_of_the_data() {
    let (directory, store) = data();
    let other = tempfile::tempdir().unwrap();
    let secret = other.path().join("secret.parquet");
    std::fs::write(&secret, "hunter2").unwrap();
    std::os::unix::fs::symlink(&secret, directory.path().join("link.parquet")).unwrap();
    let text = TASKS.replacen("ages.parquet", "link.parquet", 1);
    let error = checked(&text, directory.path(), &store).unwrap_err();
    assert!(
        error.contains("`older`.label.file") && error.contains("link"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}
