//! A wide evaluation: hundreds of questions per data set that no method has learned, over folds
//! of users ([`evaluate_wide`]).
//!
//! You need it to know what an answer score is worth beside labels, and what instructions do for
//! vectors; a TOML file ([`WideSuite`]) says on which data. Everything slow is kept, so a killed
//! run goes on.

mod declare;
mod models;
mod pool;

use std::path::Path;
use std::sync::Arc;

use instructue_eval::{
    Evaluation, FoldSize, ForecastMethod, ForecastScores, Wording, write_report,
};
use instructue_features::TextVectors;
use instructue_fs::read_text;
use instructue_schema::{Progress, seed};
use instructue_trainer::{Claim, RUN};

use crate::answers::{
    AnswerRun, Wordings, ask, read_found, read_scores, summarise, text_vectors, write_labelled,
    write_scores,
};
use crate::compute::Compute;
use crate::config::{RunConfig, userqa_config};
use crate::error::{Error, Result};
use crate::evaluation::settings;
use crate::names::CONFIG_FILE;
use crate::prepare::{Ingested, ingest, references, userqa};
use crate::run::train_run;
use crate::watch::Watch;
use models::{
    GENERAL, LIKELIHOOD, TEXTS, TWO_TOWERS, UNTRAINED, VECTOR, VECTOR_ALONE, model_methods,
};
use pool::{FoldAnswers, pool};

pub use declare::{WideData, WideSuite};

/// What the baseline reads; with another one what it made is made again.
const EXCHANGE_FORMAT: u32 = 2;

/// What models are asked in; with another one they are asked again.
const MODEL_FORMAT: u32 = 2;

/// Runs the baseline on a directory of labelled users.
pub type RunForecasts<'a> = dyn FnMut(&Path) -> Result<()> + 'a;

/// What of a wide suite is run.
pub struct WideRun<'a> {
    /// Where everything goes; what an earlier run left there is used.
    pub out: &'a Path,
    /// Where models are trained and embed.
    pub compute: &'a Compute,
    /// Runs the baseline; without one, what it left is used.
    pub baselines: Option<&'a mut RunForecasts<'a>>,
    /// Names and values for the report: machine, versions.
    pub facts: Vec<(String, String)>,
}

/// What was measured on a data set, or of the models on it.
#[derive(Debug, Clone, PartialEq)]
pub struct WideResult {
    /// The data set's name, with `-models` for what was measured of models.
    pub name: String,
    /// The figures; they are in `NAME.json` and `NAME.html`, too.
    pub evaluation: Evaluation,
}

/// Asks the test users of each fold of each data set, and writes a page for each.
///
/// # Errors
/// Anything wrong with the suite, the data, training, the baseline's files or disk. A data set
/// that is not there is left out, and said.
pub fn evaluate_wide(
    suite: &WideSuite,
    run: &mut WideRun<'_>,
    watch: &mut dyn Watch,
) -> Result<Vec<WideResult>> {
    let _claim = Claim::take(run.out, "suite")?;
    let mut results = Vec::new();
    for data in &suite.data {
        let directory = suite.directory(data);
        if !directory.is_dir() {
            let how = data.fetch.as_deref().unwrap_or("put it there");
            watch.progress(Progress::note(format!(
                "{}: left out, nothing at {}: {how}",
                data.name,
                directory.display()
            )));
            continue;
        }
        results.extend(of_data(suite, data, run, watch)?);
    }
    if results.is_empty() {
        let what = format!("data of suite `{}`", suite.name);
        return Err(Error::argument(
            &what,
            "at least one data set that is there",
            "none",
        ));
    }
    Ok(results)
}

fn of_data(
    suite: &WideSuite,
    data: &WideData,
    run: &mut WideRun<'_>,
    watch: &mut dyn Watch,
) -> Result<Vec<WideResult>> {
    let out = run.out.join(&data.name);
    let directory = suite.directory(data);
    let ingested = ingest(&directory, &out.join("store"), &mut |step| {
        watch.progress(step)
    })?;
    let wordings = Wordings::load(&directory, ingested.store.schema())?;
    let encoder = suite.config(data, 0)?.answers.encoder;
    let vectors = text_vectors(encoder.as_deref(), &mut |s| watch.progress(s))?;
    let (mut folds, mut of_models) = (Vec::new(), Vec::new());
    for fold in 0..suite.folds_run() {
        watch.progress(Progress::note(format!("{}: fold {}", data.name, fold + 1)));
        let config = suite.config(data, fold)?;
        let asked = Fold {
            data,
            ingested: &ingested,
            wordings: &wordings,
            vectors: &vectors,
            config: &config,
            out: &out.join(format!("fold-{fold}")),
            model: fold < data.models,
        };
        let (found, model) = asked.run(run, watch)?;
        folds.push(found);
        of_models.extend(model);
    }
    let users = ingested.store.users() as usize;
    let mut results = vec![written(suite, data, run, (&folds, &data.name, users))?];
    if !of_models.is_empty() {
        let name = format!("{}-models", data.name);
        results.push(written(suite, data, run, (&of_models, &name, users))?);
    }
    Ok(results)
}

