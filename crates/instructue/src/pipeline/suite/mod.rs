//! Proof of quality over folds: our model, its ablations and what one would use
//! instead, on the same users ([`prove_suite`]).

mod aware;
mod baselines;
mod claims;
mod declare;
mod exchange;
mod fold;
mod plan;
mod summary;
mod uses;

use std::path::{Path, PathBuf};
use std::time::Instant;

use instructue_data::{IngestOptions, UserStore};
use instructue_eval::suite::SuiteProof;
use instructue_eval::{NoiseKind, write_noisy, write_suite_report};
use instructue_schema::{Schema, SourceKind};

use crate::pipeline::config::RunConfig;
use crate::pipeline::error::{Error, Result};
use crate::pipeline::prepare::{Ingested, Stage};
use crate::pipeline::run::{CONFIG_FILE, MODEL_DIR, TrainedRun, Watch, train_run};
use crate::pipeline::suite::baselines::{BaselineFold, baselines};
use crate::pipeline::suite::exchange::{EXCHANGE_DIR, OwnVectors, write_plan};
use crate::pipeline::suite::fold::{Bench, FoldResult, Histories, probes, under_noise};
use crate::pipeline::suite::plan::Plan;
use crate::pipeline::suite::summary::{Found, summarise};

pub use declare::{
    FewShotSettings, LookalikeSettings, Noise, Recommendation, Suite, Variant, WHOLE,
};

/// The proof's page.
pub const SUITE_REPORT: &str = "proof.html";
/// One line per set of models whose test parts were looked at.
const OPENED_FILE: &str = "opened.txt";

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
/// fold's test users, and writes `proof.json` and `proof.html`. Everything that is
/// finished is kept, so a killed run goes on.
///
/// The report is written as soon as the whole model is measured and again with
/// each further part.
///
/// # Errors
/// Anything wrong with the suite, the data, training, the baselines' files or disk.
pub fn prove_suite(
    suite: &Suite,
    run: &mut SuiteRun<'_>,
    watch: &mut dyn Watch,
) -> Result<SuiteProof> {
    let out = run.out;
    std::fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let plan = Plan::new(suite, out, &mut |stage| watch.stage(stage))?;
    let noisy = noisy_stores(suite, &plan, out, watch)?;
    let noise: Vec<(String, PathBuf)> = noisy
        .iter()
        .map(|(name, _)| (name.clone(), noise_dir(out, name)))
        .collect();
    let clean = Histories::new(UserStore::open(&plan.ingested.path)?, &plan.users)?;
    let exchange = out.join(EXCHANGE_DIR);
    write_plan(suite, &plan, &noise, &exchange)?;
    let mut whole = Vec::new();
    for fold in 0..suite.folds_run() {
        let config = suite.in_fold(&suite.config()?, fold);
        let dir = out.join("runs").join(WHOLE).join(format!("fold-{fold}"));
        note(watch, format!("fold {} of {}", fold + 1, suite.folds_run()));
        let trained = trained(&plan.ingested, &dir, &config, watch)?;
        let path = out
            .join("results")
            .join(WHOLE)
            .join(format!("fold-{fold}.json"));
        whole.push(measured(
            suite,
            &plan,
            &clean,
            &trained,
            fold,
            Some(&noisy),
            &path,
            out,
            watch,
        )?);
    }
    if let Some(command) = &mut run.baselines {
        watch.stage(Stage::Begin { name: "baselines" });
        command(&exchange)?;
    }
    watch.stage(Stage::Begin {
        name: "measuring baselines",
    });
    let mut others = Vec::new();
    for fold in 0..suite.folds_run() {
        let cache = out
            .join("results")
            .join("baselines")
            .join(format!("fold-{fold}.json"));
        others.push(baselines(suite, &plan, fold, out, &cache)?);
        watch.stage(Stage::Progress {
            done: fold as u64 + 1,
            total: suite.folds_run() as u64,
        });
    }
    let mut variants = Vec::new();
    let mut left_out = Vec::new();
    let mut proof = write(
        suite, &plan, run, &whole, &others, &variants, &left_out, watch,
    )?;
    for variant in suite.variants.iter().filter(|_| run.variants) {
        let mut folds = Vec::new();
        for fold in 0..variant.folds.unwrap_or(suite.folds_run()) {
            let config = suite.in_fold(&variant.config(suite)?, fold);
            note(
                watch,
                format!("variant {}, fold {}", variant.name, fold + 1),
            );
            let changed = without(&plan, out, variant, watch)?;
            let dir = out
                .join("runs")
                .join(&variant.name)
                .join(format!("fold-{fold}"));
            let trained = match trained(&changed, &dir, &config, watch) {
                Ok(trained) => trained,
                // Weights of others may not be at hand; the rest of the suite is.
                Err(error @ Error::Hub(_)) => {
                    left_out.push(format!("{}: {error}", variant.title));
                    break;
                }
                Err(error) => return Err(error),
            };
            let name = format!("fold-{fold}.json");
            let path = out.join("results").join(&variant.name).join(name);
            let histories = Histories::new(changed.store, &plan.users)?;
            folds.push(measured(
                suite, &plan, &histories, &trained, fold, None, &path, out, watch,
            )?);
        }
        variants.push((variant, folds));
        proof = write(
            suite, &plan, run, &whole, &others, &variants, &left_out, watch,
        )?;
    }
    Ok(proof)
}

