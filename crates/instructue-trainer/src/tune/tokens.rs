//! The learning of tokens and prototypes, step by step.

use burn::module::{Module, Param};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Tensor;
use instructue_losses::PrototypeConfig;
use instructue_model::{InstructUe, SoftPrompt, TunedWeights};
use instructue_schema::{Matrix, Progress, UserVectors, seed};

use super::config::TuneConfig;
use super::data::{Group, TuneData};
use super::result::{TuneScores, Tuning};
use crate::error::{Error, Result};
use crate::gradients::clip_global_norm;

/// Validations from one remark to the next.
const NOTE_EVERY: usize = 5;

/// Learns tokens and prototypes of an instruction on labelled users; `tune` also fits
/// what reads the classes. `model` itself does not change. The same seed gives the same result.
///
/// # Errors
/// An invalid configuration, labels that do not fit, an empty instruction, or a loss or gradient
/// that is not finite.
pub fn learn_tokens(
    model: &InstructUe,
    data: &TuneData,
    config: &TuneConfig,
    watch: &mut dyn FnMut(Progress),
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

    watch(Progress::Stage {
        name: "reading profiles",
    });
    let sides = data.split(config);
    let (mut left, mut users) = (config.cache_bytes, 0);
    let total = data.profiles.len();
    let mut read = |rows: &[usize]| {
        Group::of(&model, data, rows, config, &mut left, &mut |count| {
            users += count;
            watch(Progress::of(users, total));
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
    let (mut losses, mut validations) = (Vec::new(), Vec::new());
    watch(Progress::Stage { name: "tuning" });
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
        losses.push(value);
        watch(Progress::of(steps, config.steps));
        if steps == config.steps || steps.is_multiple_of(config.validate_every) {
            tuned = tuned.with_weights(weights.valid());
            let scores = check(&model, data, &held, &tuned)?;
            finite(scores.loss, steps, "validation")?;
            validations.push(scores.loss);
            if steps.is_multiple_of(NOTE_EVERY * config.validate_every) {
                let TuneScores { loss, accuracy, .. } = &scores;
                watch(Progress::note(format!(
                    "step {steps}: validation loss {loss:.3}, accuracy {accuracy:.3}"
                )));
            }
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
        losses,
        validations,
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
