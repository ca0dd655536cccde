//! One run: train on a data directory, evaluate, report.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use burn::tensor::Device;
use instructue_eval::Evaluation;
use instructue_fs::{recover, remove_directory, remove_file};
use instructue_model::cache::CacheMetrics;
use instructue_model::{
    AnswerScorer, InstructUe, ModelConfig, Preprocessor, check_scorer_dir, save,
};
use instructue_schema::limits::{self, numbers};
use instructue_trainer::{
    Claim, RUN, RowSource, TrainConfig, TrainData, TrainInput, Trained, objective, train,
};
use instructue_userqa::{Split, UserQa, UserQaConfig};

use crate::answers::{ANSWERS_DIR, AnswerRun, FORECASTS_FILE, Wordings, text_vectors};
use crate::cache::{keep_events, settle_events};
use crate::compute::Compute;
use crate::config::{RunConfig, userqa_config};
use crate::error::Result;
use crate::evaluation::{Finished, evaluate_run};
use crate::names::{CONFIG_FILE, EVALUATION_FILE, MODEL_DIR, REPORT_FILE};
use crate::prepare::{
    Ingested, check_tasks, declared, fit, ingest, references, tell_references, userqa,
};
use crate::pretrained::PretrainedParts;
use crate::watch::Watch;
use instructue_schema::Progress;

/// What a run leaves.
#[derive(Debug)]
pub struct Outcome {
    /// The output directory.
    pub out: PathBuf,
    /// The trained model.
    pub model: InstructUe,
    /// Steps, seconds and the best validation.
    pub steps: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// What was measured on held-out users.
    pub evaluation: Evaluation,
}

/// The model directory that `path` means: itself, or `model` below a run's output.
pub fn model_dir(path: &Path) -> PathBuf {
    let inner = path.join(MODEL_DIR);
    recover(&inner);
    if !path.join(save::MANIFEST).is_file() && inner.is_dir() {
        inner
    } else {
        path.into()
    }
}