fn note(watch: &mut dyn Watch, text: String) {
    watch.stage(Stage::Note { text });
}

/// The model of a run, trained if it is not there yet.
fn trained(
    ingested: &Ingested,
    dir: &Path,
    config: &RunConfig,
    watch: &mut dyn Watch,
) -> Result<TrainedRun> {
    let saved = dir.join(CONFIG_FILE);
    // A run of another configuration is no beginning of this one.
    let same = std::fs::read_to_string(saved).is_ok_and(|text| text == config.to_toml());
    train_run(ingested, dir, config, same, watch)
}

/// A model's results on a fold, from the file or made now. The whole model is
/// measured by everything, others by their probes.
#[expect(clippy::too_many_arguments)]
fn measured(
    suite: &Suite,
    plan: &Plan,
    histories: &Histories,
    run: &TrainedRun,
    fold: usize,
    noisy: Option<&[(String, Histories)]>,
    path: &Path,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<FoldResult> {
    let key = fold::key(suite, run, noisy.is_some())?;
    if let Some(found) = FoldResult::load(path, &key) {
        return Ok(found);
    }
    watch.stage(Stage::Begin { name: "measuring" });
    let start = Instant::now();
    let bench = Bench::new(suite, plan, histories, run, fold);
    let mut result = FoldResult {
        key,
        train_seconds: run.seconds,
        ..FoldResult::default()
    };
    let mut own = OwnVectors::default();
    let probes = probes(&bench, run, noisy.is_some(), &mut result, &mut own, watch)?;
    if let Some(noisy) = noisy {
        let file = format!("fold-{fold}.vectors.parquet");
        own.save(&out.join(EXCHANGE_DIR).join("ours").join(file))?;
        if in_first(fold, suite.noise.folds) {
            under_noise(&bench, noisy, &probes, &mut result, watch)?;
        }
        uses::searches(&bench, &mut result, watch)?;
        uses::recommend(&bench, &mut result, watch)?;
        aware::awareness(&bench, &mut result, watch)?;
        aware::retrieval(&bench, run, &mut result, watch)?;
        if in_first(fold, suite.few_shot.folds) {
            uses::few_shot(&bench, &mut result, watch)?;
        }
    }
    result.evaluate_seconds = start.elapsed().as_secs_f64();
    result.save(path)?;
    opened(out, path)?;
    Ok(result)
}

/// Whether a fold is among the first `count`; 0: all are.
fn in_first(fold: usize, count: usize) -> bool {
    count == 0 || fold < count
}

/// Notes that the test part of a fold was looked at.
fn opened(out: &Path, path: &Path) -> Result<()> {
    use std::io::Write;
    let file = out.join(OPENED_FILE);
    let line = format!("{}\n", path.strip_prefix(out).unwrap_or(path).display());
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    let written = options
        .open(&file)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|e| Error::io(&file, e))
}

fn noise_dir(out: &Path, name: &str) -> PathBuf {
    out.join("noise").join(name)
}

