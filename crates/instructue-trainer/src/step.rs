//! One step: rows in, losses and gradients out.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Gradients, Int, Tensor, TensorData};
use instructue_data::{Batch, Row, seed, token_budget_batches};
use instructue_losses::grad_cache::{self, MicroBatch, Pass};
use instructue_losses::{Contrastive, ContrastiveInput, Weighting, weighted_next_token_loss};
use instructue_model::{InstructUe, Network, TextInput};

use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// Losses of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// Contrastive.
    pub contrastive: f64,
    /// Next token, the mean over the answers' tokens.
    pub next_token: f64,
}

impl Losses {
    /// The weighted sum that training minimises.
    pub fn total(&self, config: &TrainConfig) -> f64 {
        config.contrastive_weight * self.contrastive + config.next_token_weight * self.next_token
    }

    /// Refuses a loss that is no number.
    pub(crate) fn check(&self, step: usize) -> Result<()> {
        let losses = [
            ("contrastive", self.contrastive),
            ("next-token", self.next_token),
        ];
        match losses.into_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((loss, value)) => Err(Error::NonFiniteLoss {
                step,
                loss,
                value: value as f32,
            }),
        }
    }
}

/// Rows laid out for one pass, with the keys that the contrastive loss needs.
#[derive(Debug, Clone)]
struct Pack {
    batch: Batch,
    answer_keys: Vec<u64>,
    weights: Vec<f32>,
}

/// Cuts `rows` into passes of at most `slots_per_pass` slots.
fn packs(model: &InstructUe, rows: &[Row], config: &TrainConfig) -> Result<Vec<Pack>> {
    if rows.is_empty() {
        return Err(Error::NoData("a step without rows".into()));
    }
    let layout = model.preparation().layout();
    let lengths: Vec<usize> = rows.iter().map(|row| layout.row_slots(row)).collect();
    let tokens: usize = rows
        .iter()
        .flat_map(|r| &r.segments)
        .map(|s| s.answer.len())
        .sum();
    token_budget_batches(&lengths, config.slots_per_pass, usize::MAX, 0)
        .into_iter()
        .map(|indices| {
            let rows: Vec<Row> = indices.iter().map(|&row| rows[row].clone()).collect();
            let batch = Batch::collate(layout, &rows);
            if batch.answer_of.contains(&None) {
                return Err(Error::NoData("an instruction without an answer".into()));
            }
            let answers = rows.iter().flat_map(|row| &row.segments);
            let answer_keys = answers.map(|segment| answer_key(&segment.answer)).collect();
            // Weights of the whole step, so that the passes' losses add up.
            let weights = vec![1.0 / tokens.max(1) as f32; batch.targets.len()];
            debug_assert_eq!(Weighting::Tokens, Weighting::default());
            Ok(Pack {
                batch,
                answer_keys,
                weights,
            })
        })
        .collect()
}

fn answer_key(answer: &[u32]) -> u64 {
    let parts: Vec<u64> = answer.iter().map(|&id| u64::from(id)).collect();
    seed::derive(0, "answer", &parts)
}

/// Vectors of users and answers of one pass, and its share of the next-token loss.
fn forward(model: &InstructUe, pack: &Pack, next_token: bool) -> MicroBatch {
    let network = model.network();
    let input = model.upload(&pack.batch);
    let output = network.forward(&input);
    let device = output.users.device();
    let texts = network.text_vectors(&TextInput::new(&pack.batch.answers, model.device()));
    let index: Vec<i64> = pack
        .batch
        .answer_of
        .iter()
        .map(|answer| i64::from(answer.unwrap_or(0)))
        .collect();
    let count = index.len();
    let index = Tensor::<1, Int>::from_data(TensorData::new(index, [count]), &device);
    let extra_loss = match (next_token, output.logits, input.targets) {
        (true, Some(logits), Some(targets)) => {
            let weights = TensorData::new(pack.weights.clone(), [pack.weights.len()]);
            let weights = Tensor::from_data(weights, &device.clone().inner());
            Some(weighted_next_token_loss(logits, targets, weights))
        }
        _ => None,
    };
    MicroBatch {
        users: output.users,
        answers: texts.select(0, index),
        extra_loss,
    }
}

