//! Ingest of good data: rows kept, types converted, lookups joined, stores replaced and reused.

use crate::common;
use std::fs;
use std::sync::Arc;

use crate::common::{Case, dump, floats, ints, text, times};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Int16Array, LargeStringArray, NullArray,
    StringDictionaryBuilder, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::Int8Type;
use instructue_schema::Progress;
use instructue_schema::{Schema, Timestamp, UserId};
use instructue_store::{Error, IngestOptions, UserStore};

#[test]
fn rows_are_grouped_sorted_and_joined() {
    let case = Case::new();
    let (store, report) = case.ingest().unwrap();
    assert_eq!((report.users, store.users(), store.shards()), (3, 3, 1));
    assert_eq!(store.time_range(), Some((Timestamp(10), Timestamp(200))));
    let shard = store.shard(0).unwrap();
    let users: Vec<_> = shard.users.iter().map(UserId::as_str).collect();
    assert_eq!(users, ["a", "b", "c"]);

    // At equal times the smaller amount comes first.
    let bill = shard.history(0).events(0);
    assert_eq!(bill.times(), [Timestamp(10), Timestamp(10)]);
    assert_eq!(
        (bill.number(0, 0), bill.number(1, 0)),
        (Some(2.5), Some(4.0))
    );
    assert_eq!(
        (bill.text(0, 1).map(|t| &**t), bill.text(1, 1)),
        (Some("y"), None)
    );
    let bill = shard.history(1).events(0);
    assert_eq!(bill.times(), [Timestamp(15), Timestamp(20)]);
    assert_eq!((bill.number(0, 0), bill.number(1, 0)), (None, Some(1.0)));
    assert!(shard.history(2).events(0).is_empty());

    // The lookup gives time and topic.
    let mail = shard.history(2).events(1);
    assert_eq!(mail.times(), [Timestamp(200)]);
    assert_eq!(mail.text(0, 0).map(|t| &**t), Some("tea"));
    assert_eq!(shard.history(0).events(1).text(0, 0), None);

    // Tabular rows without a time come before all others.
    let tab = shard.history(1).events(2);
    assert_eq!(
        (tab.times(), tab.number(0, 0)),
        (&[Timestamp(i64::MIN)][..], Some(30.0))
    );
    assert_eq!(tab.before(Timestamp(-1_000_000)).len(), 1);
    assert_eq!(shard.history(0).events(2).number(0, 0), None);
    assert!(shard.history(2).events(2).is_empty());

    assert_eq!(
        report
            .sources
            .iter()
            .map(|s| (s.rows, s.kept))
            .collect::<Vec<_>>(),
        [(4, 4), (2, 2), (2, 2)]
    );
    assert!(
        report
            .sources
            .iter()
            .all(|s| s.skipped.is_empty() && s.lookups.is_empty())
    );
}

#[test]
fn a_store_opens_as_it_was_written() {
    let case = Case::new();
    let (written, report) = case.ingest().unwrap();
    let opened = UserStore::open(&case.store()).unwrap();
    assert_eq!(opened.report(), &report);
    assert_eq!(opened.schema(), &Schema::from_toml(&case.schema).unwrap());
    assert_eq!(opened.fingerprint(), written.fingerprint());
    assert_eq!(dump(&opened), dump(&written));
    assert!(matches!(
        opened.shard(1),
        Err(Error::NoShard {
            shard: 1,
            shards: 1,
            ..
        })
    ));
    assert_eq!(
        fs::read_dir(case.directory.path()).unwrap().count(),
        2,
        "temporary files are left"
    );
}

#[test]
fn progress_counts_rows_and_shards() {
    let case = Case::new();
    let schema = Schema::from_toml(&case.schema).unwrap();
    let mut seen = Vec::new();
    let mut note = |progress: Progress| seen.push(progress);
    UserStore::ingest(
        &schema,
        &case.data(),
        &case.store(),
        &case.options,
        &mut note,
    )
    .unwrap();
    assert_eq!(seen[0], Progress::of(4, 4));
    assert_eq!(seen.last(), Some(&Progress::of(1, 1)));
}

