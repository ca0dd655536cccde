//! The training loop, from the first step or a checkpoint to the best model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::ParamGroup;
use burn::optim::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::optim::{AdamWConfig, GradientsAccumulator, ModuleOptimizer};
use instructue_features::Row;
use instructue_fs::{Claim, clear_leftovers, remove_directory};
use instructue_model::cache::{CacheMetrics, VectorCache};
use instructue_model::{InstructUe, Network};

use crate::checkpoint::{self, State};
use crate::config::{BatchConfig, TrainConfig};
use crate::error::{Error, Result};
use crate::gradients::clip_global_norm;
use crate::metrics::{Metrics, MetricsSink, Phase};
use crate::objective::{Losses, Objective, check_names};
use crate::rows::{RowSource, ahead};
use crate::step::{evaluate, gradients};

/// The kind under which the directory of [`train`] is claimed with [`Claim::take`].
pub const RUN: &str = "run";

/// An event of a run, for progress displays.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training resumes from a checkpoint.
    Resumed {
        /// The checkpoint.
        path: &'a Path,
        /// The number of steps already done.
        step: usize,
    },
    /// A checkpoint is damaged, and an older one is tried.
    Damaged {
        /// The checkpoint.
        path: &'a Path,
        /// The damage.
        reason: String,
    },
    /// A training or validation line was written.
    Metrics {
        /// The line.
        metrics: &'a Metrics,
        /// The number of steps of the whole run.
        steps: usize,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// The checkpoint.
        path: &'a Path,
    },
    /// Training ends early, because validation no longer improves.
    EarlyStop {
        /// The step of the best validation.
        best_step: usize,
    },
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model of the best validation; without validation that of the last step.
    pub model: InstructUe,
    /// The number of steps done.
    pub steps: usize,
    /// The lowest validation loss, rounded to f32, and its step.
    pub best: Option<(f64, usize)>,
    /// The seconds of training, over all resumed parts.
    pub seconds: f64,
}

/// What a training run is made of.
#[derive(Debug)]
pub struct TrainInput<'a> {
    /// The model, on an autodiff device.
    pub model: InstructUe,
    /// What it is trained on.
    pub rows: &'a dyn RowSource,
    /// What it is validated on.
    pub validation: Option<&'a dyn RowSource>,
    /// The losses; [`objective::standard`](crate::objective::standard) are the method's.
    pub objectives: &'a [Box<dyn Objective>],
    /// How.
    pub config: &'a TrainConfig,
    /// Where metrics, checkpoints and the best weights go: a directory that is claimed as
    /// [`RUN`]. Nothing else is removed or overwritten.
    pub out: &'a Claim,
    /// Whether to go on from the newest whole checkpoint in `out`. Without it, what an
    /// earlier run left there is replaced.
    pub resume: bool,
    /// Set it to true from anywhere, such as a signal handler: training then ends after the
    /// step at work, with a checkpoint, and [`Error::Interrupted`].
    pub interrupt: &'a AtomicBool,
}