fn contrastive_loss(
    loss: &Contrastive,
    packs: &[Pack],
    users: Tensor<2>,
    answers: Tensor<2>,
) -> Result<Tensor<1>> {
    let user_keys = packs
        .iter()
        .flat_map(|p| p.batch.user_keys.iter().copied())
        .collect();
    let answer_keys = packs
        .iter()
        .flat_map(|p| p.answer_keys.iter().copied())
        .collect();
    Ok(loss
        .forward(ContrastiveInput {
            users,
            answers,
            user_keys,
            answer_keys,
        })?
        .loss)
}

/// Losses without gradients.
///
/// # Errors
/// When a loss cannot be computed.
pub fn evaluate(model: &InstructUe, rows: &[Row], config: &TrainConfig) -> Result<Losses> {
    let loss = config.contrastive.config().init()?;
    let packs = packs(model, rows, config)?;
    let passes: Vec<MicroBatch> = packs
        .iter()
        .map(|pack| forward(model, pack, true))
        .collect();
    let users = Tensor::cat(passes.iter().map(|p| p.users.clone()).collect(), 0);
    let answers = Tensor::cat(passes.iter().map(|p| p.answers.clone()).collect(), 0);
    let contrastive = contrastive_loss(&loss, &packs, users, answers)?;
    let next_token: f64 = passes
        .into_iter()
        .filter_map(|p| p.extra_loss)
        .map(scalar)
        .sum();
    Ok(Losses {
        contrastive: scalar(contrastive),
        next_token,
    })
}

/// Losses and gradients of one step. A step that does not fit one pass goes
/// through GradCache, whose gradients are those of the whole step.
///
/// `seed` fixes all randomness (dropout) of the step.
///
/// # Errors
/// When a loss is not finite or cannot be computed.
pub fn gradients(
    model: &InstructUe,
    rows: &[Row],
    config: &TrainConfig,
    step: usize,
) -> Result<(Losses, GradientsParams)> {
    let loss = config.contrastive.config().init()?;
    let packs = packs(model, rows, config)?;
    let network = model.network();
    let reseed = |index: usize| {
        let parts = [step as u64, index as u64];
        model
            .device()
            .seed(seed::derive(config.seed, "dropout", &parts));
    };
    let next_token_weight = config.next_token_weight_at(step / config.accumulate);
    let weigh = |loss: Tensor<1>, weight: f64| loss.mul_scalar(weight);
    let mut sum = GradientsAccumulator::<Network>::new();
    let (contrastive, next_token) = if let [pack] = packs.as_slice() {
        reseed(0);
        let pass = forward(model, pack, true);
        let contrastive = contrastive_loss(&loss, &packs, pass.users, pass.answers)?;
        let next_token = pass.extra_loss;
        let mut total = weigh(contrastive.clone(), config.contrastive_weight);
        if let Some(next_token) = &next_token {
            total = total + weigh(next_token.clone(), next_token_weight);
        }
        sum.accumulate(
            network,
            GradientsParams::from_grads(total.backward(), network),
        );
        (scalar(contrastive), next_token.map_or(0.0, scalar))
    } else {
        // What is back-propagated is weighted; what is reported is not.
        let (mut contrastive, mut next_token) = (0.0, 0.0);
        grad_cache::backward(
            &packs,
            |pass, index, pack| {
                reseed(index);
                let mut micro = forward(model, pack, pass == Pass::Replay);
                micro.extra_loss = micro.extra_loss.map(|loss| {
                    next_token += scalar(loss.clone());
                    weigh(loss, next_token_weight)
                });
                Ok::<_, Error>(micro)
            },
            |users, answers| {
                let loss = contrastive_loss(&loss, &packs, users, answers)?;
                contrastive = scalar(loss.clone());
                Ok(weigh(loss, config.contrastive_weight))
            },
            |gradients: Gradients| {
                sum.accumulate(network, GradientsParams::from_grads(gradients, network));
            },
        )?;
        (contrastive, next_token)
    };
    let losses = Losses {
        contrastive,
        next_token,
    };
    losses.check(step)?;
    Ok((losses, sum.grads()))
}

fn scalar(loss: Tensor<1>) -> f64 {
    f64::from(loss.into_scalar::<f32>())
}
