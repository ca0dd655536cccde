//! Few-shot tuning of an instruction (arXiv:2602.14492): the model is frozen, and a few tokens
//! behind the instruction and one prototype per class are learned.
//!
//! Profiles are read once. A step runs only the instruction's tokens behind them.

mod config;
mod data;

use burn::module::{Module, Param};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Tensor;
use instructue_losses::PrototypeConfig;
use instructue_model::{InstructUe, Matrix, SoftPrompt, TunedWeights, UserVectors};
use instructue_schema::seed;

pub use config::TuneConfig;
pub use data::TuneData;

use crate::error::{Error, Result};
use crate::gradients::clip_global_norm;
use data::Group;

/// An event of tuning, for progress displays.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TuneEvent {
    /// Profiles were read.
    Read {
        /// The number of users so far.
        users: usize,
        /// The number of all users.
        total: usize,
    },
    /// A step was done.
    Step {
        /// The step's number, from 1.
        step: usize,
        /// The largest number of steps.
        steps: usize,
        /// The loss before the step.
        loss: f64,
    },
    /// The held-out users were scored.
    Validation {
        /// The number of steps done.
        step: usize,
        /// The loss.
        loss: f64,
        /// The share of users whose class has the highest score.
        accuracy: f64,
    },
}

/// The scores of a soft prompt on some users.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneScores {
    /// The rows of the data.
    pub rows: Vec<usize>,
    /// The class probabilities, `[rows, classes]`, flat.
    pub scores: Vec<f32>,
    /// The mean cross-entropy.
    pub loss: f64,
    /// The share of users whose class has the highest score.
    pub accuracy: f64,
}

impl TuneScores {
    /// Computes loss and accuracy of the scores, `[rows, classes]`, of some rows of the data.
    ///
    /// # Panics
    /// If the number of scores does not fit, or the data have no such row.
    pub fn new(data: &TuneData, rows: Vec<usize>, scores: Vec<f32>) -> Self {
        let classes = data.classes.len();
        assert_eq!(scores.len(), rows.len() * classes, "scores of all rows");
        let (mut loss, mut right) = (0.0, 0);
        for (scores, &row) in scores.chunks(classes).zip(&rows) {
            let own = scores[data.labels[row]];
            loss -= f64::from(own.max(f32::MIN_POSITIVE)).ln();
            let better = scores.iter().filter(|&&score| score >= own);
            right += usize::from(better.count() == 1);
            if scores.iter().any(|score| !score.is_finite()) {
                loss = f64::NAN;
            }
        }
        Self {
            loss: loss / rows.len() as f64,
            accuracy: right as f64 / rows.len() as f64,
            rows,
            scores,
        }
    }
}

/// The result of tuning.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The tokens and prototypes of the best step.
    pub tuned: SoftPrompt,
    /// The number of steps done.
    pub steps: usize,
    /// The step of the lowest validation loss. 0 is the start, where prototypes are the classes'
    /// mean vectors.
    pub best_step: usize,
    /// The scores of the training users.
    pub train: TuneScores,
    /// The scores of the users that chose the best step.
    pub validation: TuneScores,
}

