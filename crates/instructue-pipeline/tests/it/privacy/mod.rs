//! What few users have is in nothing that leaves the user store: secrets are planted in
//! every kind of column, a run is made, and all its files, notes and errors are searched.

mod planted;
mod search;

use crate::common::compute;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use instructue_pipeline::{
    Ingested, RunConfig, Watch, ingest, known_answers, read_labels, train_userqa,
};
use instructue_schema::Progress;
use instructue_trainer::Event;
use planted::{ID, NUMBERS, OF_NINE, OF_ONE, data, hashes, pieces, secrets, texts, word_id, write};
use search::{Found, files};

const MIN_USERS: usize = 10;

/// Notes of a run.
#[derive(Default)]
struct Notes(String);

impl Watch for Notes {
    fn progress(&mut self, stage: Progress) {
        self.0.push_str(&format!("{stage:?}\n"));
    }
    fn training(&mut self, event: Event<'_>) {
        self.0.push_str(&format!("{event:?}\n"));
    }
}

fn config(min_users: usize) -> RunConfig {
    let mut config = RunConfig::default();
    config.privacy.min_users = min_users;
    config.model.slots = Some(8);
    config.references.count = 2;
    config.userqa.triples_per_user = 16;
    config.train.steps = 2;
    config.train.batch.users_per_step = 4;
    config.train.batch.instructions_per_user = 2;
    config.train.validation.every = 1;
    config.train.checkpoint.every = 1;
    config.evaluation.resamples = 20;
    config.evaluation.retrieval_queries = 10;
    config.evaluation.retrieval_instructions = 2;
    config
}

/// A run, and its files, notes and the answers that it offers.
fn run(below: &Path, data: &Path, min_users: usize) -> (Vec<Found>, String, String) {
    let out = below.join(format!("run-{min_users}"));
    let mut notes = Notes::default();
    train_userqa(
        data,
        &out,
        &config(min_users),
        &compute(),
        false,
        &mut notes,
    )
    .unwrap();
    let answers = known_answers(&out, usize::MAX).unwrap().join("\n");
    (files(&out), notes.0.to_lowercase(), answers.to_lowercase())
}

#[test]
fn what_few_users_have_is_in_no_file_and_no_note() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let (files, notes, answers) = run(dir.path(), &data, MIN_USERS);
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for expected in [
        "model/tokenizer.json",
        "model/preprocessor.json",
        "userqa/userqa.parquet",
        "userqa/userqa.manifest.json",
        "evaluation.json",
        "report.html",
        "metrics.jsonl",
        "config.toml",
    ] {
        assert!(names.contains(&expected), "{expected} is not in {names:?}");
    }
    let secrets = secrets();
    assert!(secrets.len() > 10, "{secrets:?}");
    for secret in &secrets {
        assert!(!notes.contains(secret), "{secret} in {notes}");
        assert!(!answers.contains(secret), "{secret} in {answers}");
        for file in &files {
            assert!(!file.has(secret), "{secret} in {}", file.name);
            for hash in hashes(secret) {
                assert!(!file.has(&hash), "{hash} of {secret} in {}", file.name);
            }
        }
    }
    for part in [ID, "+4479460958213", "wozzlethwaite"] {
        assert!(!notes.contains(part), "{notes}");
        for file in &files {
            assert!(!file.has_id(part), "{part} in {}", file.name);
        }
    }
    // Not in pieces either, where pieces are kept.
    let of = |name: &str| files.iter().find(|file| file.name == name).unwrap();
    for piece in pieces(&secrets) {
        assert!(!of("model/tokenizer.json").has(&piece), "{piece}");
    }

    // Nor as the mean of one salary, which is that salary.
    let digits = "731942";
    assert!(!of("model/preprocessor.json").has(digits), "{digits}");

    // What everybody has is there, or the search would prove nothing.
    for (file, public) in [
        ("model/tokenizer.json", "groceries"),
        ("model/tokenizer.json", "bakery"),
        ("model/preprocessor.json", "harborview"),
        ("model/preprocessor.json", "marigold bakery"),
        ("userqa/userqa.parquet", "marigold bakery"),
        ("userqa/userqa.manifest.json", "marigold bakery"),
    ] {
        assert!(of(file).has(public), "{public} in {file}");
    }
    let hash = word_id("marigold").to_string();
    assert!(of("model/preprocessor.json").has(&hash), "marigold");

    // And so is everything that is planted where one user is enough.
    let (files, _, answers) = run(dir.path(), &data, 1);
    let of = |name: &str| files.iter().find(|file| file.name == name).unwrap();
    for (file, secret) in [
        ("model/tokenizer.json", "zyvkrothal"),
        ("model/tokenizer.json", "6505557731"),
        ("model/preprocessor.json", "wuzhobrick"),
        ("model/preprocessor.json", "kuvzatown"),
        ("model/preprocessor.json", digits),
        ("model/preprocessor.json", "vexqillomar clinic"),
        ("userqa/userqa.parquet", "vexqillomar clinic"),
        ("userqa/userqa.manifest.json", "gwyxilford hospice"),
    ] {
        assert!(of(file).has(secret), "{secret} in {file}");
    }
    let hash = word_id("zyvkrothal").to_string();
    assert!(of("model/preprocessor.json").has(&hash), "its hash");
    assert!(answers.contains("gwyxilford hospice"));
}

