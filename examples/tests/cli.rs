//! The example programs as real processes: their standard error and exit codes, on valid and on
//! invalid input.
//!
//! Cargo builds no examples for a test. So this file contains them and starts itself again:
//! [`program`] is the process under test.

#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../answer_scores.rs"]
mod answer_scores;
#[path = "cli/answers.rs"]
mod answers;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../ask_user.rs"]
mod ask_user;
#[path = "cli/asking.rs"]
mod asking;
#[path = "cli/caching.rs"]
mod caching;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../embed_users.rs"]
mod embed_users;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../evaluate_suite.rs"]
mod evaluate_suite;
#[path = "cli/evaluating.rs"]
mod evaluating;
#[path = "cli/files.rs"]
mod files;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../generate_users.rs"]
mod generate_users;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../own_encoders.rs"]
mod own_encoders;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../own_triples.rs"]
mod own_triples;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../own_vectors.rs"]
mod own_vectors;
#[path = "cli/terminal.rs"]
mod terminal;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../train_userqa.rs"]
mod train_userqa;
#[allow(dead_code, reason = "their `main` is that of the example")]
#[path = "../tune_users.rs"]
mod tune_users;
#[path = "cli/tuning.rs"]
mod tuning;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::OnceLock;

use arrow::array::{AsArray, RecordBatch, StringArray, TimestampSecondArray};
use arrow::datatypes::Float32Type;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

const PROGRAM: &str = "INSTRUCTUE_TEST_PROGRAM";
const ARGUMENTS: &str = "INSTRUCTUE_TEST_ARGUMENTS";
const SEPARATOR: &str = "\u{1f}";

const CONFIG: &str = include_str!("tiny.toml");

/// The program that [`run`] starts; it is no test of its own.
#[test]
fn program() {
    let Ok(name) = std::env::var(PROGRAM) else {
        return;
    };
    let text = std::env::var(ARGUMENTS).expect("given together with the program");
    let arguments = std::iter::once(name.as_str())
        .chain(
            text.split(SEPARATOR)
                .filter(|argument| !argument.is_empty()),
        )
        .map(OsString::from);
    let code = match name.as_str() {
        "answer_scores" => answer_scores::program(arguments),
        "ask_user" => ask_user::program(arguments),
        "embed_users" => embed_users::program(arguments),
        "generate_users" => generate_users::program(arguments),
        "evaluate_suite" => evaluate_suite::program(arguments),
        "own_encoders" => own_encoders::program(arguments),
        "own_triples" => own_triples::program(arguments),
        "own_vectors" => own_vectors::program(arguments),
        "train_userqa" => train_userqa::program(arguments),
        "tune_users" => tune_users::program(arguments),
        other => panic!("no example {other}"),
    };
    #[expect(clippy::disallowed_methods, reason = "this process is the program")]
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

/// Runs an example. `limit` is the largest file that it may write, in KiB, as on a disk that gets
/// full.
fn run_limited(name: &str, arguments: &[&str], limit: Option<u64>) -> Output {
    let this = std::env::current_exe().expect("a test is a program");
    let mut command = match limit {
        None => Command::new(&this),
        Some(kibibytes) => {
            let mut shell = Command::new("bash");
            // With the signal ignored, writing fails as on a full disk.
            shell.arg("-c").arg(format!(
                "trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\""
            ));
            shell.arg(&this);
            shell
        }
    };
    command
        .args(["--exact", "program", "--nocapture"])
        .env(PROGRAM, name)
        .env(ARGUMENTS, arguments.join(SEPARATOR))
        .env_remove("INSTRUCTUE_DEVICE")
        .output()
        .expect("starts")
}

fn run(name: &str, arguments: &[&str]) -> Output {
    run_limited(name, arguments, None)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The standard output of a program that ended well.
#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one line of the error. It must be the last one and of readable length, and the program
/// must have ended with code 1, not by a panic.
#[track_caller]
fn bad(output: &Output, expected: &[&str]) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("error:"))
        .collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert_eq!(text.lines().last(), Some(errors[0]), "{text}");
    assert!(errors[0].len() < 400, "{text}");
    assert!(!text.contains("panicked"), "{text}");
    for part in expected {
        assert!(errors[0].contains(part), "without {part:?}: {}", errors[0]);
    }
    errors[0].to_owned()
}

