//! Evaluation over folds: a model per fold, its ablations and what one would use
//! instead, on the same users ([`evaluate_suite`]).
//!
//! You need it to compare versions of the method, or the method with others, on one data
//! set; a TOML file ([`Suite`]) says what is compared.

mod baselines;
mod bench;
mod declare;
mod examples;
mod exchange;
mod few_shot;
mod gradients;
mod kept;
mod next_items;
mod noise;
mod paths;
mod plan;
mod recommend;
mod rules;
mod stores;
mod write;

use std::path::Path;
use std::time::Instant;

use instructue_eval::{
    Evaluation, FoldInput, FoldResult, Instructions, Measured, Study, VariantResult, count_matrix,
    measure_fold,
};
use instructue_fs::read_text;
use instructue_store::UserStore;
use instructue_trainer::{Claim, RUN};

use crate::answers::{AnswerRun, Wordings, text_vectors};
use crate::compute::Compute;
use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::evaluation::own_answers;
use crate::names::CONFIG_FILE;
use crate::prepare::Ingested;
use crate::run::{TrainedRun, train_run};
use crate::store_embedder::StoreEmbedder;
use crate::suite::baselines::baselines;
use crate::suite::bench::Bench;
use crate::suite::exchange::{OwnVectors, write_plan};
use crate::suite::paths::Paths;
use crate::suite::plan::Plan;
use crate::suite::stores::{Histories, Noisy, noisy_stores, without};
use crate::suite::write::{Found, note_opened};
use crate::watch::Watch;
use instructue_schema::Progress;

pub use declare::{FewShotSettings, Noise, Recommendation, Suite, Variant, WHOLE};
pub use write::SUITE_REPORT;

/// Runs the baselines on the exchange directory that it is given.
pub type RunBaselines<'a> = dyn FnMut(&Path) -> Result<()> + 'a;

/// What of a suite is run.
pub struct SuiteRun<'a> {
    /// Where everything goes; what an earlier run left there is used.
    pub out: &'a Path,
    /// Where models are trained and embed.
    pub compute: &'a Compute,
    /// Whether models with one thing changed are trained, too.
    pub variants: bool,
    /// Runs the baselines on an exchange directory; without one, what is there is used.
    pub baselines: Option<&'a mut RunBaselines<'a>>,
    /// Names and values for the report: machine, versions.
    pub facts: Vec<(String, String)>,
}

/// Runs a suite: trains a model per fold, measures it and the baselines on the
/// fold's test users, and writes `evaluation.json` and `evaluation.html`. Everything that is
/// finished is kept, so a killed run goes on.
///
/// The report is written as soon as the whole model is measured and again with
/// each further part.
///
/// # Errors
/// Anything wrong with the suite, the data, training, the baselines' files or disk.
pub fn evaluate_suite(
    suite: &Suite,
    run: &mut SuiteRun<'_>,
    watch: &mut dyn Watch,
) -> Result<Evaluation> {
    let paths = Paths::new(run.out)?;
    let plan = Plan::new(suite, &paths, &mut |stage| watch.progress(stage))?;
    let study = plan.study(suite)?;
    let noisy = noisy_stores(suite, &plan, &paths, watch)?;
    let written = write_plan(suite, (&plan, &study), &noisy, &paths.exchange())?;
    let models = Models {
        suite,
        compute: run.compute,
        plan: &plan,
        study: &study,
        paths: &paths,
        noisy: &noisy,
    };
    let mut found = Found {
        suite,
        plan: &plan,
        study: &study,
        paths: &paths,
        folds: models.whole(watch)?,
        extras: Found::extras(suite),
        left_out: Vec::new(),
        variants: run.variants,
        facts: &run.facts,
    };
    if let Some(command) = &mut run.baselines {
        watch.progress(Progress::Stage { name: "baselines" });
        command(&paths.exchange())?;
    }
    watch.progress(Progress::Stage {
        name: "measuring baselines",
    });
    for (number, fold) in found.folds.iter_mut().enumerate() {
        let kept = paths.result("baselines", number);
        fold.extend(baselines(suite, (&plan, &study), &written, &kept, number)?);
        watch.progress(Progress::Done {
            done: number as u64 + 1,
            total: suite.folds_run() as u64,
        });
    }
    let mut evaluation = found.write(watch)?;
    for variant in suite.variants.iter().filter(|_| run.variants) {
        match models.variant(variant, watch) {
            Ok(folds) => found.extras.variants.push(VariantResult {
                name: variant.name.clone(),
                title: variant.title.clone(),
                against: variant.against.clone(),
                folds,
            }),
            // Weights of others may not be at hand; the rest of the suite is.
            Err(error @ Error::Hub(_)) => {
                found.left_out.push(format!("{}: {error}", variant.title));
            }
            Err(error) => return Err(error),
        }
        evaluation = found.write(watch)?;
    }
    Ok(evaluation)
}

/// What every model of a suite is trained and measured on.
struct Models<'a> {
    suite: &'a Suite,
    compute: &'a Compute,
    plan: &'a Plan,
    study: &'a Study<'a>,
    paths: &'a Paths,
    noisy: &'a [Noisy],
}