/// With fewer training users than a word must have nothing is kept, and it is said.
#[test]
fn too_few_users_leave_nothing_and_are_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let (files, notes, answers) = run(dir.path(), &data, 1000);
    let expected = "fewer than the 1000 that a word, value or number must have";
    assert!(notes.contains(expected), "{notes}");
    assert_eq!(answers, "");
    for file in &files {
        for public in ["groceries", "marigold", "harborview"] {
            assert!(!file.has(public), "{public} in {}", file.name);
        }
    }
    let made = |name: &str| files.iter().any(|file| file.name == name);
    assert!(made("model/manifest.json") && made("report.html"));
}

/// A message names what is wrong; of the data it shows at most the start of that value.
#[test]
fn errors_show_a_bad_value_alone_and_cut() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let fails = |columns: Vec<(&str, ArrayRef)>, file: &str| {
        write(&data.join(file), columns);
        let found: Result<Ingested, _> = ingest(&data, &dir.path().join("store"), &mut |_| {});
        found.unwrap_err().to_string().to_lowercase()
    };
    let salary = |n: usize| -> ArrayRef { Arc::new(Float64Array::from(vec![NUMBERS[1]; n])) };
    let errors = [
        // Two rows of a user: the id is what must be mended.
        fails(
            vec![
                ("user", texts([ID, ID])),
                ("salary", salary(2)),
                ("city", texts([OF_ONE[2]; 2])),
            ],
            "person.parquet",
        ),
        // A text where numbers are declared.
        fails(
            vec![
                ("user", texts(["a"])),
                ("salary", texts([OF_ONE[0]])),
                ("city", texts([OF_ONE[2]])),
            ],
            "person.parquet",
        ),
        // A column that is missing.
        fails(
            vec![("user", texts(["a"])), ("salary", salary(1))],
            "person.parquet",
        ),
    ];
    let labels = dir.path().join("labels.parquet");
    write(
        &labels,
        vec![
            ("user", texts([ID, ID])),
            ("label", texts([OF_ONE[3], OF_NINE[1]])),
        ],
    );
    let two_labels = read_labels(&labels, "user", "label").unwrap_err();
    let two_labels = two_labels.to_string().to_lowercase();
    assert!(errors[0].contains("wozzlethwaite"), "{}", errors[0]);
    for error in errors.iter().chain([&two_labels]) {
        assert!(!error.contains("far away"), "cut: {error}");
        assert!(
            !error.contains("vexqillomar") && !error.contains("zyvkrothal"),
            "{error}"
        );
        assert!(
            !error.contains("wuzhobrick") && !error.contains("7319426857"),
            "{error}"
        );
    }
}
