//! A kill at every operation that changes the disk, from the first file of a run to the last
//! vector: the run is resumed and ends with the bytes of one that was never killed. Two
//! tests take turns within a process, because faults are of the whole process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use instructue_fs::faults::{Fault, arm, disarm};
use instructue_generate::{GenerateConfig, generate};
use instructue_model::InstructUe;
use instructue_pipeline::{
    Compute, EmbedRequest, Error, RunConfig, Watch, embed_users, ingest, train_userqa,
};
use instructue_schema::Progress;
use instructue_schema::Timestamp;
use instructue_trainer::Event;

struct Silent;

impl Watch for Silent {
    fn progress(&mut self, _: Progress) {}
    fn training(&mut self, _: Event<'_>) {}
}

fn config() -> RunConfig {
    let mut config = RunConfig {
        replicas: 1,
        ..RunConfig::default()
    };
    config.model.vocabulary = 270;
    config.model.slots = Some(2);
    config.model.pca_components = 0;
    config.privacy.min_users = 1;
    config.references.count = 1;
    config.userqa.triples_per_user = 2;
    config.userqa.validation_share = 0.2;
    config.train.steps = 2;
    config.train.batch.users_per_step = 2;
    config.train.batch.instructions_per_user = 2;
    config.train.validation.every = 1;
    config.train.validation.users = 1;
    config.train.checkpoint.every = 1;
    config.train.checkpoint.keep = 1;
    config.evaluation.resamples = 2;
    config.evaluation.retrieval_queries = 2;
    config.evaluation.retrieval_instructions = 1;
    config
}

/// Trains, then embeds.
fn run(data: &Path, out: &Path, resume: bool) -> Result<(), Error> {
    let compute = Compute {
        device: Device::default(),
        replicas: 1,
    };
    train_userqa(
        data,
        &out.join("run"),
        &config(),
        &compute,
        resume,
        &mut Silent,
    )?;
    let device = Device::default();
    let model = InstructUe::load(&out.join("run/model"), &device)?;
    let ingested = ingest(data, &out.join("run/store"), &mut |_| {})?;
    let request = EmbedRequest {
        reference: Timestamp(ingested.end.0),
        instructions: vec!["Will this user travel?".into()],
        tuned: None,
        allow_empty: true,
        scorer: None,
        scores: false,
        kind: Default::default(),
    };
    let users = out.join("users.parquet");
    embed_users(&model, &ingested.store, &request, &users, &mut |_| {})?;
    Ok(())
}

/// Everything below a directory whose bytes do not depend on the clock, and the names of
/// everything else.
fn tree(directory: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let below = format!("{prefix}{name}");
        if path.is_dir() {
            tree(&path, &format!("{below}/"), into);
        } else if name.starts_with("events.out") {
            into.insert(format!("{prefix}events.out"), Vec::new());
        } else {
            let clock = [
                "metrics.jsonl",
                "evaluation.json",
                "report.html",
                // It names its tensors by ids that are drawn.
                "optimizer.bpk",
                ".instructue-run",
            ];
            let state = below.contains("checkpoints/") && name == "manifest.json";
            let bytes = match clock.contains(&name) || state {
                true => without_clock(&path),
                false => fs::read(&path).unwrap(),
            };
            into.insert(below, bytes);
        }
    }
}

/// The losses of a metrics file; whether the others are whole.
fn without_clock(path: &Path) -> Vec<u8> {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    match path.extension().and_then(|end| end.to_str()) {
        Some("jsonl") => {
            let lines = text.lines().map(|line| {
                let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
                for key in ["seconds", "users_per_second"] {
                    line.as_object_mut().unwrap().remove(key);
                }
                line.to_string()
            });
            lines.collect::<Vec<_>>().join("\n").into_bytes()
        }
        Some("json") => {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
            format!("{keys:?}").into_bytes()
        }
        Some("html") => text
            .trim_end()
            .ends_with("</html>")
            .to_string()
            .into_bytes(),
        _ => Vec::new(),
    }
}

fn found(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    tree(out, "", &mut found);
    found
}

#[test]
fn a_run_that_is_killed_at_an_even_write_ends_as_one_that_was_not() {
    killed(0);
}

#[test]
fn a_run_that_is_killed_at_an_odd_write_ends_as_one_that_was_not() {
    killed(1);
}

/// Kills at every second operation from `first` on.
fn killed(first: u64) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let people = GenerateConfig {
        users: 16,
        events_per_user: 4.0,
        ..GenerateConfig::default()
    };
    generate(&people, &data, &mut |_| {}).unwrap();
    let whole = dir.path().join("whole");
    arm(None);
    run(&data, &whole, false).unwrap();
    let operations = disarm();
    let whole = found(&whole);
    for name in [
        "run/model/model.safetensors",
        "run/store/manifest.json",
        "users.parquet",
    ] {
        assert!(whole[name].len() > 100, "{name}");
    }
    assert!(operations > 100, "{operations}");
    for at in (first..operations).step_by(2) {
        let out = dir.path().join("killed");
        let _ = fs::remove_dir_all(&out);
        arm(Some((at, Fault::Kill)));
        let killed = run(&data, &out, false);
        disarm();
        if let Err(error) = killed {
            let error = error.to_string();
            assert!(error.contains("a fault was injected"), "{at}: {error}");
        }
        run(&data, &out, true).unwrap_or_else(|error| panic!("killed at {at}: {error}"));
        let found = found(&out);
        let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&whole), "killed at {at}");
        for (name, bytes) in &found {
            assert!(*bytes == whole[name], "killed at {at}: {name} differs");
        }
    }
}