impl Models<'_> {
    /// The results of the whole model, fold by fold.
    fn whole(&self, watch: &mut dyn Watch) -> Result<Vec<FoldResult>> {
        let (suite, ingested) = (self.suite, &self.plan.ingested);
        let config = suite.config()?;
        let clean = Histories::new(UserStore::open(&ingested.path)?, &self.plan.users)?;
        let count = suite.folds_run();
        let of_fold = |fold: usize| {
            let text = format!("fold {} of {count}", fold + 1);
            watch.progress(Progress::Note { text });
            let trained = self.trained(ingested, WHOLE, &config, fold, watch)?;
            self.measured(WHOLE, &clean, &trained, fold, watch)
        };
        (0..count).map(of_fold).collect()
    }

    /// The results of a model with one thing changed.
    fn variant(&self, variant: &Variant, watch: &mut dyn Watch) -> Result<Vec<FoldResult>> {
        let (suite, name) = (self.suite, &variant.name);
        let config = variant.config(suite)?;
        let changed = without(self.plan, self.paths, variant)?;
        let store = UserStore::open(&changed.path)?;
        let histories = Histories::new(store, &self.plan.users)?;
        let of_fold = |fold: usize| {
            let text = format!("variant {name}, fold {}", fold + 1);
            watch.progress(Progress::Note { text });
            let trained = self.trained(&changed, name, &config, fold, watch)?;
            self.measured(name, &histories, &trained, fold, watch)
        };
        let count = variant.folds.unwrap_or(suite.folds_run());
        (0..count).map(of_fold).collect()
    }

    /// A model of a fold, trained if it is not there yet.
    fn trained(
        &self,
        ingested: &Ingested,
        name: &str,
        config: &RunConfig,
        fold: usize,
        watch: &mut dyn Watch,
    ) -> Result<TrainedRun> {
        let config = self.suite.in_fold(config, fold);
        let dir = self.paths.run(name, fold);
        // A run of another configuration is no beginning of this one.
        let claim = Claim::take(&dir, RUN)?;
        let saved = read_text(&dir.join(CONFIG_FILE));
        let same = saved.is_ok_and(|text| text == config.to_toml());
        let mut run = train_run(ingested, &claim, &config, self.compute, same, watch)?;
        if config.answers.enabled {
            let encoder = config.answers.encoder.as_deref();
            let learner = AnswerRun {
                wordings: &Wordings::default(),
                vectors: &text_vectors(encoder, &mut |s| watch.progress(s))?,
                claim: &claim,
                ingested,
                triples: &run.triples,
                userqa: &run.userqa,
                config: &config,
            };
            run.answers = learner.scorer(&mut |step| watch.progress(step))?;
        }
        Ok(run)
    }

    /// A model's results on a fold, from the file or made now. The whole model is
    /// measured by everything, others by their probes.
    fn measured(
        &self,
        name: &str,
        histories: &Histories,
        run: &TrainedRun,
        fold: usize,
        watch: &mut dyn Watch,
    ) -> Result<FoldResult> {
        let whole = name == WHOLE;
        let key = kept::key(self.suite, self.study, run, whole)?;
        let path = self.paths.result(name, fold);
        if let Some(found) = kept::load(&path, &key) {
            return Ok(found);
        }
        watch.progress(Progress::Stage { name: "measuring" });
        let start = Instant::now();
        let bench = Bench {
            suite: self.suite,
            plan: self.plan,
            study: self.study,
            fold,
            run,
            model: StoreEmbedder::new(&run.model, &histories.store)
                .with_answers(run.answers.as_ref()),
            histories,
        };
        let mut result = match whole {
            true => self.measure_whole(&bench, watch)?,
            false => {
                let input = FoldInput {
                    number: fold,
                    trained: &bench.model,
                    untrained: None,
                    users: &histories.refs,
                    counts: None,
                    answers: &[],
                    instructions: Instructions::MatchedAndEmpty,
                };
                let told = &mut |step| watch.progress(step);
                measure_fold(self.study, &input, &mut |_, _, _| Ok::<_, Error>(()), told)?
            }
        };
        result.train_seconds = run.seconds;
        result.evaluate_seconds = start.elapsed().as_secs_f64();
        kept::save(&path, &key, &result)?;
        note_opened(self.paths, name, fold)?;
        Ok(result)
    }

    /// The whole model under every instruction, and what it is used for.
    fn measure_whole(&self, bench: &Bench<'_>, watch: &mut dyn Watch) -> Result<FoldResult> {
        let (suite, run) = (self.suite, bench.run);
        let store = &self.plan.ingested.store;
        let untrained = StoreEmbedder::new(&run.untrained, &bench.histories.store);
        let most = suite.config()?.evaluation.retrieval_instructions;
        let triples = (&run.triples, &run.userqa);
        let answers =
            [false, true].map(|unseen| own_answers(store, triples, unseen, most, suite.seed));
        let [seen, unseen] = answers;
        let input = FoldInput {
            number: bench.fold,
            trained: &bench.model,
            untrained: Some(&untrained),
            users: &bench.histories.refs,
            counts: Some(&|users, reference| Ok(count_matrix(store, users, reference)?)),
            answers: &[seen?, unseen?],
            instructions: Instructions::All,
        };
        let mut own = OwnVectors::default();
        let mut told = |step| watch.progress(step);
        let mut further = |measured: &Measured<'_>,
                           out: &mut FoldResult,
                           told: &mut dyn FnMut(Progress)|
         -> Result<()> {
            own.extend(self.plan, measured)?;
            if in_first(bench.fold, suite.noise.folds) {
                noise::under_noise(bench, measured, self.noisy, out, told)?;
            }
            gradients::gradients(bench, measured, out)?;
            // One page shows those of one fold.
            if bench.fold == 0 {
                examples::examples(bench, measured, out)?;
            }
            if in_first(bench.fold, suite.few_shot.folds) {
                few_shot::few_shot(bench, measured, out)?;
            }
            Ok(())
        };
        let mut result = measure_fold(self.study, &input, &mut further, &mut told)?;
        own.save(&self.paths.own_vectors(bench.fold))?;
        recommend::recommend(bench, &mut result, &mut told)?;
        Ok(result)
    }
}

/// Whether a fold is among the first `count`; 0: all are.
fn in_first(fold: usize, count: usize) -> bool {
    count == 0 || fold < count
}
