//! Files that are damaged, misspelt or unfinished.

use super::*;

#[test]
fn a_misspelt_key_of_a_file_is_named_with_its_line() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let config = dir.path().join("run.toml");
    fs::write(
        &config,
        "seed = 1\n\n[train.optimizer]\nlearning_rat = 1e-3\n",
    )
    .unwrap();
    let (out, config) = (out.to_string_lossy(), config.to_string_lossy());
    let train = [
        "--data",
        &made.text("data"),
        "--config",
        &config,
        "--out",
        &out,
    ];
    bad(
        &run("train_userqa", &train),
        &["run.toml:4", "learning_rat", "learning_rate"],
    );

    for (file, line) in [
        ("schema.toml", "nmae = \"x\"\n"),
        ("tasks.toml", "referenze = \"2025-01-01\"\n"),
    ] {
        let data = copy_of_data(made, dir.path());
        let text = fs::read_to_string(data.join(file)).unwrap();
        fs::write(data.join(file), format!("{line}{text}")).unwrap();
        let output = run(
            "train_userqa",
            &["--data", &data.to_string_lossy(), "--out", &out],
        );
        bad(&output, &[file, line.split(' ').next().unwrap()]);
    }
}

#[test]
fn a_damaged_file_of_the_data_is_named() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let data = copy_of_data(made, dir.path());
    let bill = data.join("bill.parquet");
    let whole = fs::read(&bill).unwrap();
    let out = dir.path().join("out");
    let train = || {
        run(
            "train_userqa",
            &[
                "--data",
                &data.to_string_lossy(),
                "--out",
                &out.to_string_lossy(),
            ],
        )
    };

    fs::write(&bill, &whole[..whole.len() / 2]).unwrap();
    bad(&train(), &["bill.parquet", "bytes as in the manifest"]);
    // Data that were not generated have no manifest.
    fs::remove_file(data.join("manifest.json")).unwrap();
    bad(&train(), &["bill.parquet", "expected a complete file"]);

    fs::write(&bill, "user_id,time,amount\nu1,2025-01-01,3.5\n").unwrap();
    bad(&train(), &["bill.parquet", "expected a Parquet file"]);

    // This file holds `amount` as text.
    let ids = StringArray::from(vec!["u0000000000"]);
    let times = TimestampSecondArray::from(vec![1_750_000_000]);
    let words = StringArray::from(vec!["much"]);
    let batch = RecordBatch::try_from_iter([
        ("user_id", std::sync::Arc::new(ids) as _),
        ("time", std::sync::Arc::new(times) as _),
        ("amount", std::sync::Arc::new(words.clone()) as _),
        ("counterparty", std::sync::Arc::new(words.clone()) as _),
        ("category", std::sync::Arc::new(words) as _),
    ])
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(&bill).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bad(
        &train(),
        &["bill.parquet", "column `amount`", "expected", "found"],
    );

    fs::remove_file(&bill).unwrap();
    bad(&train(), &["bill.parquet", "found nothing"]);
    assert!(
        names(&out.join("store")).is_empty(),
        "no half-written store"
    );
    assert!(!out.join("model").exists());
}

#[test]
fn an_unfinished_model_is_refused() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    fs::create_dir(&model).unwrap();
    for name in names(&made.path("run/model")) {
        let from = made.path("run/model").join(&name);
        if name != "manifest.json" && from.is_file() {
            fs::copy(from, model.join(&name)).unwrap();
        }
    }
    let out = dir.path().join("users.parquet");
    let arguments = |instruction: &str| {
        run(
            "embed_users",
            &[
                "--model",
                &model.to_string_lossy(),
                "--data",
                &made.text("data"),
                "--out",
                &out.to_string_lossy(),
                "--instruction",
                instruction,
            ],
        )
    };
    bad(
        &arguments("pets?"),
        &["not a finished model", "manifest.json"],
    );
    assert!(!out.exists());
}
