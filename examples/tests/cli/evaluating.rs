//! `evaluate_suite`: the evaluation of a suite, and invalid suites.

use std::fs;
use std::path::Path;

use super::{bad, copy_of_data, good, made, names, run};

const SUITE: &str = r#"
name = "small"
title = "Small"
data = "data"
folds = 2
run_folds = 1
resamples = 20
[run.answers]
rows = 2000
[run.model]
vocabulary = 300
slots = 4
[run.references]
count = 2
[run.userqa]
triples_per_user = 4
[run.train]
steps = 2
batch = { users_per_step = 4, instructions_per_user = 2 }
validation.every = 0
"#;

fn suite(dir: &Path, text: &str) -> String {
    let path = dir.join("small.toml");
    copy_of_data(made(), dir);
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn a_suite_leaves_its_evaluation_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let suite = suite(dir.path(), SUITE);
    let out = dir.path().join("evaluation");
    let said = good(&run(
        "evaluate_suite",
        &[&suite, "--out", &out.to_string_lossy()],
    ));
    assert!(
        said.contains("not measured") && said.contains("next: open"),
        "{said}"
    );
    let left = names(&out);
    for name in [
        "evaluation.json",
        "evaluation.html",
        "runs",
        "results",
        "exchange",
    ] {
        assert!(left.iter().any(|found| found == name), "{name}: {left:?}");
    }
}

#[test]
fn what_is_wrong_with_a_suite_is_named() {
    let dir = tempfile::tempdir().unwrap();
    bad(&run("evaluate_suite", &["nowhere.toml"]), &["nowhere.toml"]);
    let cases = [
        ("folds = 2", "fold = 2", "unknown key `fold`"),
        ("steps = 2", "steps = 0", "steps"),
        ("run_folds = 1", "run_folds = 3", "1 to 2"),
        ("data = \"data\"", "data = \"/etc\"", "without `..`"),
        ("data = \"data\"", "data = \"../../etc\"", "without `..`"),
    ];
    for (from, to, expected) in cases {
        let suite = suite(dir.path(), &SUITE.replace(from, to));
        bad(&run("evaluate_suite", &[&suite]), &[expected]);
    }
    let suite = suite(dir.path(), SUITE);
    let out = dir.path().join("out").to_string_lossy().into_owned();
    let arguments = [&*suite, "--out", &out, "--python", "no-such-python"];
    bad(&run("evaluate_suite", &arguments), &["no-such-python"]);
}

const WIDE: &str = r#"
name = "wide"
title = "Questions"
folds = 2
[[data]]
name = "people"
path = "people"
fetch = "fetch them"
"#;

#[test]
fn a_wide_suite_says_which_data_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wide.toml");
    fs::write(&path, WIDE).unwrap();
    let suite = path.to_string_lossy().into_owned();
    let out = dir.path().join("out").to_string_lossy().into_owned();
    let arguments = [&*suite, "--out", &out];
    bad(
        &run("evaluate_suite", &arguments),
        &["`wide`", "at least one data set"],
    );
    bad(
        &run("evaluate_suite", &[&suite, "--variants"]),
        &["--variants"],
    );
    fs::write(&path, WIDE.replace("folds = 2", "folds = 0")).unwrap();
    bad(&run("evaluate_suite", &arguments), &["wide.toml", "folds"]);
}