/// Tunes an instruction of `model` on labelled users. `model` itself does not change. The same
/// seed gives the same result.
///
/// # Errors
/// An invalid configuration, labels that do not fit, an empty instruction, or a loss or gradient
/// that is not finite.
pub fn tune(
    model: &InstructUe,
    data: &TuneData,
    config: &TuneConfig,
    watch: &mut dyn FnMut(TuneEvent),
) -> Result<Tuning> {
    config.validate()?;
    data.check()?;
    let loss_of = PrototypeConfig::new().with_temperature(config.temperature);
    let loss_of = loss_of.init()?;
    let model = model.for_tuning();
    let classes = data.classes.clone();
    let start = model.tuned(
        &data.instruction,
        classes,
        config.tokens,
        config.temperature,
    )?;

    let sides = data.split(config);
    let (mut left, mut users) = (config.cache_bytes, 0);
    let total = data.profiles.len();
    let mut read = |rows: &[usize]| {
        Group::of(&model, data, rows, config, &mut left, &mut |count| {
            users += count;
            watch(TuneEvent::Read { users, total });
        })
    };
    let (train, held) = (read(&sides[0])?, read(&sides[1])?);

    let mut units = Matrix::zeros(0, model.width());
    for group in &train {
        let found = embed(&model, data, group, &start)?;
        units.rows += found.unit.rows;
        units.values.extend(found.unit.values);
    }
    let labels = train.iter().flat_map(|group| group.labels.iter().copied());
    let labels: Vec<usize> = labels.collect();
    let mut tuned = start.with_class_means(&units, &labels);
    let mut weights = trainable(tuned.weights());
    let mut best = (0, check(&model, data, &held, &tuned)?, tuned.clone());
    finite(best.1.loss, 0, "validation")?;
    let mut optimizer = AdamWConfig::new()
        .with_weight_decay(config.weight_decay as f32)
        .init();
    let (mut steps, mut stale) = (0, 0);
    while steps < config.steps && (config.patience == 0 || stale < config.patience) {
        let group = &train[group_at(steps, train.len(), config.seed)];
        let profiles = group.profiles(&model, data)?;
        let users = model.tuned_users(&profiles, &tuned, weights.tokens.val())?;
        let loss = loss_of.forward(users, weights.prototypes.val(), &group.labels)?;
        let value = f64::from(loss.clone().into_scalar::<f32>());
        finite(value, steps, "prototype")?;
        let mut gradients = GradientsParams::from_grads(loss.backward(), &weights);
        clip_global_norm(&weights, &mut gradients, 1.0, config.clip_norm).map_err(|parameter| {
            Error::NonFiniteGradient {
                step: steps,
                parameter,
            }
        })?;
        let rate = ModuleLearningRate::from(config.learning_rate_at(steps));
        weights = optimizer.step(rate, weights, gradients);
        steps += 1;
        watch(TuneEvent::Step {
            step: steps,
            steps: config.steps,
            loss: value,
        });
        if steps == config.steps || steps.is_multiple_of(config.validate_every) {
            tuned = tuned.with_weights(weights.valid());
            let scores = check(&model, data, &held, &tuned)?;
            finite(scores.loss, steps, "validation")?;
            watch(TuneEvent::Validation {
                step: steps,
                loss: scores.loss,
                accuracy: scores.accuracy,
            });
            if scores.loss < best.1.loss {
                best = (steps, scores, tuned.clone());
                stale = 0;
            } else {
                stale += 1;
            }
        }
    }
    let (best_step, validation, tuned) = best;
    Ok(Tuning {
        train: check(&model, data, &train, &tuned)?,
        tuned,
        steps,
        best_step,
        validation,
    })
}

/// The group of a step: all `count` groups in turn, in another order each time.
fn group_at(step: usize, count: usize, seed: u64) -> usize {
    let mut order: Vec<usize> = (0..count).collect();
    let mut rng = seed::rng(seed, "tune order", &[(step / count) as u64]);
    seed::shuffle(&mut order, &mut rng);
    order[step % count]
}

fn trainable(weights: &TunedWeights) -> TunedWeights {
    let leaf = |param: &Param<Tensor<2>>| Param::from_tensor(param.val().autodiff());
    TunedWeights {
        tokens: leaf(&weights.tokens),
        prototypes: leaf(&weights.prototypes),
    }
}

fn embed(
    model: &InstructUe,
    data: &TuneData,
    group: &Group,
    tuned: &SoftPrompt,
) -> Result<UserVectors> {
    let profiles = group.profiles(model, data)?;
    Ok(model.embed_tuned(&profiles, tuned)?)
}

/// Computes the scores of all users of these groups.
fn check(
    model: &InstructUe,
    data: &TuneData,
    groups: &[Group],
    tuned: &SoftPrompt,
) -> Result<TuneScores> {
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    for group in groups {
        rows.extend(&group.rows);
        scores.extend(tuned.scores(&embed(model, data, group, tuned)?));
    }
    Ok(TuneScores::new(data, rows, scores))
}

fn finite(value: f64, step: usize, loss: &'static str) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    let value = value as f32;
    Err(Error::NonFiniteLoss {
        step,
        loss: loss.into(),
        value,
    })
}
