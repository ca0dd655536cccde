//! Wide suites: folds and data sets, a baseline beside them, models on some questions.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use instructue_eval::{ForecastMethod, ForecastSubset, Wording};
use instructue_generate::{GenerateConfig, generate};
use instructue_pipeline::Watch;
use instructue_pipeline::wide::{RunForecasts, WideRun, WideSuite, evaluate_wide};
use instructue_schema::Progress;
use instructue_store::open_parquet;
use instructue_trainer::Event;
use parquet::arrow::ArrowWriter;

use crate::common::compute;

/// Keeps what is noted.
#[derive(Default)]
struct Notes {
    notes: Vec<String>,
}

impl Watch for Notes {
    fn progress(&mut self, step: Progress) {
        if let Progress::Note { text } = step {
            self.notes.push(text);
        }
    }

    fn training(&mut self, _: Event<'_>) {}
}

const SUITE: &str = r#"
name = "wide"
title = "Questions"
folds = 2

[[data]]
name = "people"
path = "people"
models = 1
model_questions = 2
run = { size = "tiny", answers = { rows = 2000 }, train = { steps = 2 }, privacy = { min_users = 5 } }

[[data]]
name = "elsewhere"
path = "elsewhere"
fetch = "fetch it"
"#;

fn people(data: &Path) {
    let people = GenerateConfig {
        users: 600,
        events_per_user: 50.0,
        ..GenerateConfig::default()
    };
    generate(&people, data, &mut |_| {}).unwrap();
}

/// Says of each test user of each question how far down it stands.
fn baseline(directory: &Path) -> instructue_pipeline::Result<()> {
    assert!(directory.join("labelled.parquet").is_file());
    let file = open_parquet(&directory.join("tested.parquet")).unwrap();
    let (mut questions, mut users) = (Vec::new(), Vec::<i32>::new());
    for batch in file.build().unwrap() {
        let batch = batch.unwrap();
        let features = batch.column_by_name("features").unwrap();
        assert_eq!(features.as_fixed_size_list().value_length(), 54);
        let of = batch.column_by_name("question").unwrap().as_string::<i32>();
        questions.extend((0..of.len()).map(|row| of.value(row).to_owned()));
        let of = batch.column_by_name("user").unwrap();
        users.extend(of.as_primitive::<Int32Type>().values());
    }
    let scores = users
        .iter()
        .map(|user| f64::from(-user))
        .collect::<Vec<_>>();
    let schema = Arc::new(Schema::new(vec![
        Field::new("method", DataType::Utf8, false),
        Field::new("question", DataType::Utf8, false),
        Field::new("user", DataType::Int32, false),
        Field::new("score", DataType::Float64, false),
    ]));
    let method = StringArray::from(vec!["boosted"; users.len()]);
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(method),
        Arc::new(StringArray::from(questions)),
        Arc::new(Int32Array::from(users)),
        Arc::new(Float64Array::from(scores)),
    ];
    let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let file = std::fs::File::create(directory.join("lightgbm.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    Ok(())
}

#[test]
fn folds_data_sets_and_models_are_measured_and_what_is_slow_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    people(&dir.path().join("people"));
    let path = dir.path().join("wide.toml");
    std::fs::write(&path, SUITE).unwrap();
    let suite = WideSuite::load(&path).unwrap();
    let compute = compute();
    let calls = Cell::new(0);
    let mut command = |directory: &Path| {
        calls.set(calls.get() + 1);
        baseline(directory)
    };
    let mut run = WideRun {
        out: &out,
        compute: &compute,
        baselines: Some(&mut command as &mut RunForecasts<'_>),
        facts: Vec::new(),
    };
    let mut watch = Notes::default();
    let found = evaluate_wide(&suite, &mut run, &mut watch).unwrap();
    let names: Vec<&str> = found.iter().map(|result| &*result.name).collect();
    assert_eq!(names, ["people", "people-models"]);
    assert_eq!(calls.get(), 2, "once in each fold");
    let left_out = watch
        .notes
        .iter()
        .any(|note| note.contains("elsewhere: left out"));
    assert!(left_out, "{:?}", watch.notes);
    for name in names {
        assert!(out.join(format!("{name}.json")).is_file());
        assert!(out.join(format!("{name}.html")).is_file());
    }
    let forecasts = found[0].evaluation.forecasts.clone().unwrap();
    let method = |name: &str, wording| ForecastMethod {
        name: name.into(),
        wording,
    };
    let exact = Some(Wording::Exact);
    let score = forecasts.mean(&method("answer score", exact), ForecastSubset::UnseenValue);
    assert!(score.unwrap().auc.point > 0.55, "{score:?}");
    let boosted = forecasts.mean(&method("boosted", None), ForecastSubset::All);
    assert!(
        (boosted.unwrap().auc.point - 0.5).abs() < 0.1,
        "it knows nothing"
    );
    let of_models = found[1].evaluation.forecasts.clone().unwrap();
    for name in ["vector, probe", "vector before training, probe"] {
        let mean = of_models.mean(&method(name, exact), ForecastSubset::UnseenValue);
        assert_eq!(mean.expect(name).questions, 2);
    }

    // Again without the baseline: what it left is read, and everything is the same.
    run.baselines = None;
    let again = evaluate_wide(&suite, &mut run, &mut Notes::default()).unwrap();
    assert_eq!(again[0].evaluation, found[0].evaluation);
    assert_eq!(again[1].evaluation, found[1].evaluation);
}

#[test]
fn wrong_suites_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wide.toml");
    for (from, to, says) in [
        ("folds = 2", "folds = 1", "folds"),
        ("folds = 2", "folds = 2\nrun_folds = 3", "run_folds"),
        ("models = 1", "models = 3", "data.models"),
        (
            "name = \"elsewhere\"",
            "name = \"people\"",
            "a name of its own",
        ),
        (
            "path = \"elsewhere\"",
            "path = \"../../elsewhere\"",
            "data.path",
        ),
        ("steps = 2", "stepps = 2", "stepps"),
        ("fetch =", "fetches =", "fetches"),
    ] {
        std::fs::write(&path, SUITE.replace(from, to)).unwrap();
        let error = WideSuite::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("wide.toml") && error.contains(says),
            "{says}: {error}"
        );
    }
    std::fs::write(&path, SUITE).unwrap();
    let suite = WideSuite::load(&path).unwrap();
    let compute = compute();
    let mut run = WideRun {
        out: &dir.path().join("out"),
        compute: &compute,
        baselines: None,
        facts: Vec::new(),
    };
    let error = evaluate_wide(&suite, &mut run, &mut Notes::default()).unwrap_err();
    assert!(
        error.to_string().contains("data set that is there"),
        "{error}"
    );
}