/// Trains a model. A resumed run ends bit-equal to an uninterrupted one on a CPU.
///
/// A model with an event-vector cache ([`InstructUe::with_event_cache`]) uses it here too: frozen
/// encoders then encode each distinct text once. With `resume`, training goes on from the newest
/// undamaged checkpoint, and on a CPU ends bit-equal to an uninterrupted run. Without it, the
/// files of an earlier run are replaced.
///
/// Burn's CPU backend has one random generator per process. So two trainings with dropout that
/// run at the same time in one process disturb each other's replay: each still trains, but
/// neither can be repeated bit by bit.
///
/// # Errors
/// A configuration that makes no sense, a decoder whose own weights are to be
/// trained in half precision, unreadable data, a checkpoint of another run, a loss
/// or gradient that is not finite, a disk that does not take a file, or an interrupt.
pub fn train(input: TrainInput<'_>, watch: &mut dyn FnMut(Event<'_>)) -> Result<Trained> {
    let TrainInput {
        model,
        rows: data,
        validation,
        objectives,
        config,
        out,
        resume,
        interrupt,
    } = input;
    config.validate()?;
    check_names(objectives)?;
    for source in [Some(data), validation].into_iter().flatten() {
        if source.units() == 0 {
            return Err(Error::NoData("a source without a unit".into()));
        }
    }
    let dir = out.directory();
    let checkpoints = dir.join("checkpoints");
    let best_dir = dir.join("best");
    let mut optimizer = optimizer(config);
    // The process has one random generator, and parallel passes would draw from it in any order.
    let workers = match model.config().has_dropout() {
        true => 1,
        false => model.replicas().count(),
    };
    let mut model = model.for_training()?.with_replicas(workers);
    let mut state = State::start(
        config,
        objectives,
        model.config(),
        data.fingerprint(),
        validation.map(RowSource::fingerprint),
    );
    // A killed run may have left temporary files, which nothing may use again.
    clear_leftovers(dir);
    clear_leftovers(&checkpoints);
    let found = match resume {
        true => newest_whole(&checkpoints, &model, config, &state, watch)?,
        false => {
            // Otherwise later steps of the older run would be taken for the newest of this one.
            remove_directory(&checkpoints)?;
            remove_directory(&best_dir)?;
            None
        }
    };
    if let Some((path, restored)) = found {
        let cache = model.event_cache_config().cloned();
        (model, optimizer, state) = restored;
        // A kill may have come after the newest checkpoint was written and before the oldest was
        // removed. If the newest is damaged, the older ones are needed.
        if checkpoint::list(&checkpoints)?.last() == Some(&path) {
            checkpoint::prune(&checkpoints, config.checkpoint.keep)?;
        }
        // The checkpoint's encoders may differ from those that the model came with.
        if let Some(cache) = cache.filter(|_| model.event_caches().is_empty()) {
            model = model.with_event_cache(&cache)?;
        }
        watch(Event::Resumed {
            path: &path,
            step: state.step,
        });
    }
    let mut sink = MetricsSink::open(dir, state.step)?;
    let preprocessor = Arc::new(model.preprocessor().clone());
    let held = match validation {
        Some(held) if config.validation.every > 0 && config.validation.users > 0 => {
            validation_rows(held, preprocessor.clone(), config)?
        }
        _ => Vec::new(),
    };
    // Each optimizer step takes `gradient_accumulation_steps` steps of data.
    let parts = config.batch.gradient_accumulation_steps;
    let rows = data.open(preprocessor, config)?;
    let steps = ahead(rows, state.step * parts, config.steps * parts);
    let before = state.seconds;
    let started = Instant::now();
    let no_longer_improves =
        |state: &State| config.validation.patience > 0 && state.stale >= config.validation.patience;
    // A run that stopped early stays stopped when it is resumed.
    while state.step < config.steps && !no_longer_improves(&state) {
        let clock = Instant::now();
        let known = model.event_cache_metrics();
        let mut users = 0;
        let mut losses = Losses::default();
        let mut sum = GradientsAccumulator::<Network>::new();
        for part in 0..parts {
            let rows = steps.recv().map_err(|_| {
                Error::NoData("the thread that prepares batches has stopped".into())
            })??;
            let number = state.step * parts + part;
            let (one, gradients) = gradients(&model, &rows, objectives, config, number)?;
            users += rows.len();
            losses.add_share(&one, parts);
            sum.accumulate(model.network(), gradients);
        }
        let mut gradients = sum.grads();
        let share = 1.0 / parts as f64;
        let norm = clip_global_norm(
            model.network(),
            &mut gradients,
            share,
            config.optimizer.clip_norm,
        )
        .map_err(|parameter| Error::NonFiniteGradient {
            step: state.step,
            parameter,
        })?;
        let rate = config.learning_rate_at(state.step);
        let rates = learning_rates(&model, rate, config);
        let network = optimizer.step(rates, model.network().clone(), gradients);
        model = model.stepped(network);
        state.step += 1;
        state.seconds = before + started.elapsed().as_secs_f64();
        let metrics = Metrics {
            step: state.step,
            phase: Phase::Train,
            loss: losses.total(objectives),
            losses,
            learning_rate: Some(rate),
            gradient_norm: Some(norm),
            users_per_second: Some(users as f64 / clock.elapsed().as_secs_f64()),
            event_hit_rate: hit_rate(&model, known),
            seconds: state.seconds,
        };
        sink.write(&metrics)?;
        watch(Event::Metrics {
            metrics: &metrics,
            steps: config.steps,
        });

        let last = state.step == config.steps;
        if !held.is_empty() && (last || state.step.is_multiple_of(config.validation.every)) {
            let metrics = validate(&model, &held, objectives, config, &state)?;
            sink.write(&metrics)?;
            watch(Event::Metrics {
                metrics: &metrics,
                steps: config.steps,
            });
            // The comparison is as exact as losses are: JSON may lose the last bit of an f64.
            let loss = f64::from(metrics.loss as f32);
            if state.best.is_none_or(|(best, _)| loss < best) {
                state.best = Some((loss, state.step));
                state.stale = 0;
                model.save(&best_dir)?;
            } else {
                state.stale += 1;
            }
        }
        let stop = no_longer_improves(&state);
        // Behind the last step, too: what comes after training is then left to a resumed run.
        let interrupted = interrupt.load(Ordering::Relaxed);
        let due = config.checkpoint.every > 0 && state.step.is_multiple_of(config.checkpoint.every);
        if due || last || stop || interrupted {
            // What a resumed run will ask for again.
            model.event_caches().iter().for_each(VectorCache::keep);
            let path = checkpoint::write(
                &checkpoints,
                model.network(),
                &optimizer,
                &state,
                config.checkpoint.keep,
            )?;
            watch(Event::Checkpoint { path: &path });
        }
        if interrupted {
            return Err(Error::Interrupted { step: state.step });
        }
        if stop {
            let best_step = state.best.map_or(state.step, |(_, step)| step);
            watch(Event::EarlyStop { best_step });
            break;
        }
    }
    let best = match state.best {
        Some((_, step)) if step < state.step => {
            let best = InstructUe::load(&best_dir, model.device())?;
            best.with_replicas(workers).with_event_cache_of(&model)
        }
        _ => model,
    };
    Ok(Trained {
        model: best,
        steps: state.step,
        best: state.best,
        seconds: state.seconds,
    })
}