#[test]
fn directories_and_patterns_read_all_their_files_in_order() {
    let plain = dump(&Case::new().ingest().unwrap().0);
    for file in ["parts", "parts/b-*.parquet"] {
        let mut case = Case::new();
        fs::create_dir(case.data().join("parts")).unwrap();
        let part = |name: &str, rows: [(&str, i64, Option<f64>, Option<&str>); 2]| {
            common::write(
                &case.data().join("parts").join(name),
                vec![
                    // Columns may come in any order, and undeclared ones are ignored.
                    ("shop", text(rows.map(|r| r.3))),
                    ("noise", text([None, None])),
                    ("amount", floats(rows.map(|r| r.2))),
                    ("time", times(rows.map(|r| Some(r.1)))),
                    ("user", text(rows.map(|r| Some(r.0)))),
                ],
            );
        };
        part(
            "b-2.parquet",
            [("b", 15, None, Some("y")), ("a", 10, Some(4.0), None)],
        );
        part(
            "b-1.parquet",
            [
                ("b", 20, Some(1.0), Some("x")),
                ("a", 10, Some(2.5), Some("y")),
            ],
        );
        fs::write(case.data().join("parts/_SUCCESS"), "").unwrap();
        case.replace(
            "name = \"bill\"",
            &format!("name = \"bill\"\nfile = \"{file}\""),
        );
        assert_eq!(dump(&case.ingest().unwrap().0), plain, "{file}");
    }
}

#[test]
fn other_physical_types_are_accepted_when_nothing_is_lost() {
    let plain = dump(&Case::new().ingest().unwrap().0);
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    for user in ["b", "a", "b", "a"] {
        dictionary.append_value(user);
    }
    let users: [ArrayRef; 3] = [
        Arc::new(dictionary.finish()),
        Arc::new(LargeStringArray::from(vec!["b", "a", "b", "a"])),
        Arc::new(StringViewArray::from(vec!["b", "a", "b", "a"])),
    ];
    let micros = [20, 10, 15, 10].map(|s| s * 1_000_000 + 999_999).to_vec();
    for user in users {
        let case = Case::new();
        case.write(
            "bill",
            vec![
                ("user", user),
                (
                    "time",
                    Arc::new(
                        TimestampMicrosecondArray::from(micros.clone()).with_timezone("+02:00"),
                    ),
                ),
                (
                    "amount",
                    Arc::new(Float32Array::from(vec![
                        Some(1.0),
                        Some(2.5),
                        None,
                        Some(4.0),
                    ])),
                ),
                ("shop", text([Some("x"), Some("y"), Some("y"), None])),
            ],
        );
        case.write(
            "tab",
            vec![
                ("user", text(["b", "a"].map(Some))),
                ("age", Arc::new(Int16Array::from(vec![Some(30), None]))),
            ],
        );
        assert_eq!(dump(&case.ingest().unwrap().0), plain);
    }
}

#[test]
fn ids_dates_flags_and_seconds_are_read() {
    let mut case = Case::new();
    case.schema = r#"
name = "test"
[[source]]
name = "s"
kind = "events"
description = "seconds"
column = [
    { name = "user", type = "int", role = "user" },
    { name = "time", type = "int", role = "time" },
    { name = "flag", type = "bool", role = "category" },
    { name = "code", type = "int", role = "text" },
    { name = "share", type = "float", role = "number" },
    { name = "empty", type = "text", role = "text" },
]
[[source]]
name = "d"
kind = "events"
description = "days"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
]
"#
    .into();
    case.replace("name = \"test\"", "name = \"test\"\ntimes = \"any\"");
    case.write(
        "s",
        vec![
            ("user", Arc::new(UInt64Array::from(vec![7, u64::MAX]))),
            ("time", ints([Some(-3), Some(5)])),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("code", floats([Some(12.0), Some(f64::NAN)])),
            ("share", ints([Some(4), None])),
            ("empty", Arc::new(NullArray::new(2))),
        ],
    );
    case.write(
        "d",
        vec![
            ("user", text([Some("7")])),
            ("time", Arc::new(Date32Array::from(vec![2]))),
        ],
    );
    let shard = case.ingest().unwrap().0.shard(0).unwrap();
    assert_eq!(shard.users[0].as_str(), "18446744073709551615");
    let seven = shard.history(1);
    let events = seven.events(0);
    assert_eq!(
        (seven.user().as_str(), events.time(0)),
        ("7", Timestamp(-3))
    );
    let texts: Vec<_> = (0..4).map(|f| events.text(0, f).map(|t| &**t)).collect();
    assert_eq!(texts, [Some("true"), Some("12"), None, None]);
    assert_eq!(events.number(0, 2), Some(4.0));
    assert_eq!(seven.events(1).time(0), Timestamp(172_800));
    let other = shard.history(0).events(0);
    assert_eq!(
        (other.text(0, 0), other.text(0, 1), other.number(0, 2)),
        (None, None, None)
    );
}