/// Changed copies of the data, and their users.
fn noisy_stores(
    suite: &Suite,
    plan: &Plan,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<Vec<(String, Histories)>> {
    let noise = &suite.noise;
    let foreign = noise
        .foreign
        .iter()
        .map(|&share| NoiseKind::Foreign { share });
    let shuffled = noise
        .shuffled
        .iter()
        .map(|&share| NoiseKind::Shuffled { share });
    let missing = noise.missing.iter().map(|source| NoiseKind::Missing {
        source: source.clone(),
    });
    let kinds = foreign.chain(shuffled).chain(missing);
    let mut stores = Vec::new();
    for (name, kind) in baselines::conditions(suite).into_iter().zip(kinds) {
        let ingested = changed(plan, out, &name, &kind, suite.seed, watch)?;
        stores.push((name, Histories::new(ingested, &plan.users)?));
    }
    Ok(stores)
}

/// A changed copy of the data, read.
fn changed(
    plan: &Plan,
    out: &Path,
    name: &str,
    kind: &NoiseKind,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<UserStore> {
    let dir = noise_dir(out, name);
    let schema = plan.ingested.store.schema();
    if !dir.is_dir() {
        note(watch, format!("changing events: {name}"));
        write_noisy(schema, &plan.data, &dir, kind, &plan.references(), seed)?;
    }
    let store = out.join("noise").join(format!("{name}-store"));
    let options = IngestOptions::default();
    let (store, _) = UserStore::open_or_ingest(schema, &dir, &store, &options, &mut |_| {})?;
    Ok(store)
}

/// The data as a variant sees them: with fewer sources, or as they are.
fn without(plan: &Plan, out: &Path, variant: &Variant, watch: &mut dyn Watch) -> Result<Ingested> {
    let mut schema = plan.ingested.store.schema().clone();
    let path = match variant.without.is_empty() {
        true => plan.ingested.path.clone(),
        false => out.join("stores").join(&variant.name),
    };
    schema
        .sources
        .retain(|source| !variant.without.contains(&source.name));
    for source in &mut schema.sources {
        source
            .aggregates
            .retain(|one| !variant.without.contains(&one.source));
    }
    // An aggregate of nothing is no source.
    schema.sources.retain(|source| {
        source.kind == SourceKind::Events || source.has_file() || !source.aggregates.is_empty()
    });
    let schema = Schema::from_toml(&schema.to_toml())?;
    let options = IngestOptions::default();
    let (store, _) = UserStore::open_or_ingest(&schema, &plan.data, &path, &options, &mut |_| {})?;
    watch.stage(Stage::Progress { done: 1, total: 1 });
    Ok(Ingested {
        store,
        path,
        tasks: plan.ingested.tasks.clone(),
        end: plan.ingested.end,
    })
}

/// Puts the proof together and writes both files.
#[expect(clippy::too_many_arguments)]
fn write(
    suite: &Suite,
    plan: &Plan,
    run: &SuiteRun<'_>,
    whole: &[FoldResult],
    baselines: &[BaselineFold],
    variants: &[(&Variant, Vec<FoldResult>)],
    left_out: &[String],
    watch: &mut dyn Watch,
) -> Result<SuiteProof> {
    watch.stage(Stage::Begin {
        name: "writing the report",
    });
    let mut proof = summarise(&Found {
        suite,
        plan,
        whole,
        baselines,
        variants,
    })?;
    proof.notes = notes(suite, run, baselines, left_out)?;
    proof.facts = facts(suite, plan, run, whole)?;
    proof.save(&run.out.join(crate::pipeline::PROOF_FILE))?;
    write_suite_report(&run.out.join(SUITE_REPORT), &proof)?;
    Ok(proof)
}

/// What a reader should know.
fn notes(
    suite: &Suite,
    run: &SuiteRun<'_>,
    baselines: &[BaselineFold],
    left_out: &[String],
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let file = run.out.join(OPENED_FILE);
    let opened = std::fs::read_to_string(&file).unwrap_or_default();
    let of_whole = opened
        .lines()
        .filter(|line| line.starts_with(&format!("results/{WHOLE}/")));
    let times = of_whole.count().div_ceil(suite.folds_run());
    notes.push(format!(
        "The test users of the whole model were looked at {times} time{} (each fold once a time).",
        if times == 1 { "" } else { "s" }
    ));
    if baselines.iter().all(|fold| fold.methods.is_empty()) {
        notes.push(
            "No baseline of scripts/baselines was run; only recency, counts and sums stand beside \
             the model."
                .into(),
        );
    }
    if !suite.variants.is_empty() && !run.variants {
        notes.push("Models with one thing changed were not trained in this run.".into());
    }
    notes.extend(left_out.iter().map(|what| format!("Left out: {what}")));
    Ok(notes)
}

fn facts(
    suite: &Suite,
    plan: &Plan,
    run: &SuiteRun<'_>,
    whole: &[FoldResult],
) -> Result<Vec<(String, String)>> {
    let seconds = |of: fn(&FoldResult) -> f64| {
        let sum: f64 = whole.iter().map(of).sum();
        format!("{:.0}", sum / whole.len().max(1) as f64)
    };
    let mut facts = vec![
        ("data".to_owned(), plan.ingested.store.schema().name.clone()),
        ("users".to_owned(), plan.users.len().to_string()),
        (
            "folds".to_owned(),
            format!("{} of {}", suite.folds_run(), suite.folds),
        ),
        ("seed".to_owned(), suite.seed.to_string()),
        (
            "seconds of training per fold".to_owned(),
            seconds(|fold| fold.train_seconds),
        ),
        (
            "seconds of measuring per fold".to_owned(),
            seconds(|fold| fold.evaluate_seconds),
        ),
    ];
    facts.extend(run.facts.iter().cloned());
    facts.extend(crate::pipeline::proof::settings(&suite.config()?));
    Ok(facts)
}

/// A finished model of the whole suite, for whoever wants to use it: fold 0's.
pub fn suite_model(out: &Path) -> PathBuf {
    out.join("runs").join(WHOLE).join("fold-0").join(MODEL_DIR)
}