/// The names below a directory; none if it does not exist.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Sixty generated users and a model trained on them, made once.
struct Made {
    directory: TempDir,
}

impl Made {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Made {
            directory: tempfile::tempdir().expect("a temporary directory"),
        };
        let (data, out) = (made.text("data"), made.text("run"));
        let few = ["--users", "60", "--events-per-user", "20", "--out", &data];
        let printed = good(&run("generate_users", &few));
        assert!(printed.contains("bill.parquet:"), "{printed}");
        assert!(
            printed.contains(&format!("train_userqa -- --data {data}")),
            "{printed}"
        );
        fs::write(made.path("tiny.toml"), CONFIG).expect("writes");
        let config = made.text("tiny.toml");
        let trained = run(
            "train_userqa",
            &["--data", &data, "--out", &out, "--config", &config],
        );
        let printed = good(&trained);
        assert!(printed.contains("trained 2 steps"), "{printed}");
        let said = stderr(&trained);
        assert!(
            said.contains("60 users") && said.contains("training"),
            "{said}"
        );
        made
    })
}

#[test]
fn generated_users_are_trained_on_and_embedded() {
    let made = made();
    for file in [
        "config.toml",
        "metrics.jsonl",
        "evaluation.json",
        "report.html",
        "model/manifest.json",
    ] {
        assert!(made.path("run").join(file).is_file(), "{file}");
    }
    let out = made.text("users.parquet");
    let embedded = run(
        "embed_users",
        &[
            "--model",
            &made.text("run"),
            "--data",
            &made.text("data"),
            "--out",
            &out,
            "--instruction",
            "Does this user have a pet?",
            "--instruction",
            "Does this user have children?",
        ],
    );
    let printed = good(&embedded);
    let said = stderr(&embedded);
    let bill = said
        .lines()
        .find(|line| line.contains("bill: "))
        .expect("a note");
    assert!(
        bill.contains(" rows kept, 2025-") && bill.contains(" to 2025-"),
        "{said}"
    );
    assert!(
        said.contains(" UTC: events before it are seen (the end of the data)"),
        "{said}"
    );
    assert!(printed.contains("60 users, 2 column(s)"), "{printed}");
    let batch = read(&made.path("users.parquet"));
    assert_eq!(batch.num_rows(), 60);
    let column = batch
        .column_by_name("vector_1")
        .expect("there")
        .as_fixed_size_list();
    let values = column.values().as_primitive::<Float32Type>().values();
    for vector in values.chunks(column.value_length() as usize) {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    assert_ne!(
        batch.column(1).as_ref(),
        batch.column(2).as_ref(),
        "the instruction matters"
    );
}

#[test]
fn a_reference_before_all_events_is_refused() {
    let made = made();
    let out = made.text("early.parquet");
    let (model, data) = (made.text("run"), made.text("data"));
    let early = [
        "--model",
        &model,
        "--data",
        &data,
        "--reference",
        "2001-01-01",
        "--out",
        &out,
    ];
    let refused = run("embed_users", &early);
    bad(
        &refused,
        &[
            "60 of 60 users have no event in the windows before 2001-01-01 00:00:00 UTC",
            "--allow-empty",
        ],
    );
    assert!(stderr(&refused).contains("reference 2001-01-01 00:00:00 UTC"));
    assert!(!made.path("early.parquet").exists());
    good(&run(
        "embed_users",
        &[&early[..], &["--allow-empty"]].concat(),
    ));
}

fn read(path: &Path) -> RecordBatch {
    let file = File::open(path).expect("there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let batches: Vec<_> = reader
        .build()
        .expect("readable")
        .map(Result::unwrap)
        .collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).expect("one schema")
}

#[test]
fn a_wrong_path_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, out) = (dir.path().join("no/such"), dir.path().join("out"));
    let (missing, out) = (missing.to_string_lossy(), out.to_string_lossy());
    bad(
        &run("train_userqa", &["--data", &missing, "--out", &out]),
        &[
            &missing,
            "expected a directory with schema.toml",
            "found nothing",
        ],
    );
    bad(
        &run("train_userqa", &["--config", &missing, "--out", &out]),
        &[&missing, "No such file"],
    );
    bad(
        &run(
            "embed_users",
            &["--model", &missing, "--data", &missing, "--out", &out],
        ),
        &[&missing, "no such directory"],
    );
    assert!(names(dir.path()).iter().all(|name| name == "out"));
    assert!(!names(&dir.path().join("out")).contains(&"model".to_string()));
}

