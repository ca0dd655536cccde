//! Changed copies of a data directory: what changes, what does not, and how it reads.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use instructue_eval::{NoiseKind, write_noisy};
use instructue_schema::{SECONDS_PER_DAY, Schema, Timestamp};
use instructue_store::{IngestOptions, UserStore, open_parquet, read_all};
use parquet::arrow::ArrowWriter;

const SCHEMA: &str = r#"
name = "small"
[[source]]
name = "bill"
kind = "events"
description = "purchases"
column = [
    { name = "customer", type = "text", role = "user" },
    { name = "at", type = "timestamp", role = "time" },
    { name = "product", type = "int", role = "key" },
    { name = "what", type = "text", role = "category" },
]
[[source.lookup]]
file = "products.parquet"
key = "product"
column = [{ name = "title", type = "text", role = "text" }]
[[source]]
name = "search"
kind = "events"
description = "searches"
column = [
    { name = "customer", type = "text", role = "user" },
    { name = "at", type = "timestamp", role = "time" },
    { name = "query", type = "text", role = "text" },
]
"#;

const USERS: i64 = 20;
const EACH: i64 = 30;
const CUT: Timestamp = Timestamp(15 * SECONDS_PER_DAY);

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// One event a day for each user, all with a text of their own.
fn data(dir: &Path) -> Schema {
    fs::create_dir_all(dir).unwrap();
    let rows: Vec<(i64, i64)> = (0..EACH)
        .flat_map(|day| (0..USERS).map(move |user| (user, day)))
        .collect();
    let text = |of: &dyn Fn(i64, i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|&(user, day)| of(user, day)),
        ))
    };
    let times = rows.iter().map(|(user, day)| day * SECONDS_PER_DAY + user);
    let times = arrow::array::TimestampSecondArray::from_iter_values(times);
    let users = text(&|user, _| format!("u{user}"));
    let keys = rows.iter().map(|(user, _)| user % 3);
    write(
        &dir.join("bill.parquet"),
        vec![
            ("customer", users.clone()),
            ("at", Arc::new(times.clone())),
            ("product", Arc::new(Int64Array::from_iter_values(keys))),
            ("what", text(&|user, day| format!("{user}/{day}"))),
        ],
    );
    write(
        &dir.join("search.parquet"),
        vec![
            ("customer", users),
            ("at", Arc::new(times)),
            ("query", text(&|user, day| format!("q{user}/{day}"))),
        ],
    );
    write(
        &dir.join("products.parquet"),
        vec![
            ("product", Arc::new(Int64Array::from(vec![0, 1, 2]))),
            ("title", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ],
    );
    fs::write(dir.join("schema.toml"), SCHEMA).unwrap();
    Schema::load(&dir.join("schema.toml")).unwrap()
}

/// (User, day, text) of each row of a file.
fn rows(path: &Path, text: &str) -> Vec<(String, i64, String)> {
    let reader = open_parquet(path).unwrap().build().unwrap();
    let mut out = Vec::new();
    for batch in read_all(path, reader).unwrap() {
        let column = |name: &str| batch.column_by_name(name).unwrap().clone();
        let users = column("customer");
        let times = arrow::compute::cast(&column("at"), &arrow::datatypes::DataType::Int64);
        let times = times.unwrap();
        let texts = column(text);
        let texts = texts.as_string::<i32>();
        for row in 0..batch.num_rows() {
            out.push((
                users.as_string::<i32>().value(row).to_owned(),
                times.as_primitive::<Int64Type>().value(row) / SECONDS_PER_DAY,
                texts.value(row).to_owned(),
            ));
        }
    }
    out
}

fn noisy(kind: NoiseKind, seed: u64) -> (tempfile::TempDir, Schema) {
    let dir = tempfile::tempdir().unwrap();
    let schema = data(&dir.path().join("data"));
    let (from, to) = (dir.path().join("data"), dir.path().join("noisy"));
    write_noisy(&schema, &from, &to, &kind, &[CUT], seed).unwrap();
    (dir, schema)
}

#[test]
fn replaced_events_keep_user_and_time() {
    let (dir, schema) = noisy(NoiseKind::Foreign { share: 0.3 }, 1);
    let before = rows(&dir.path().join("data/bill.parquet"), "what");
    let after = rows(&dir.path().join("noisy/bill.parquet"), "what");
    let mut changed: BTreeMap<&str, usize> = BTreeMap::new();
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old.0, old.1), (&new.0, new.1));
        if old.2 != new.2 {
            *changed.entry(&old.0).or_default() += 1;
            let owner = format!("u{}", new.2.split('/').next().unwrap());
            assert_ne!(owner, new.0, "an event of someone else");
        }
    }
    assert_eq!(changed.len() as i64, USERS);
    assert!(changed.values().all(|&count| count == 9), "{changed:?}");
    // The copy reads as the data do.
    let store = dir.path().join("store");
    let options = IngestOptions::default();
    let noisy = dir.path().join("noisy");
    let (store, _) = UserStore::ingest(&schema, &noisy, &store, &options, &mut |_| {}).unwrap();
    assert_eq!(store.users(), USERS as u64);
}

#[test]
fn shuffled_events_stay_on_their_side_of_a_reference_time() {
    let (dir, _) = noisy(NoiseKind::Shuffled { share: 1.0 }, 1);
    let before = rows(&dir.path().join("data/search.parquet"), "query");
    let after = rows(&dir.path().join("noisy/search.parquet"), "query");
    let cut = CUT.0 / SECONDS_PER_DAY;
    let mut moved = 0;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(
            (&old.0, &old.2),
            (&new.0, &new.2),
            "texts stay with their users"
        );
        assert_eq!(old.1 < cut, new.1 < cut, "{old:?} {new:?}");
        moved += usize::from(old.1 != new.1);
    }
    assert!(moved * 10 > before.len() * 8, "{moved} of {}", before.len());
    let sorted = |rows: &[(String, i64, String)]| {
        let mut times: Vec<(String, i64)> = rows.iter().map(|r| (r.0.clone(), r.1)).collect();
        times.sort();
        times
    };
    assert_eq!(sorted(&before), sorted(&after), "no time is lost");
}

#[test]
fn a_missing_source_has_no_event_and_others_have_all() {
    let kind = NoiseKind::Missing {
        source: "search".into(),
    };
    let (dir, schema) = noisy(kind, 1);
    assert!(rows(&dir.path().join("noisy/search.parquet"), "query").is_empty());
    let bill = |side: &str| rows(&dir.path().join(side).join("bill.parquet"), "what");
    assert_eq!(bill("data"), bill("noisy"));
    let (noisy, store) = (dir.path().join("noisy"), dir.path().join("store"));
    let options = IngestOptions::default();
    UserStore::ingest(&schema, &noisy, &store, &options, &mut |_| {}).unwrap();
}

#[test]
fn the_seed_decides_and_nothing_half_written_is_left() {
    let of = |seed| {
        let (dir, _) = noisy(NoiseKind::Foreign { share: 0.5 }, seed);
        rows(&dir.path().join("noisy/bill.parquet"), "what")
    };
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
    let (dir, schema) = noisy(NoiseKind::Foreign { share: 0.5 }, 1);
    let from = dir.path().join("data");
    fs::remove_file(from.join("search.parquet")).unwrap();
    let to = dir.path().join("second");
    let kind = NoiseKind::Foreign { share: 0.5 };
    let error = write_noisy(&schema, &from, &to, &kind, &[], 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("search.parquet"), "{error}");
    assert!(!to.exists());
}