#[test]
fn rows_without_a_lookup_row_are_kept_and_counted() {
    let mut case = Case::new();
    case.replace("{ name = \"campaign\", type = \"int\", role = \"key\" },", "{ name = \"campaign\", type = \"int\", role = \"key\" },\n{ name = \"sent\", type = \"timestamp\", role = \"time\" },");
    case.replace(
        "    { name = \"start\", type = \"timestamp\", role = \"time\" },\n",
        "",
    );
    case.write(
        "mail",
        vec![
            ("user", text(["a", "a", "a"].map(Some))),
            ("campaign", ints([Some(2), Some(9), None])),
            ("sent", times([1, 2, 3].map(Some))),
        ],
    );
    let (store, report) = case.ingest().unwrap();
    assert_eq!(report.sources[1].lookups["campaigns.parquet"].unmatched, 2);
    assert_eq!((report.sources[1].rows, report.sources[1].kept), (3, 3));
    let shard = store.shard(0).unwrap();
    let mail = shard.history(0).events(1);
    let topics: Vec<_> = (0..3).map(|i| mail.text(i, 0).map(|t| &**t)).collect();
    assert_eq!(topics, [Some("tea"), None, None]);
}

#[test]
fn a_busy_user_and_quiet_ones() {
    let case = Case::new();
    let n = 100_000;
    // The rows go backwards in time, with one other user in the middle.
    let users = (0..n).map(|i| Some(if i == n / 2 { "quiet" } else { "busy" }));
    let at = (0..n).map(|i| Some(n - i));
    case.bill(
        users,
        at,
        (0..n).map(|i| Some(i as f64)),
        (0..n).map(|i| Some(if i % 2 == 0 { "even" } else { "odd" })),
    );
    let (store, _) = case.ingest().unwrap();
    let shards: Vec<_> = (0..store.shards())
        .map(|i| store.shard(i).unwrap())
        .collect();
    let find = |id: &str| {
        let user = UserId::new(id).unwrap();
        let shard = &shards[store.shard_of(&user)];
        shard.history(shard.find(&user).unwrap())
    };
    let busy = find("busy").events(0);
    assert_eq!(busy.len(), n as usize - 1);
    assert!(busy.times().is_sorted());
    assert_eq!(busy.number(0, 0), Some(n as f64 - 1.0));
    assert_eq!(busy.text(1, 1).map(|t| &**t), Some("even"));
    let quiet = find("quiet");
    assert_eq!(quiet.events(0).len(), 1);
    assert!(quiet.events(1).is_empty() && quiet.events(2).is_empty());
}

#[test]
fn shards_are_bounded_in_users_and_rows() {
    let users: Vec<String> = (0..5_000).map(|i| format!("user {i}")).collect();
    for (users_per_shard, max_rows, at_least, largest) in
        [(500, 1 << 20, 10, 1_000), (1 << 20, 1_000, 15, 600)]
    {
        let mut case = Case::new();
        let rows = || (0..15_000).map(|i| Some(users[(i * 7) % 5_000].as_str()));
        let zeros = || (0..15_000).map(|_| None);
        case.bill(
            rows(),
            (0..15_000).map(Some),
            (0..15_000).map(|_| None),
            zeros(),
        );
        case.options = IngestOptions {
            users_per_shard,
            max_rows_per_shard: max_rows,
            latest: None,
        };
        let (store, report) = case.ingest().unwrap();
        // The three users of the other sources are added.
        assert_eq!(report.users, 5_003);
        assert!(store.shards() >= at_least, "{}", store.shards());
        assert!(store.shard_users().all(|users| users <= largest));
        let mut seen = 0;
        for i in 0..store.shards() {
            let shard = store.shard(i).unwrap();
            assert!(shard.users.is_sorted());
            assert!(shard.users.iter().all(|user| store.shard_of(user) == i));
            seen += shard.len();
        }
        assert_eq!(seen, 5_003);
    }
}

#[test]
fn stores_are_reused_only_for_the_same_inputs() {
    let mut case = Case::new();
    let run = |case: &Case| {
        let schema = Schema::from_toml(&case.schema).unwrap();
        let mut written = false;
        let (store, report) = UserStore::open_or_ingest(
            &schema,
            &case.data(),
            &case.store(),
            &case.options,
            &mut |_| written = true,
        )
        .unwrap();
        (written, store.fingerprint().to_string(), report)
    };
    let (written, first, report) = run(&case);
    assert!(written);
    assert_eq!(run(&case), (false, first.clone(), report));
    // A changed value, option or schema limit each requires a new store.
    case.write(
        "tab",
        vec![
            ("user", text(["b", "a"].map(Some))),
            ("age", ints([Some(31), None])),
        ],
    );
    let (written, second, _) = run(&case);
    assert!(written && second != first);
    case.options.latest = Some(Timestamp(1_000));
    let (written, third, _) = run(&case);
    assert!(written && third != second);
    case.replace("name = \"bill\"", "name = \"bill\"\nslots = 3");
    let (written, fourth, _) = run(&case);
    assert!(written && fourth != third);
    assert!(!run(&case).0);
}