#[test]
fn an_empty_directory_lacks_a_schema() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_string_lossy();
    let out = dir.path().join("out");
    let output = run(
        "train_userqa",
        &["--data", &data, "--out", &out.to_string_lossy()],
    );
    bad(&output, &["schema.toml"]);
}

#[test]
fn unknown_choices_show_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_string_lossy();
    let train = |arguments: &[&str]| run("train_userqa", &[arguments, &["--out", &out]].concat());
    bad(
        &train(&["--size", "huge"]),
        &["--size", "tiny, small or base", "huge"],
    );
    bad(
        &train(&["--device", "tpu"]),
        &["--device", "cpu, wgpu, cuda or ndarray", "tpu"],
    );
    bad(&train(&["--stepz", "3"]), &["--stepz", "--steps"]);
    bad(
        &train(&["--steps", "0"]),
        &["steps", "1 to 1000000000", "found 0"],
    );
    bad(
        &run("generate_users", &["--users", "0", "--out", &out]),
        &["users is 0", "1 to 1000000000"],
    );
    bad(&run("generate_users", &[]), &["--out", "not provided"]);
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
}

fn copy_of_data(made: &Made, below: &Path) -> PathBuf {
    let data = below.join("data");
    fs::create_dir_all(&data).unwrap();
    for name in names(&made.path("data")) {
        fs::copy(made.path("data").join(&name), data.join(&name)).unwrap();
    }
    data
}

#[test]
fn what_to_embed_is_checked() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("users.parquet");
    let embed = |more: &[&str]| {
        let (model, data, out) = (made.text("run"), made.text("data"), out.to_string_lossy());
        let first = ["--model", &model, "--data", &data, "--out", &out];
        run("embed_users", &[&first, more].concat())
    };
    bad(
        &embed(&["--instruction", " "]),
        &["instruction", "an empty text"],
    );
    // These errors come before anything is read.
    let early = ["--model", "no/such", "--data", "no/such", "--out", "x"];
    let early = run(
        "embed_users",
        &[&early[..], &["--instruction", " "]].concat(),
    );
    bad(&early, &["--instruction", "an empty text"]);
    bad(
        &embed(&["--reference", "tomorrow"]),
        &["--reference", "2017-07-01", "tomorrow"],
    );
    bad(
        &embed(&["--device", "tpu"]),
        &["cpu, wgpu, cuda or ndarray", "tpu"],
    );
    // Neither a device file nor a directory is replaced.
    let (model, data) = (made.text("run"), made.text("data"));
    for taken in ["/dev/full", &made.text("data")] {
        let arguments = ["--model", &model, "--data", &data, "--out", taken];
        bad(
            &run("embed_users", &arguments),
            &[taken, "expected", "found"],
        );
    }
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
}

