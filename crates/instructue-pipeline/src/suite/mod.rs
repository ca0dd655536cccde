//! Evaluation of quality over folds: our model, its ablations and what one would use
//! instead, on the same users ([`evaluate_suite`]).

mod aware;
mod baselines;
mod bench;
mod declare;
mod exchange;
mod few_shot;
mod fold;
mod kept;
mod paths;
mod plan;
mod probes;
mod recommend;
mod rules;
mod search;
mod stores;
mod summary;
mod write;

use std::path::Path;
use std::time::Instant;

use instructue_eval::suite::SuiteProof;
use instructue_fs::read_text;
use instructue_store::UserStore;
use instructue_trainer::{Claim, RUN};

use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::prepare::{Ingested, Stage};
use crate::run::{CONFIG_FILE, TrainedRun, Watch, train_run};
use crate::suite::baselines::baselines;
use crate::suite::bench::Bench;
use crate::suite::exchange::{OwnVectors, write_plan};
use crate::suite::fold::FoldResult;
use crate::suite::paths::Paths;
use crate::suite::plan::Plan;
use crate::suite::stores::{Histories, Noisy, noisy_stores, without};
use crate::suite::summary::Found;
use crate::suite::write::{note_opened, write};

pub use declare::{
    FewShotSettings, LookalikeSettings, Noise, Recommendation, Suite, Variant, WHOLE,
};
pub use write::SUITE_REPORT;

/// Runs the baselines on the exchange directory that it is given.
pub type RunBaselines<'a> = dyn FnMut(&Path) -> Result<()> + 'a;

/// What of a suite is run.
pub struct SuiteRun<'a> {
    /// Where everything goes; what an earlier run left there is used.
    pub out: &'a Path,
    /// Whether models with one thing changed are trained, too.
    pub variants: bool,
    /// Runs the baselines on an exchange directory; without one, what is there is used.
    pub baselines: Option<&'a mut RunBaselines<'a>>,
    /// Names and values for the report: machine, versions.
    pub facts: Vec<(String, String)>,
}

/// Runs a suite: trains a model per fold, measures it and the baselines on the
/// fold's test users, and writes `evaluation.json` and `proof.html`. Everything that is
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
) -> Result<SuiteProof> {
    let paths = Paths::new(run.out)?;
    let plan = Plan::new(suite, &paths, &mut |stage| watch.stage(stage))?;
    let noisy = noisy_stores(suite, &plan, &paths, watch)?;
    let written = write_plan(suite, &plan, &noisy, &paths.exchange())?;
    let models = Models {
        suite,
        plan: &plan,
        paths: &paths,
        noisy: &noisy,
    };
    let mut found = Found {
        suite,
        plan: &plan,
        whole: models.whole(watch)?,
        baselines: Vec::new(),
        variants: Vec::new(),
        left_out: Vec::new(),
    };
    if let Some(command) = &mut run.baselines {
        watch.stage(Stage::Begin { name: "baselines" });
        command(&paths.exchange())?;
    }
    watch.stage(Stage::Begin {
        name: "measuring baselines",
    });
    for fold in 0..suite.folds_run() {
        let kept = paths.result("baselines", fold);
        let measured = baselines(suite, &plan, &written, &kept, fold)?;
        found.baselines.push(measured);
        watch.stage(Stage::Progress {
            done: fold as u64 + 1,
            total: suite.folds_run() as u64,
        });
    }
    let mut proof = write(&found, run, &paths, watch)?;
    for variant in suite.variants.iter().filter(|_| run.variants) {
        match models.variant(variant, watch) {
            Ok(folds) => found.variants.push((variant, folds)),
            // Weights of others may not be at hand; the rest of the suite is.
            Err(error @ Error::Hub(_)) => {
                found.left_out.push(format!("{}: {error}", variant.title));
            }
            Err(error) => return Err(error),
        }
        proof = write(&found, run, &paths, watch)?;
    }
    Ok(proof)
}

/// What every model of a suite is trained and measured on.
struct Models<'a> {
    suite: &'a Suite,
    plan: &'a Plan,
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
            watch.stage(Stage::Note { text });
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
            watch.stage(Stage::Note { text });
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
        train_run(ingested, &claim, &config, same, watch)
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
        let key = fold::key(self.suite, run, whole)?;
        let path = self.paths.result(name, fold);
        if let Some(found) = kept::load(&path, &key) {
            return Ok(found);
        }
        watch.stage(Stage::Begin { name: "measuring" });
        let start = Instant::now();
        let bench = Bench::new(self.suite, self.plan, histories, run, fold);
        let mut result = FoldResult {
            train_seconds: run.seconds,
            ..FoldResult::default()
        };
        match whole {
            true => self.measure_whole(&bench, &mut result, watch)?,
            false => {
                for group in bench.groups() {
                    let vectors = probes::embed_group(&bench, &group, false, watch)?;
                    probes::probes(&bench, &group, &vectors, None, &mut result)?;
                }
            }
        }
        result.evaluate_seconds = start.elapsed().as_secs_f64();
        kept::save(&path, &key, &result)?;
        note_opened(self.paths, name, fold)?;
        Ok(result)
    }

    fn measure_whole(
        &self,
        bench: &Bench<'_>,
        result: &mut FoldResult,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let suite = self.suite;
        let mut own = OwnVectors::default();
        let groups = bench.groups();
        for group in &groups {
            let vectors = probes::embed_group(bench, group, true, watch)?;
            let before = probes::embed_untrained(bench, group, watch)?;
            let fitted = probes::probes(bench, group, &vectors, Some(&before), result)?;
            probes::beside_counts(bench, group, &vectors, result, &mut own)?;
            if in_first(bench.fold, suite.noise.folds) {
                let clean = (&vectors, &fitted);
                probes::under_noise(bench, group, self.noisy, clean, result, watch)?;
            }
            aware::gradients(bench, group, &fitted, result)?;
            search::searches(bench, group, &vectors, result)?;
            if in_first(bench.fold, suite.few_shot.folds) {
                few_shot::few_shot(bench, group, &vectors, result)?;
            }
        }
        own.save(&self.paths.own_vectors(bench.fold))?;
        recommend::recommend(bench, result, watch)?;
        aware::awareness(bench, &groups, result, watch)?;
        aware::retrieval(bench, result, watch)
    }
}

/// Whether a fold is among the first `count`; 0: all are.
fn in_first(fold: usize, count: usize) -> bool {
    count == 0 || fold < count
}