/// Reads the newest undamaged checkpoint. A checkpoint of another run is an error and is not
/// skipped. If all checkpoints are damaged, that is an error too.
fn newest_whole(
    checkpoints: &Path,
    model: &InstructUe,
    config: &TrainConfig,
    expected: &State,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Option<(PathBuf, Restored)>> {
    let mut first = None;
    for path in checkpoint::list(checkpoints)?.into_iter().rev() {
        match checkpoint::read(&path, model.clone(), optimizer(config), expected) {
            Ok(restored) => return Ok(Some((path, restored))),
            Err(error) if error.is_damage() => {
                let reason = error.to_string();
                watch(Event::Damaged {
                    path: &path,
                    reason,
                });
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    first.map_or(Ok(None), Err)
}

/// The content of a checkpoint.
type Restored = (InstructUe, ModuleOptimizer, State);

/// The share of event texts that needed no encoding since `known`.
fn hit_rate(model: &InstructUe, known: Option<CacheMetrics>) -> Option<f64> {
    let since = model.event_cache_metrics()?.since(&known?);
    since.hit_rate()
}

fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_beta_1(config.optimizer.beta1 as f32)
        .with_beta_2(config.optimizer.beta2 as f32)
        .with_epsilon(config.optimizer.epsilon as f32)
        .with_weight_decay(config.optimizer.weight_decay as f32)
        .init()
}

/// `rate` for new parameters, and the same share of the other peak for pretrained ones.
fn learning_rates(model: &InstructUe, rate: f64, config: &TrainConfig) -> ModuleLearningRate {
    let mut rates = ModuleLrScheduler::new(rate);
    let of_pretrained =
        rate * config.optimizer.pretrained_learning_rate / config.optimizer.learning_rate;
    let model_config = model.config();
    let pretrained = model_config.pretrained.clone().unwrap_or_default();
    let network = model.network();
    if pretrained.backbone.is_some() {
        let decoder = ParamGroup::ids_from_module(network.backbone().clone());
        rates = rates.with_group(decoder, of_pretrained);
    }
    for (index, encoder) in network.encoders().iter().enumerate() {
        if model_config.has_pretrained_encoder(index) {
            let encoder = ParamGroup::ids_from_module(encoder.clone());
            rates = rates.with_group(encoder, of_pretrained);
        }
    }
    rates.step()
}

/// The rows for validation, which are the same during the whole run.
fn validation_rows(
    data: &dyn RowSource,
    preprocessor: Arc<instructue_model::Preprocessor>,
    config: &TrainConfig,
) -> Result<Vec<Vec<Row>>> {
    let config = TrainConfig {
        batch: BatchConfig {
            instruction_dropout: 0.0,
            event_replacement: 0.0,
            ..config.batch.clone()
        },
        ..config.clone()
    };
    let mut batches = data.open(preprocessor, &config)?;
    let per_step = config.batch.users_per_step.min(data.units());
    let steps = config
        .validation
        .users
        .div_ceil(per_step)
        .min(batches.steps_per_epoch());
    (0..steps).map(|step| batches.step(step)).collect()
}

fn validate(
    model: &InstructUe,
    steps: &[Vec<Row>],
    objectives: &[Box<dyn Objective>],
    config: &TrainConfig,
    state: &State,
) -> Result<Metrics> {
    let model = model.frozen();
    let known = model.event_cache_metrics();
    let mut mean = Losses::default();
    for rows in steps {
        let losses = evaluate(&model, rows, objectives, config)?;
        mean.add_share(&losses, steps.len());
    }
    mean.check(state.step)?;
    Ok(Metrics {
        step: state.step,
        phase: Phase::Validation,
        loss: mean.total(objectives),
        losses: mean,
        learning_rate: None,
        gradient_norm: None,
        users_per_second: None,
        event_hit_rate: hit_rate(&model, known),
        seconds: state.seconds,
    })
}
