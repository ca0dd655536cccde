//! A whole suite on made-up users: folds, noise, few labels, a variant, baselines
//! from files, and a second run that finds everything done.

use crate::common::compute;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use instructue_eval::{Evaluation, MethodKind};
use instructue_generate::{GenerateConfig, generate};
use instructue_pipeline::suite::{SUITE_REPORT, Suite, SuiteRun, evaluate_suite};
use instructue_pipeline::{EVALUATION_FILE, Error, Watch};
use instructue_schema::Progress;
use instructue_store::{open_parquet, read_all};
use instructue_trainer::Event;
use parquet::arrow::ArrowWriter;

const SUITE: &str = r#"
name = "made-up"
title = "Made-up users <&>"
data = "data"
folds = 2
resamples = 40
marketing = ["plays_games"]

[run.answers]
rows = 2000
[run.model]
vocabulary = 300
slots = 6
pca_components = 0
[run.references]
count = 2
[run.userqa]
triples_per_user = 4
validation_share = 0.1
[run.train]
steps = 3
batch = { users_per_step = 6, instructions_per_user = 2 }
validation.every = 0
checkpoint.every = 2

[noise]
foreign = [0.3]
shuffled = [0.5]
missing = ["bill"]

[few_shot]
labels = [50]
steps = 4

[lookalike]
seeds = [10]
draws = 2

[[recommendation]]
name = "next_category"
instruction = "What will this user buy?"
text = "The user buys {item}."
source = "bill"
field = "category"
days = 30
negatives = 5

[[variant]]
name = "plain"
title = "no lookup, and no search"
folds = 1
without = ["search"]
run = { model = { lookup = false } }
"#;

