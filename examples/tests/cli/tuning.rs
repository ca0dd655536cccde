//! Tuning of a question on labelled users, and invalid labels.

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::Float32Type;
use parquet::arrow::ArrowWriter;

use super::{bad, good, ids, made, names, read, run, stderr};

const QUESTION: &str = "Does this user have a pet?";

fn write(path: &Path, users: ArrayRef, labels: ArrayRef) {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("customer", users, true),
        ("label", labels, true),
    ])
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The ids of the first `count` generated users.
fn some(count: usize) -> Vec<String> {
    let mut ids = ids(&made().path("data"));
    ids.truncate(count);
    ids
}

fn texts(values: &[String]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn tune(labels: &Path, out: &Path, more: &[&str]) -> Output {
    let (model, data) = (made().text("run"), made().text("data"));
    let (labels, out) = (labels.to_string_lossy(), out.to_string_lossy());
    let first = ["--model", &model, "--data", &data, "--labels", &labels];
    let columns = ["--user-column", "customer", "--label-column", "label"];
    let rest = ["--out", &out, "--steps", "4"];
    let question = match more.contains(&"--instruction") {
        true => &[][..],
        false => &["--instruction", QUESTION][..],
    };
    let all = [&first[..], &columns, &rest, question, more].concat();
    run("tune_users", &all)
}

fn embed(out: &Path, more: &[&str]) -> Output {
    let (model, data) = (made().text("run"), made().text("data"));
    let out = out.to_string_lossy();
    let first = ["--model", &model, "--data", &data, "--out", &out];
    run("embed_users", &[&first, more].concat())
}

#[test]
fn a_soft_prompt_is_applied_to_all_users() {
    let dir = tempfile::tempdir().unwrap();
    let (labels, out) = (
        dir.path().join("labels.parquet"),
        dir.path().join("t.safetensors"),
    );
    let mut users = some(30);
    users.push("nobody".into());
    let yes = (0..users.len()).map(|user| Some(user % 3 == 0));
    write(
        &labels,
        texts(&users),
        Arc::new(yes.collect::<BooleanArray>()),
    );
    let output = tune(&labels, &out, &[]);
    let printed = good(&output);
    for part in [
        "classes: false 20, true 10",
        "left out: 1 users",
        "train: 24 users, loss ",
        "validation: 6 users, loss ",
        "AUC",
        "next: cargo run --release --example embed_users --",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    assert!(stderr(&output).contains("1 of 31 labelled users"));
    assert!(fs::metadata(&out).unwrap().len() < 20_000);
    let tuned = out.to_string_lossy();

    let alone = dir.path().join("alone.parquet");
    let printed = good(&embed(&alone, &["--tuned", &tuned]));
    assert!(
        printed.contains("1 column(s)") && printed.contains("score_2: probability of \"true\"")
    );
    let alone = read(&alone);
    let columns: Vec<String> = alone
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(columns, ["id", "vector", "score_1", "score_2"]);
    let score = |name: &str| {
        let column = alone.column_by_name(name).unwrap();
        column.as_primitive::<Float32Type>().values().to_vec()
    };
    for (a, b) in score("score_1").iter().zip(score("score_2")) {
        assert!((a + b - 1.0).abs() < 1e-5 && *a >= 0.0);
    }
    let schema = alone.schema();
    assert_eq!(schema.field(1).metadata()["instruction"], QUESTION);
    assert_eq!(schema.field(3).metadata()["class"], "true");

    let both = dir.path().join("both.parquet");
    good(&embed(
        &both,
        &["--tuned", &tuned, "--instruction", QUESTION],
    ));
    let both = read(&both);
    let column = |name: &str| both.column_by_name(name).unwrap().clone();
    assert_eq!(
        &column("vector_2"),
        alone.column(1),
        "the tuned one is the last"
    );
    assert_ne!(&column("vector_1"), &column("vector_2"));
}

#[test]
fn labels_that_do_not_fit_are_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let (labels, out) = (
        dir.path().join("l.parquet"),
        dir.path().join("t.safetensors"),
    );
    let users = some(6);
    let refused = |users: ArrayRef, values: ArrayRef, expected: &[&str]| {
        write(&labels, users, values);
        bad(&tune(&labels, &out, &[]), expected);
    };
    let ints = |values: &[Option<i64>]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let alternating: Vec<Option<i64>> = (0..6).map(|user| Some(user % 2)).collect();
    refused(
        texts(&users),
        ints(&[Some(1); 6]),
        &["classes", "at least two", "only \"1\""],
    );
    let mut rare = alternating.clone();
    rare.iter_mut().skip(2).for_each(|label| *label = Some(0));
    refused(
        texts(&users),
        ints(&rare),
        &["two users of each class", "1 of class \"1\""],
    );
    let mut missing = alternating.clone();
    missing[3] = None;
    refused(
        texts(&users),
        ints(&missing),
        &["l.parquet", "row 3", "`label`", "expected a value"],
    );
    let numbers = Arc::new(Float64Array::from(vec![0.5; 6]));
    refused(
        texts(&users),
        numbers,
        &["row 0", "`label`", "expected a whole number", "found 0.5"],
    );
    refused(
        ints(
            &alternating
                .iter()
                .enumerate()
                .map(|(n, _)| Some(n as i64))
                .collect::<Vec<_>>(),
        ),
        ints(&alternating),
        &["`customer`", "60 users of the data", "6 others"],
    );
    let mut twice = users.clone();
    twice[1] = twice[0].clone();
    refused(
        texts(&twice),
        ints(&alternating),
        &["row 1", "one label per user"],
    );

    write(&labels, texts(&users), ints(&alternating));
    let column = tune(&labels, &out, &["--instruction", " "]);
    bad(&column, &["instruction", "an empty text"]);
    let rate = tune(&labels, &out, &["--learning-rate", "0"]);
    bad(&rate, &["learning_rate", "above 0", "found 0"]);
    let (model, data) = (made().text("run"), made().text("data"));
    let file = labels.to_string_lossy();
    let target = out.to_string_lossy();
    let unknown = [
        "--model",
        &model,
        "--data",
        &data,
        "--labels",
        &file,
        "--user-column",
        "user",
        "--label-column",
        "label",
        "--instruction",
        QUESTION,
        "--out",
        &target,
    ];
    bad(
        &run("tune_users", &unknown),
        &["column `user`", "only customer, label"],
    );
    fs::write(&labels, "customer,label\nu1,1\n").unwrap();
    bad(
        &tune(&labels, &out, &[]),
        &["l.parquet", "a Parquet file", "found CSV; convert it"],
    );
    fs::remove_file(&labels).unwrap();
    bad(&tune(&labels, &out, &[]), &["l.parquet", "No such file"]);
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
}

#[test]
fn what_was_tuned_on_another_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("users.parquet");
    let file = dir.path().join("t.safetensors");
    let text = file.to_string_lossy();
    fs::write(&file, "no tensors").unwrap();
    bad(
        &embed(&out, &["--tuned", &text]),
        &["t.safetensors", "safetensors of tune_users"],
    );
    fs::remove_file(&file).unwrap();
    let labels = dir.path().join("l.parquet");
    let users = some(8);
    let values = (0..8).map(|user| ["no", "yes"][user % 2].to_string());
    write(&labels, texts(&users), texts(&values.collect::<Vec<_>>()));
    good(&tune(&labels, &file, &[]));
    let mut bytes = fs::read(&file).unwrap();
    let key = b"\"model\":\"";
    let at = bytes.windows(key.len()).position(|w| w == key).unwrap() + key.len();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    fs::write(&file, bytes).unwrap();
    bad(
        &embed(&out, &["--tuned", &text]),
        &[
            "t.safetensors",
            "made for another model",
            "expected",
            "found",
        ],
    );
    assert!(!out.exists());
}
