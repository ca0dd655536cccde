//! A suite's files, and what a reader should know beside the figures.

use std::collections::BTreeMap;

use instructue_eval::{
    Evaluation, Extras, FoldResult, NoiseCondition, Study, VariantResult, summarise, write_report,
};
use instructue_fs::{AppendFile, read_text};

use crate::error::Result;
use crate::evaluation::{losses, settings};
use crate::names::EVALUATION_FILE;
use crate::suite::declare::{Suite, WHOLE};
use crate::suite::paths::Paths;
use crate::suite::plan::Plan;
use crate::watch::Watch;
use instructue_schema::Progress;

/// The evaluation's page.
pub const SUITE_REPORT: &str = "evaluation.html";
/// One line for each time that the test users of a model and fold were looked at.
const OPENED_FILE: &str = "opened.txt";

/// All that was found of a suite so far.
pub(crate) struct Found<'a> {
    pub suite: &'a Suite,
    pub plan: &'a Plan,
    pub study: &'a Study<'a>,
    pub paths: &'a Paths,
    /// The whole model, with the baselines beside it.
    pub folds: Vec<FoldResult>,
    pub extras: Extras,
    /// Variants that could not be trained, and why.
    pub left_out: Vec<String>,
    /// Whether variants were asked for.
    pub variants: bool,
    /// The caller's names and values.
    pub facts: &'a [(String, String)],
}

impl Found<'_> {
    /// What no result is made from: claims are checked in a suite, and which noise was tried.
    pub fn extras(suite: &Suite) -> Extras {
        let noise = suite.noise.conditions().into_iter();
        Extras {
            noise: noise
                .map(|(name, kind)| NoiseCondition { name, kind })
                .collect(),
            variants: Vec::<VariantResult>::new(),
            claims: true,
        }
    }

    /// Puts the evaluation together and writes both files.
    pub fn write(&self, watch: &mut dyn Watch) -> Result<Evaluation> {
        watch.progress(Progress::Stage {
            name: "writing the report",
        });
        let mut evaluation = summarise(self.study, &self.folds, &self.extras)?;
        for task in &mut evaluation.tasks {
            let marketing = self.suite.marketing.contains(&task.name);
            let domain = if marketing { "marketing" } else { "prediction" };
            task.domain = Some(domain.into());
        }
        evaluation.title = self.suite.title.clone();
        evaluation.notes = notes(self)?;
        evaluation.facts = facts(self)?;
        evaluation.save(&self.paths.file(EVALUATION_FILE))?;
        let losses = losses(&self.paths.run(WHOLE, 0))?;
        write_report(&self.paths.file(SUITE_REPORT), &evaluation, &losses)?;
        Ok(evaluation)
    }
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
fn notes(found: &Found<'_>) -> Result<Vec<String>> {
    let times = times_opened(found.paths)?;
    let s = if times == 1 { "" } else { "s" };
    let mut notes = vec![format!(
        "The test users of the whole model were looked at {times} time{s} from this directory."
    )];
    if found.folds.iter().all(|fold| fold.methods.is_empty()) {
        notes.push(
            "No baseline of scripts/baselines was run; only recency, counts and sums stand beside \
             the model."
                .into(),
        );
    }
    if !found.suite.variants.is_empty() && !found.variants {
        notes.push("Models with one thing changed were not trained in this run.".into());
    }
    let left_out = found.left_out.iter();
    notes.extend(left_out.map(|what| format!("Left out: {what}")));
    Ok(notes)
}

/// Names and values that describe the run.
fn facts(found: &Found<'_>) -> Result<Vec<(String, String)>> {
    let (suite, plan) = (found.suite, found.plan);
    let seconds = |of: fn(&FoldResult) -> f64| {
        let sum: f64 = found.folds.iter().map(of).sum();
        format!("{:.0}", sum / found.folds.len().max(1) as f64)
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
    facts.extend(found.facts.iter().cloned());
    facts.extend(settings(&suite.config()?));
    Ok(facts)
}