/// Writing fails in the middle, and nothing incomplete remains.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    if !Path::new("/bin/bash").exists() || cfg!(not(unix)) {
        println!("skipped: bash is not there to limit the size of files");
        return;
    }
    let made = made();
    let (model, data) = (made.text("run"), made.text("data"));
    let dir = tempfile::tempdir().unwrap();

    let users = dir.path().join("generated");
    let generated = run_limited(
        "generate_users",
        &["--users", "300", "--out", &users.to_string_lossy()],
        Some(4),
    );
    bad(&generated, &[".parquet"]);
    assert!(names(&users).is_empty(), "{:?}", names(&users));

    let out = dir.path().join("embedded");
    let file = out.join("users.parquet");
    let store = dir.path().join("store");
    let arguments = [
        "--model",
        &model,
        "--data",
        &data,
        "--out",
        &file.to_string_lossy(),
        "--store",
        &store.to_string_lossy(),
    ];
    good(&run("embed_users", &arguments));
    fs::remove_file(&file).unwrap();
    bad(
        &run_limited("embed_users", &arguments, Some(4)),
        &["users.parquet"],
    );
    assert!(names(&out).is_empty(), "{:?}", names(&out));

    let trained = dir.path().join("trained");
    let config = made.text("tiny.toml");
    let out = trained.to_string_lossy();
    let arguments = ["--data", &data, "--config", &config, "--out", &out];
    let line = bad(
        &run_limited("train_userqa", &arguments, Some(64)),
        &["File too large"],
    );
    assert!(line.contains(&*out), "{line}");
    for artefact in ["model", "best"] {
        assert!(
            !trained.join(artefact).join("manifest.json").exists(),
            "{artefact}"
        );
    }
    // Once there is room again, the same command runs to its end.
    good(&run("train_userqa", &arguments));
}

/// The ids of the generated users.
fn ids(data: &Path) -> Vec<String> {
    let file = File::open(data.join("labels.parquet")).expect("generated");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let batches = reader.build().expect("Parquet");
    let mut ids = Vec::new();
    for batch in batches {
        let batch = batch.expect("readable");
        let column = batch.column(0).as_string::<i32>();
        ids.extend(column.iter().flatten().map(str::to_owned));
    }
    ids
}

#[test]
fn triples_and_a_loss_of_ones_own_are_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("own");
    let printed = good(&run(
        "own_triples",
        &["--steps", "2", "--out", &out.to_string_lossy()],
    ));
    assert!(printed.contains("trained 2 steps"), "{printed}");
    let lines = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    for name in ["\"contrastive\":", "\"next_token\":", "\"spread\":"] {
        assert_eq!(lines.matches(name).count(), 2, "{name}: {lines}");
    }
}

#[test]
fn vectors_of_ones_own_are_a_source_beside_texts() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("own");
    let printed = good(&run(
        "own_vectors",
        &["--steps", "2", "--out", &out.to_string_lossy()],
    ));
    assert!(printed.contains("trained 2 steps on "), "{printed}");
    let schema = fs::read_to_string(out.join("model/schema.toml")).unwrap();
    assert!(schema.contains("role = \"vector\""), "{schema}");
    let file = File::open(out.join("users.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 40);
}

#[test]
fn one_source_has_an_encoder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (out, encoder) = (dir.path().join("own"), dir.path().join("encoder"));
    fs::create_dir_all(encoder.join("1_Pooling")).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = golden.join("../crates/instructue-model/tests/golden/sentences");
    for (from, file) in [
        ("model", "config.json"),
        ("model", "model.safetensors"),
        ("cls", "modules.json"),
        ("cls", "1_Pooling/config.json"),
        ("cls", "sentence_bert_config.json"),
        ("cls", "tokenizer.json"),
        ("cls", "tokenizer_config.json"),
    ] {
        fs::copy(golden.join(from).join(file), encoder.join(file)).unwrap();
    }
    let (encoder, out) = (encoder.to_string_lossy(), out.to_string_lossy());
    let arguments = ["--steps", "2", "--encoder", &encoder, "--out", &out];
    let printed = good(&run("own_encoders", &arguments));
    assert!(
        printed.contains("search: encoder of width 16, "),
        "{printed}"
    );
    assert!(printed.contains("bill: encoder of width 96, "), "{printed}");
    assert!(printed.contains("trained 2 steps"), "{printed}");
}

#[test]
fn every_key_of_a_configuration_is_printed() {
    let printed = good(&run("train_userqa", &["--print-config"]));
    assert!(printed.contains("[train.loss.contrastive]"), "{printed}");
}