/// Trains on `data` (Parquet files, `schema.toml`, and `tasks.toml` if there are
/// downstream tasks) and leaves model, metrics, evaluation and report in `out`, a directory that
/// is empty or that an earlier run made, and that no other run works in.
///
/// # Errors
/// Anything wrong with configuration, data, training or disk; other files in `out`.
pub fn train_userqa(
    data: &Path,
    out: &Path,
    config: &RunConfig,
    compute: &Compute,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<Outcome> {
    config.validate()?;
    // First, so that a wrong path or file does not cost an earlier run's model.
    let (schema, _) = declared(data)?;
    let wordings = Wordings::load(data, &schema)?;
    let encoder = config.answers.encoder.as_deref();
    let vectors = text_vectors(encoder, &mut |s| watch.progress(s))?;
    let claim = Claim::take(out, RUN)?;
    let ingested = ingest(data, &out.join("store"), &mut |s| watch.progress(s))?;
    // Resamples of the test users are held in memory, which is asked before training.
    let resampled = [config.evaluation.resamples as u64, ingested.store.users()];
    limits::product(
        "evaluation.resamples × users",
        &resampled,
        &numbers::RESAMPLED_USERS,
    )?;
    let min_users = config.privacy.min_users;
    check_tasks(&ingested, data, min_users, &mut |s| watch.progress(s))?;
    let run = train_run(&ingested, &claim, config, compute, resume, watch)?;
    let answers = AnswerRun {
        wordings: &wordings,
        vectors: &vectors,
        claim: &claim,
        ingested: &ingested,
        triples: &run.triples,
        userqa: &run.userqa,
        config,
    };
    let answers = match config.answers.enabled {
        true => answers.finish(&mut |step| watch.progress(step))?,
        false => None,
    };
    let finished = Finished {
        data,
        out,
        ingested: &ingested,
        triples: &run.triples,
        userqa: &run.userqa,
        config,
        trained: &run.model,
        untrained: &run.untrained,
        answers: answers.as_ref(),
    };
    let evaluation = evaluate_run(&finished, watch)?;
    settle_events(&run.model, &CacheMetrics::default(), &mut |s| {
        watch.progress(s)
    });
    Ok(Outcome {
        out: out.into(),
        model: run.model,
        steps: run.steps,
        seconds: run.seconds,
        evaluation,
    })
}

/// A trained model with what it was trained on.
pub(crate) struct TrainedRun {
    pub model: InstructUe,
    pub untrained: InstructUe,
    pub triples: UserQa,
    pub userqa: UserQaConfig,
    pub steps: usize,
    pub seconds: f64,
    /// What scores answers beside the model, if it was learned.
    pub answers: Option<AnswerScorer>,
}

/// Everything of [`train_userqa`] between reading the data and the evaluation.
pub(crate) fn train_run(
    ingested: &Ingested,
    claim: &Claim,
    config: &RunConfig,
    compute: &Compute,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<TrainedRun> {
    limits::check([("replicas", numbers::REPLICAS.of(compute.replicas))])?;
    let out = claim.directory();
    let references = references(config, ingested);
    tell_references(&ingested.store, &references, &mut |s| watch.progress(s))?;
    let qa = userqa_config(config, &references, ingested.end);
    qa.validate()?;
    let trained_on = compute.device.clone().autodiff();
    // The factors of LoRA are drawn while a part is read.
    trained_on.seed(config.seed);
    config.pretrained.check_sources(ingested.store.schema())?;
    let pretrained = begin(config, &trained_on, watch)?;
    pretrained.check_lengths(ingested.store.schema())?;
    // From here on an earlier run's model is gone, so what can be wrong was asked before.
    prepare_out(claim, config, resume, watch)?;
    let qa_dir = out.join("userqa");
    let triples = userqa(&ingested.store, &qa, &qa_dir, &mut |s| watch.progress(s))?;
    let preprocessor = fit(
        &ingested.store,
        &triples,
        config,
        &qa,
        &pretrained,
        &mut |s| watch.progress(s),
    )?;
    let train_config = TrainConfig {
        seed: config.seed,
        ..config.train.clone()
    };
    let untrained = first_model(config, preprocessor, &pretrained, &trained_on)?
        .with_replicas(compute.replicas);
    drop(pretrained);
    let untrained = keep_events(untrained, &config.cache, out, &mut |s| watch.progress(s))?;
    let training = TrainData::open(&ingested.path, &qa_dir, Split::Train)?;
    let validation = match TrainData::open(&ingested.path, &qa_dir, Split::Validation) {
        Ok(data) => Some(data),
        // Few users, or a share of none.
        Err(instructue_trainer::Error::NoData(_)) => None,
        Err(error) => return Err(error.into()),
    };
    watch.progress(Progress::Stage { name: "training" });
    let Trained {
        model,
        steps,
        seconds,
        ..
    } = train(
        TrainInput {
            model: untrained.clone(),
            rows: &training,
            validation: validation.as_ref().map(|data| data as &dyn RowSource),
            objectives: &objective::standard(&train_config)?,
            config: &train_config,
            out: claim,
            resume,
            interrupt: watch.interrupt(),
        },
        &mut |event| watch.training(event),
    )?;
    model.save(&out.join(MODEL_DIR))?;
    // A signal that came too late for training still ends the run before its evaluation.
    if watch.interrupt().load(Ordering::Relaxed) {
        return Err(instructue_trainer::Error::Interrupted { step: steps }.into());
    }
    Ok(TrainedRun {
        model,
        untrained,
        triples,
        userqa: qa,
        steps,
        seconds,
        answers: None,
    })
}

/// Makes the output directory ready. A new run replaces what an earlier one left; a resumed
/// one keeps everything, its configuration above all.
fn prepare_out(
    claim: &Claim,
    config: &RunConfig,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<()> {
    let out = claim.directory();
    let (path, checkpoints) = (out.join(CONFIG_FILE), out.join("checkpoints"));
    // What somebody put into the model's directory is found now rather than after training.
    save::check_model_dir(&out.join(MODEL_DIR))?;
    check_scorer_dir(&out.join(ANSWERS_DIR))?;
    if resume && (path.exists() || checkpoints.exists()) {
        return config.check_saved(&path);
    }
    if resume {
        let text = format!("nothing to resume in {}: begins anew", out.display());
        watch.progress(Progress::Note { text });
    } else {
        for stale in ["checkpoints", "best", MODEL_DIR, ANSWERS_DIR] {
            remove_directory(&out.join(stale))?;
        }
        for stale in [EVALUATION_FILE, REPORT_FILE, FORECASTS_FILE] {
            remove_file(&out.join(stale))?;
        }
    }
    Ok(instructue_fs::write(&path, config.to_toml().as_bytes())?)
}

/// Reads the pretrained parts, if the configuration names some.
fn begin(config: &RunConfig, device: &Device, watch: &mut dyn Watch) -> Result<PretrainedParts> {
    let settings = &config.pretrained;
    if !settings.is_none() {
        watch.progress(Progress::Stage {
            name: "reading pretrained weights",
        });
    }
    PretrainedParts::open(settings, device, &mut |step| watch.progress(step))
}

/// The model before its training: of the configured size, around the pretrained
/// parts.
fn first_model(
    config: &RunConfig,
    preprocessor: Preprocessor,
    pretrained: &PretrainedParts,
    device: &Device,
) -> Result<InstructUe> {
    let vocab = preprocessor.tokenizer().vocab_size();
    let encoder_vocab = preprocessor.encoder_tokenizer().vocab_size();
    let mut model = ModelConfig::fresh(config.size, vocab, encoder_vocab);
    model.event_features = config.model.event_features;
    model.summaries = config.model.summaries;
    model.tabular_at_user = config.model.tabular_at_user;
    model.lookup = config.model.lookup;
    model.lexical_matches = config.model.lexical_matches;
    model.answer_bottleneck = config.model.answer_bottleneck;
    model.adapter = config.model.adapter;
    let parts = pretrained.configure(&config.pretrained, &mut model);
    let seed = config.seed;
    Ok(InstructUe::with_parts(
        model,
        preprocessor,
        &parts,
        seed,
        device,
    )?)
}