/// How often a stage began.
#[derive(Default)]
pub struct Stages(Vec<&'static str>);

impl Watch for Stages {
    fn progress(&mut self, stage: Progress) {
        if let Progress::Stage { name } = stage {
            self.0.push(name);
        }
    }
    fn training(&mut self, _: Event<'_>) {}
}

pub fn made_up(dir: &Path) {
    let people = GenerateConfig {
        users: 200,
        events_per_user: 25.0,
        ..GenerateConfig::default()
    };
    generate(&people, &dir.join("data"), &mut |_| {}).unwrap();
}

pub fn suite(dir: &Path, text: &str) -> Suite {
    let path = dir.join("suite.toml");
    fs::write(&path, text).unwrap();
    Suite::load(&path).unwrap()
}

pub fn evaluated(suite: &Suite, out: &Path, variants: bool) -> (Evaluation, Stages) {
    let mut stages = Stages::default();
    let mut run = SuiteRun {
        compute: &compute(),
        out,
        variants,
        baselines: None,
        facts: Vec::new(),
    };
    let evaluation = evaluate_suite(suite, &mut run, &mut stages).unwrap();
    (evaluation, stages)
}

/// A column of texts.
fn texts(path: &Path, column: &str) -> Vec<String> {
    let reader = open_parquet(path).unwrap().build().unwrap();
    let batches = read_all(path, reader).unwrap();
    let mut out = Vec::new();
    for batch in &batches {
        let column = batch.column_by_name(column).unwrap().as_string::<i32>();
        out.extend(column.iter().map(|text| text.unwrap().to_owned()));
    }
    out
}

/// A baseline that knows the truth of every task, as `scripts/baselines` would leave it.
fn oracle(exchange: &Path, folds: usize, users: usize) {
    let path = exchange.join("labels.parquet");
    let (tasks, ids) = (texts(&path, "task"), texts(&path, "user"));
    let reader = open_parquet(&path).unwrap().build().unwrap();
    let labels: Vec<bool> = read_all(&path, reader)
        .unwrap()
        .iter()
        .flat_map(|batch| {
            let column = batch.column_by_name("label").unwrap().as_boolean().clone();
            column.iter().flatten().collect::<Vec<_>>()
        })
        .collect();
    let plan = fs::read(exchange.join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    let place = plan["baselines"].as_str().unwrap();
    let dir = exchange.join(place).join("counts_lightgbm");
    fs::create_dir_all(&dir).unwrap();
    let rows = users.min(tasks.len());
    for fold in 0..folds {
        let scores = labels[..rows]
            .iter()
            .map(|&label| if label { 0.9 } else { 0.2 });
        let conditions = vec!["clean"; rows];
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("task", Arc::new(StringArray::from(tasks[..rows].to_vec()))),
            ("condition", Arc::new(StringArray::from(conditions))),
            ("user", Arc::new(StringArray::from(ids[..rows].to_vec()))),
            ("score", Arc::new(Float64Array::from_iter_values(scores))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(dir.join(format!("fold-{fold}.scores.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

#[test]
fn a_suite_is_evaluated_once_and_then_only_read() {
    let dir = tempfile::tempdir().unwrap();
    made_up(dir.path());
    let suite = suite(dir.path(), SUITE);
    let out = dir.path().join("out");
    let (evaluation, stages) = evaluated(&suite, &out, true);
    assert_eq!(
        stages.0.iter().filter(|name| **name == "training").count(),
        3
    );

    // Everything that was asked for is there.
    let measured: Vec<_> = evaluation
        .tasks
        .iter()
        .filter(|task| task.skipped.is_none())
        .collect();
    assert!(measured.len() >= 4, "{}", measured.len());
    assert!(
        measured
            .iter()
            .any(|task| task.domain.as_deref() == Some("marketing"))
    );
    for method in [
        "matched",
        "empty",
        "wrong",
        "reworded",
        "untrained",
        "simple_counts",
    ] {
        let score = evaluation
            .mean(method)
            .unwrap_or_else(|| panic!("{method}"));
        assert!(score.scores.auc.low <= score.scores.auc.point, "{method}");
        assert_eq!(score.folds.len(), 2);
    }
    assert!(measured[0].curves[0].calibration.is_some());
    assert_eq!(evaluation.ablations.len(), 1);
    assert_eq!(evaluation.ablations[0].folds, 1);
    let awareness = evaluation.awareness.as_ref().unwrap();
    let shares = awareness.user + awareness.instruction + awareness.interaction;
    assert!((shares - 1.0).abs() < 1e-6 && awareness.interaction > 0.0);
    assert!(!awareness.neighbours.is_empty() && !awareness.sources.is_empty());
    assert_eq!(awareness.gradients.len(), measured.len());
    for task in &awareness.gradients {
        let shares = task.shares.iter().map(|(_, share)| share);
        assert!((shares.sum::<f64>() - 1.0).abs() < 1e-9, "{task:?}");
    }
    let kinds: Vec<&str> = evaluation
        .noise
        .iter()
        .map(|one| one.kind.as_str())
        .collect();
    for kind in ["foreign", "shuffled", "missing bill"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    for method in ["tuned", "tuned_prototypes", "probe"] {
        let mut few = evaluation.few_shot.iter();
        let found = few.any(|one| one.method == method && one.labels == 50);
        assert!(found, "{method}");
    }
    assert!(!evaluation.audience.is_empty() && !evaluation.lookalike.is_empty());
    let ranked = &evaluation.recommendation[0];
    assert!(ranked.candidates > 5 && ranked.users > 50 && ranked.methods.len() == 2);
    assert!(!evaluation.retrieval.is_empty() && !evaluation.examples.is_empty());
    let recall = &evaluation.retrieval[0].recall;
    assert!(recall.iter().all(|one| one.untrained.is_some()));
    assert!(!evaluation.map.is_empty() && measured.iter().any(|task| task.zero_shot.is_some()));
    for user in evaluation
        .examples
        .iter()
        .flat_map(|example| &example.users)
    {
        assert!(
            (1..=5).contains(&user.user.parse::<usize>().unwrap()),
            "no id"
        );
    }
    assert!(
        evaluation.notes.iter().any(|note| note.contains("1 time ")),
        "{:?}",
        evaluation.notes
    );

    // What was not measured is not claimed.
    let claim = |evaluation: &Evaluation, what: &str| {
        let found = evaluation
            .claims
            .iter()
            .find(|claim| claim.claim.contains(what));
        found.unwrap().met
    };
    assert_eq!(claim(&evaluation, "beats LightGBM"), None);
    assert!(claim(&evaluation, "matching instruction helps").is_some());

    let page = fs::read_to_string(out.join(SUITE_REPORT)).unwrap();
    assert!(page.contains("Made-up users &lt;&amp;&gt;") && !page.contains("users <&>"));
    assert_eq!(
        Evaluation::load(&out.join(EVALUATION_FILE)).unwrap(),
        evaluation
    );
    assert!(evaluation.table().contains("Claims (* = zero"));

    // A second run takes no step, looks at nobody and says the same.
    let (again, _) = evaluated(&suite, &out, true);
    assert_eq!(again.means, evaluation.means);
    assert_eq!(again.notes, evaluation.notes);
    assert_eq!(again.ablations, evaluation.ablations);

    // A baseline's files stand beside the model; with a user missing they are refused.
    let exchange = out.join("exchange");
    oracle(&exchange, 2, usize::MAX);
    let (with, _) = evaluated(&suite, &out, false);
    let perfect = with.mean("counts_lightgbm").unwrap();
    assert_eq!(perfect.scores.auc.point, 1.0);
    let table = with.table();
    assert!(table.contains("AUC of all methods") && table.contains("our vector, the task's"));
    assert_eq!(claim(&with, "beats LightGBM"), Some(false));
    let together = with
        .methods
        .iter()
        .find(|info| info.name == "counts_lightgbm_matched");
    assert_eq!(together.unwrap().kind, MethodKind::Together);
    oracle(&exchange, 2, 30);
    let message = refused(&suite, &out).to_string();
    assert!(message.contains("fold-0.scores.parquet"), "{message}");
    assert!(
        message.contains("a score of each labelled test user"),
        "{message}"
    );
}

/// Why a suite is refused.
fn refused(suite: &Suite, out: &Path) -> Error {
    let mut run = SuiteRun {
        compute: &compute(),
        out,
        variants: false,
        baselines: None,
        facts: Vec::new(),
    };
    evaluate_suite(suite, &mut run, &mut Stages::default()).unwrap_err()
}

#[test]
fn a_suite_that_does_not_fit_its_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    made_up(dir.path());
    let columns = ["user_id", "category"].map(|name| {
        let strangers: ArrayRef = Arc::new(StringArray::from(vec!["nobody"]));
        (name, strangers)
    });
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(dir.path().join("data/next.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let cases = [
        ("source = \"bill\"", "source = \"bills\"", "`bills`"),
        ("field = \"category\"", "field = \"colour\"", "`colour`"),
        (
            "missing = [\"bill\"]",
            "missing = [\"bil\"]",
            "noise.missing",
        ),
        // What has no events cannot lose them.
        (
            "missing = [\"bill\"]",
            "missing = [\"tabular\"]",
            "one of bill",
        ),
        // Nobody of the file is in the data.
        (
            "days = 30",
            "file = \"next.parquet\"",
            "users with a next item",
        ),
        (
            "marketing = [\"plays_games\"]",
            "marketing = [\"fame\"]",
            "`fame`",
        ),
        (
            "without = [\"search\"]",
            "without = [\"sea\"]",
            "variant `plain`.without",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(SUITE.contains(from), "{from}");
        let suite = suite(dir.path(), &SUITE.replace(from, to));
        let error = refused(&suite, &dir.path().join("out"));
        assert!(matches!(error, Error::Argument { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// What a suite's tasks lack is known before a model is trained.
#[test]
fn tasks_that_do_not_fit_are_refused_before_training() {
    let dir = tempfile::tempdir().unwrap();
    made_up(dir.path());
    let path = dir.path().join("data/tasks.toml");
    let text = fs::read_to_string(&path).unwrap();
    let out = dir.path().join("out");
    for (from, to, expected) in [
        ("labels.parquet", "../labels.parquet", "without `..`"),
        ("labels.parquet", "nothing.parquet", "nothing.parquet"),
        ("days = 30", "days = 300", "the data end"),
        ("source = \"bill\"", "source = \"bil\"", "bill"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let suite = suite(dir.path(), SUITE);
        let mut stages = Stages::default();
        let mut run = SuiteRun {
            compute: &compute(),
            out: &out,
            variants: false,
            baselines: None,
            facts: Vec::new(),
        };
        let error = evaluate_suite(&suite, &mut run, &mut stages).unwrap_err();
        assert!(error.to_string().contains(expected), "{to}: {error}");
        assert!(!stages.0.contains(&"training"), "{to}: {:?}", stages.0);
    }
}
