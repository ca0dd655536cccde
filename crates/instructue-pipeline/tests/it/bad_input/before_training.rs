//! What is refused before a run trains, and costs no earlier model.

use super::*;

/// Too little data is said to be that, whatever is missing.
#[test]
fn too_few_events_to_train_on_are_named() {
    let moment = (0..40).map(|user| (format!("user {user}"), 0));
    let cases = [
        ("no events", Vec::new(), "at least one event"),
        (
            "one moment",
            moment.collect(),
            "no training user has an event",
        ),
    ];
    for (name, events, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let data = data(dir.path(), &events, &["quiet"]);
        let out = dir.path().join("run");
        let error = match train_userqa(&data, &out, &config(), &compute(), false, &mut Silent) {
            Ok(outcome) => panic!("{name}: {} steps", outcome.steps),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!error.contains('\n'), "{name}: {error}");
        assert!(!out.join("model/manifest.json").exists(), "{name}");
        assert!(!out.join("report.html").exists(), "{name}");
    }
}

/// One user is too few for an evaluation, and the evaluation says so.
#[test]
fn a_single_user_trains_without_being_proved() {
    let dir = tempfile::tempdir().unwrap();
    let one: Vec<_> = (0..50).map(|event| ("only".into(), event * DAY)).collect();
    let data = data(dir.path(), &one, &[]);
    let out = dir.path().join("run");
    match train_userqa(&data, &out, &config(), &compute(), false, &mut Silent) {
        Ok(outcome) => {
            let fold = outcome.evaluation.folds[0];
            assert_eq!(fold.train + fold.test, 1);
            assert!(outcome.evaluation.retrieval.is_empty());
        }
        // Which split the user falls into depends on the seed.
        Err(error) => assert!(error.to_string().contains("no train"), "{error}"),
    }
}

#[test]
fn a_wrong_data_directory_does_not_cost_an_earlier_model() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let manifest = out.join("model/manifest.json");
    drop(instructue_fs::Claim::take(&out, "run").unwrap());
    fs::create_dir_all(out.join("model")).unwrap();
    fs::write(&manifest, "{}").unwrap();
    let data = data(dir.path(), &events()[..400], &["quiet"]);
    fs::write(data.join("bill.parquet"), "no Parquet").unwrap();
    for wrong in [dir.path().join("nowhere"), data] {
        let error =
            train_userqa(&wrong, &out, &config(), &compute(), false, &mut Silent).unwrap_err();
        assert!(error.to_string().contains("expected"), "{error}");
        assert!(manifest.exists(), "{error}");
    }
}

#[test]
fn a_missing_schema_says_what_it_would_declare() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), &events()[..400], &["quiet"]);
    let refused = |data: &Path| {
        let store = dir.path().join("store");
        ingest(data, &store, &mut |_| {}).unwrap_err().to_string()
    };
    fs::remove_file(data.join("schema.toml")).unwrap();
    let error = refused(&data);
    for words in [
        "schema.toml: expected",
        "README",
        "bill.parquet (user text, time timestamp, amount float, shop text)",
        "person.parquet",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    for file in ["bill.parquet", "person.parquet"] {
        fs::remove_file(data.join(file)).unwrap();
    }
    fs::write(data.join("bill.csv"), "user,time\n").unwrap();
    let error = refused(&data);
    assert!(
        error.contains("bill.csv is CSV") && error.contains("read_csv"),
        "{error}"
    );
    let error = refused(Path::new("s3://bucket/data"));
    assert!(error.contains("aws s3 sync"), "{error}");
}

const TASKS: &str = r#"
reference = "2023-10-01"
[[task]]
name = "bakery"
instruction = "Does the user go to a bakery?"
reworded = ["Bread?"]
wrong = "Toys?"
label = { kind = "event", source = "bill", field = "shop", equals = ["bakery"], days = 30 }
"#;

/// What tasks lack is said before the first step, and costs no earlier model.
#[test]
fn tasks_are_checked_before_the_first_step() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), &events()[..800], &["quiet"]);
    let out = dir.path().join("run");
    let manifest = out.join("model/manifest.json");
    drop(instructue_fs::Claim::take(&out, "run").unwrap());
    fs::create_dir_all(out.join("model")).unwrap();
    fs::write(&manifest, "{}").unwrap();
    let label =
        "kind = \"event\", source = \"bill\", field = \"shop\", equals = [\"bakery\"], days = 30";
    let column = |file: &str| {
        format!(
            "kind = \"column\", file = \"{file}\", user_column = \"user\", column = \"age\", at_least = 18"
        )
    };
    for (from, to, expected) in [
        (
            "\"bakery\"]",
            "\"Bakery\"]".to_owned(),
            "\"bakery\", \"pharmacy\"",
        ),
        ("days = 30", "days = 365".into(), "the data end"),
        (
            "source = \"bill\"",
            "source = \"bills\"".into(),
            "one of the event sources bill",
        ),
        (
            "2023-10-01",
            "2003-10-01".into(),
            "a time after the first event",
        ),
        (label, column("nobody.parquet"), "nobody.parquet"),
        (label, column("../run/model/manifest.json"), "without `..`"),
        (label, column("/etc/hostname"), "without `..`"),
    ] {
        assert!(TASKS.contains(from), "{from}");
        fs::write(data.join("tasks.toml"), TASKS.replacen(from, &to, 1)).unwrap();
        let error =
            train_userqa(&data, &out, &config(), &compute(), false, &mut Silent).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(expected) && !error.contains('\n'),
            "{to}: {error}"
        );
        assert!(
            manifest.exists() && !out.join("metrics.jsonl").exists(),
            "{to}"
        );
    }
}

/// Nothing that is declared leads out of the data, not even by a link.
#[cfg(unix)]
#[test]
fn declared_files_are_no_links_out_of_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), &events()[..800], &["quiet"]);
    let secret = dir.path().join("secret");
    for name in ["schema.toml", "tasks.toml", "bill.parquet"] {
        let file = data.join(name);
        let before = fs::read(&file).unwrap_or_default();
        let _ = fs::remove_file(&file);
        fs::write(&secret, "password: hunter2\n").unwrap();
        std::os::unix::fs::symlink(&secret, &file).unwrap();
        let out = dir.path().join("run");
        let error =
            train_userqa(&data, &out, &config(), &compute(), false, &mut Silent).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("link leads out") && error.contains("data"),
            "{name}: {error}"
        );
        assert!(!error.contains("hunter2"), "{name}: {error}");
        fs::remove_file(&file).unwrap();
        if name != "tasks.toml" {
            fs::write(&file, before).unwrap();
        }
    }
}

/// Numbers that no machine can hold are refused before anything is read.
#[test]
fn numbers_out_of_range_are_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    type Change = fn(&mut RunConfig);
    let cases: [(&str, Change); 6] = [
        ("evaluation.resamples", |c| {
            c.evaluation.resamples = usize::MAX
        }),
        ("references.count", |c| {
            c.references.count = 1_000_000_000_000
        }),
        ("userqa.horizon_days", |c| c.userqa.horizon_days = i64::MIN),
        ("instructions_per_user", |c| {
            c.train.batch.instructions_per_user = usize::MAX
        }),
        ("cache.max_bytes", |c| c.cache.max_bytes = u64::MAX),
        ("seed", |c| c.seed = u64::MAX),
    ];
    for (key, change) in cases {
        let mut wrong = config();
        change(&mut wrong);
        let out = dir.path().join("run");
        let error =
            train_userqa(&nowhere, &out, &wrong, &compute(), false, &mut Silent).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
        assert!(!out.exists());
    }
}
