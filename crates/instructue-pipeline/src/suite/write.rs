//! The proof's files, and what a reader should know beside the figures.

use std::collections::BTreeMap;

use instructue_eval::suite::SuiteProof;
use instructue_eval::write_suite_report;
use instructue_fs::{AppendFile, read_text};

use crate::error::Result;
use crate::prepare::Stage;
use crate::proof::{PROOF_FILE, settings};
use crate::run::Watch;
use crate::suite::SuiteRun;
use crate::suite::declare::WHOLE;
use crate::suite::fold::FoldResult;
use crate::suite::paths::Paths;
use crate::suite::summary::{Found, summarise};

/// The proof's page.
pub const SUITE_REPORT: &str = "proof.html";
/// One line for each time that the test users of a model and fold were looked at.
const OPENED_FILE: &str = "opened.txt";

/// Puts the proof together and writes both files.
pub(crate) fn write(
    found: &Found<'_>,
    run: &SuiteRun<'_>,
    paths: &Paths,
    watch: &mut dyn Watch,
) -> Result<SuiteProof> {
    watch.stage(Stage::Begin {
        name: "writing the report",
    });
    let mut proof = summarise(found)?;
    proof.notes = notes(found, run, paths)?;
    proof.facts = facts(found, run)?;
    proof.save(&paths.file(PROOF_FILE))?;
    write_suite_report(&paths.file(SUITE_REPORT), &proof)?;
    Ok(proof)
}

/// Notes that the test users of a model and fold were looked at.
pub(crate) fn note_opened(paths: &Paths, model: &str, fold: usize) -> Result<()> {
    let file = paths.file(OPENED_FILE);
    let line = format!("{}\n", Paths::result_name(model, fold));
    Ok(AppendFile::open(&file)?.append(line.as_bytes())?)
}

/// How often the test users of the whole model were looked at: in the fold where
/// it was most often.
fn times_opened(paths: &Paths) -> Result<usize> {
    let file = paths.file(OPENED_FILE);
    let text = match read_text(&file) {
        Err(error) if error.is_not_found() => String::new(),
        read => read?,
    };
    let mut folds: BTreeMap<&str, usize> = BTreeMap::new();
    let of_whole = format!("results/{WHOLE}/");
    for line in text.lines().filter(|line| line.starts_with(&of_whole)) {
        *folds.entry(line).or_default() += 1;
    }
    Ok(folds.into_values().max().unwrap_or(0))
}

/// What a reader should know.
fn notes(found: &Found<'_>, run: &SuiteRun<'_>, paths: &Paths) -> Result<Vec<String>> {
    let times = times_opened(paths)?;
    let s = if times == 1 { "" } else { "s" };
    let mut notes = vec![format!(
        "The test users of the whole model were looked at {times} time{s} from this directory."
    )];
    if found.baselines.iter().all(|fold| fold.methods.is_empty()) {
        notes.push(
            "No baseline of scripts/baselines was run; only recency, counts and sums stand beside \
             the model."
                .into(),
        );
    }
    if !found.suite.variants.is_empty() && !run.variants {
        notes.push("Models with one thing changed were not trained in this run.".into());
    }
    let left_out = found.left_out.iter();
    notes.extend(left_out.map(|what| format!("Left out: {what}")));
    Ok(notes)
}

/// Names and values that describe the run.
fn facts(found: &Found<'_>, run: &SuiteRun<'_>) -> Result<Vec<(String, String)>> {
    let (suite, plan) = (found.suite, found.plan);
    let seconds = |of: fn(&FoldResult) -> f64| {
        let sum: f64 = found.whole.iter().map(of).sum();
        format!("{:.0}", sum / found.whole.len().max(1) as f64)
    };
    let folds = format!("{} of {}", suite.folds_run(), suite.folds);
    let own = [
        ("data", plan.ingested.store.schema().name.clone()),
        ("users", plan.users.len().to_string()),
        ("folds", folds),
        ("seed", suite.seed.to_string()),
        (
            "seconds of training per fold",
            seconds(|fold| fold.train_seconds),
        ),
        (
            "seconds of measuring per fold",
            seconds(|fold| fold.evaluate_seconds),
        ),
    ];
    let mut facts: Vec<(String, String)> = own
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    facts.extend(run.facts.iter().cloned());
    facts.extend(settings(&suite.config()?));
    Ok(facts)
}