/// Measures, and writes both files.
fn written(
    suite: &WideSuite,
    data: &WideData,
    run: &WideRun<'_>,
    (folds, name, users): (&[FoldAnswers], &str, usize),
) -> Result<WideResult> {
    let (study, methods) = pool(folds);
    let mut evaluation = Evaluation {
        title: format!("{}: {name}", suite.title),
        forecasts: Some(summarise(
            &study,
            &methods,
            model_pairs(&methods),
            suite.seed,
        )?),
        ..Evaluation::default()
    };
    evaluation.folds = folds
        .iter()
        .map(|fold| FoldSize {
            train: users - fold.study.users(),
            test: fold.study.users(),
        })
        .collect();
    evaluation.facts = vec![
        ("users tested".into(), study.users().to_string()),
        ("questions".into(), study.items.len().to_string()),
        (
            "folds".into(),
            format!("{} of {}", folds.len(), suite.folds),
        ),
    ];
    evaluation.facts.extend(run.facts.iter().cloned());
    evaluation.facts.extend(settings(&suite.config(data, 0)?));
    evaluation.save(&run.out.join(format!("{name}.json")))?;
    write_report(&run.out.join(format!("{name}.html")), &evaluation, &[])?;
    Ok(WideResult {
        name: name.to_owned(),
        evaluation,
    })
}

/// One fold of a data set.
struct Fold<'a> {
    data: &'a WideData,
    ingested: &'a Ingested,
    wordings: &'a Wordings,
    vectors: &'a Arc<dyn TextVectors>,
    config: &'a RunConfig,
    out: &'a Path,
    /// Whether a model is trained.
    model: bool,
}

impl Fold<'_> {
    /// What was said without a model, and what with one.
    fn run(
        &self,
        run: &mut WideRun<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(FoldAnswers, Option<FoldAnswers>)> {
        let Self {
            ingested, config, ..
        } = *self;
        let claim = Claim::take(self.out, RUN)?;
        let references = references(config, ingested);
        let qa = userqa_config(config, &references, ingested.end);
        qa.validate()?;
        let directory = self.out.join("userqa");
        let triples = userqa(&ingested.store, &qa, &directory, &mut |s| watch.progress(s))?;
        let answers = AnswerRun {
            wordings: self.wordings,
            vectors: self.vectors,
            claim: &claim,
            ingested,
            triples: &triples,
            userqa: &qa,
            config,
        };
        let learned = answers.learn(&mut |step| watch.progress(step))?;
        let learned = learned.ok_or_else(|| {
            let what = format!("data `{}`", self.data.name);
            Error::argument(&what, "users and events to learn answers from", "too few")
        })?;
        let forecasts = answers.forecasts(&learned);
        let (asked, mut methods) = ask(&forecasts, &mut |step| watch.progress(step))?;
        // Other questions or another configuration have another place.
        let names: Vec<&str> = asked.study.items.iter().map(|item| &*item.name).collect();
        let of = format!(
            "{EXCHANGE_FORMAT} {} {} {}",
            ingested.store.fingerprint(),
            config.to_toml(),
            names.join("\n")
        );
        let exchange = self
            .out
            .join(format!("labels-{:016x}", seed::derive(0, &of, &[])));
        if let Some(command) = &mut run.baselines {
            watch.progress(Progress::Stage { name: "baselines" });
            write_labelled(&forecasts, &asked, &exchange)?;
            command(&exchange)?;
        }
        methods.extend(read_found(&asked, &exchange)?);
        let mut of_model = None;
        if self.model {
            let dir = self.out.join("model-run");
            let claim = Claim::take(&dir, RUN)?;
            // A run of another configuration is no beginning of this one.
            let saved = read_text(&dir.join(CONFIG_FILE));
            let same = saved.is_ok_and(|text| text == config.to_toml());
            let model = train_run(ingested, &claim, config, run.compute, same, watch)?;
            watch.progress(Progress::Stage { name: "measuring" });
            let most = self.data.model_questions;
            let kept = format!(
                "model-{MODEL_FORMAT}-{}-{most}.parquet",
                model.model.digest()?
            );
            let kept = exchange.join(kept);
            if !kept.is_file() {
                let told = &mut |step| watch.progress(step);
                let found = model_methods(&forecasts, &asked, &model, most, told)?;
                write_scores(&asked, &found, &kept)?;
            }
            let found = read_scores(&asked, &kept, Some(Wording::Exact))?;
            let mut all = found.unwrap_or_default();
            all.extend(
                methods
                    .iter()
                    .filter(|one| beside_models(&one.method))
                    .cloned(),
            );
            of_model = Some(FoldAnswers {
                study: asked.study.clone(),
                methods: all,
            });
        }
        let found = FoldAnswers {
            study: asked.study,
            methods,
        };
        Ok((found, of_model))
    }
}

/// Whether what a method says stands beside what models say.
fn beside_models(method: &ForecastMethod) -> bool {
    matches!(method.wording, None | Some(Wording::Exact))
}

/// Differences of models that tell something.
fn model_pairs(methods: &[ForecastScores]) -> Vec<(ForecastMethod, ForecastMethod)> {
    let find = |name: &str| methods.iter().find(|one| one.method.name == name);
    let pairs = [
        (VECTOR, UNTRAINED),
        (VECTOR, VECTOR_ALONE),
        (VECTOR_ALONE, UNTRAINED),
        (VECTOR, TEXTS),
        (VECTOR_ALONE, GENERAL),
        (TEXTS, TWO_TOWERS),
        (TEXTS, LIKELIHOOD),
    ];
    let both = pairs.into_iter().filter_map(|(left, right)| {
        Some((find(left)?.method.clone(), find(right)?.method.clone()))
    });
    both.collect()
}
