//! Answer scores from the command line: learned, written beside vectors, told of one user.

use std::fs::File;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{CONFIG, bad, good, ids, made, run};

const QUESTION: [&str; 2] = [
    "--instruction",
    "Will this user buy coffee in the next 30 days?",
];

#[test]
fn answers_are_scored_beside_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let (data, out, config) = (at("data"), at("run"), at("tiny.toml"));
    std::fs::write(&config, CONFIG).unwrap();
    let some = ["--users", "300", "--events-per-user", "40", "--out", &data];
    good(&run("generate_users", &some));

    // Alone: no vectors are trained.
    let alone = at("alone");
    let learned = ["--data", &data, "--out", &alone, "--config", &config];
    let printed = good(&run("answer_scores", &learned));
    for part in [
        "Questions without labels",
        "answer score, exact",
        "calibration error",
        "answers",
    ] {
        assert!(printed.contains(part), "{printed}");
    }

    // With a run that trains vectors.
    let trained = ["--data", &data, "--out", &out, "--config", &config];
    let printed = good(&run("train_userqa", &trained));
    assert!(printed.contains("Questions without labels"), "{printed}");
    let users = at("users.parquet");
    let embed = [
        "--model", &out, "--data", &data, "--scores", "--out", &users,
    ];
    let printed = good(&run("embed_users", &[&embed, &QUESTION[..]].concat()));
    assert!(
        printed.contains("answer_1: probability of a yes to"),
        "{printed}"
    );
    let file = File::open(&users).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut scores = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let column = batch
            .column_by_name("answer_1")
            .expect("a column of scores");
        scores.extend(column.as_primitive::<Float32Type>().values().to_vec());
    }
    assert_eq!(scores.len(), 300);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    assert!(scores.iter().any(|score| *score != scores[0]));
    // For a vector store: users, and the question beside them.
    let store = at("store.parquet");
    let vectors = [
        "--model",
        &out,
        "--data",
        &data,
        "--vectors",
        "answers",
        "--out",
        &store,
    ];
    let printed = good(&run("embed_users", &[&vectors, &QUESTION[..]].concat()));
    assert!(printed.contains("store.questions.parquet"), "{printed}");
    assert!(dir.path().join("store.questions.parquet").is_file());
    let scored = [&vectors[..], &["--scores"], &QUESTION[..]].concat();
    bad(
        &run("embed_users", &scored),
        &["--vectors answers", "--scores"],
    );
    let first = &ids(dir.path().join("data").as_path())[0];
    let ask = ["--model", &out, "--data", &data, "--user", first];
    let told = good(&run("ask_user", &[&ask, &QUESTION[..]].concat()));
    assert!(told.contains("probability of a yes: 0."), "{told}");
    assert!(
        told.contains("buy coffee in the next 30 days.") && told.contains(", this user will "),
        "{told}"
    );
}

#[test]
fn what_cannot_be_scored_is_one_line() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out").to_string_lossy().into_owned();
    let nowhere = ["--data", "no/such/data", "--out", &out];
    bad(
        &run("answer_scores", &nowhere),
        &["no/such/data", "nothing"],
    );
    // A directory of somebody else's files is left alone.
    let data = made.text("data");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(dir.path().join("out/mine.txt"), "mine").unwrap();
    bad(
        &run("answer_scores", &["--data", &data, "--out", &out]),
        &["out"],
    );
    assert!(dir.path().join("out/mine.txt").exists());
    // Scores are of a question.
    let (model, file) = (made.text("run"), made.text("never.parquet"));
    let embed = [
        "--model", &model, "--data", &data, "--scores", "--out", &file,
    ];
    bad(&run("embed_users", &embed), &["--instruction"]);
}
