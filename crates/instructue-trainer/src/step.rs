//! The losses and gradients of one training step.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Int, Tensor, TensorData};
use instructue_features::{Batch, Row, token_budget_batches};
use instructue_losses::grad_cache::{GatheredEmbeddings, MicroBatch, Vectors};
use instructue_losses::{
    Contrastive, ContrastiveInput, ExtraNegatives, Weighting, weighted_next_token_loss,
};
use instructue_model::{InstructUe, Network, TextInput};
use instructue_schema::seed;

use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// The losses of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// The contrastive loss.
    pub contrastive: f64,
    /// The next-token loss: the mean over the answers' tokens.
    pub next_token: f64,
}

impl Losses {
    /// The weighted sum that training minimises.
    pub fn total(&self, config: &TrainConfig) -> f64 {
        config.contrastive_weight * self.contrastive + config.next_token_weight * self.next_token
    }

    /// Refuses a loss that is not finite.
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

/// The rows of one pass as a batch, with the keys that the contrastive loss needs.
#[derive(Debug, Clone)]
struct Pack {
    batch: Batch,
    answer_keys: Vec<u64>,
    other_keys: Vec<u64>,
    weights: Vec<f32>,
}

/// Divides `rows` into passes of at most `slots_per_pass` slots. There is at least one pass per
/// worker if there are enough rows.
fn packs(model: &InstructUe, rows: &[Row], config: &TrainConfig) -> Result<Vec<Pack>> {
    if rows.is_empty() {
        return Err(Error::NoData("a step without rows".into()));
    }
    let layout = model.preprocessor().layout();
    let lengths: Vec<usize> = rows.iter().map(|row| layout.row_slots(row)).collect();
    let tokens: usize = rows
        .iter()
        .flat_map(|r| &r.segments)
        .map(|s| s.answer.len())
        .sum();
    let shares = model.workers().count().min(rows.len());
    // Each part takes every n-th row by length, so that all parts cost the same.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| lengths[row]);
    let shares = (0..shares).map(|share| {
        let rows: Vec<usize> = order.iter().skip(share).step_by(shares).copied().collect();
        let lengths: Vec<usize> = rows.iter().map(|&row| lengths[row]).collect();
        let batches = token_budget_batches(&lengths, config.slots_per_pass, usize::MAX, 0);
        let batches = batches.into_iter();
        batches
            .map(|batch| batch.into_iter().map(|at| rows[at]).collect::<Vec<_>>())
            .collect()
    });
    interleaved(shares.collect())
        .into_iter()
        .map(|indices| {
            let rows: Vec<Row> = indices.iter().map(|&row| rows[row].clone()).collect();
            let batch = Batch::collate(layout, &rows);
            if batch.answer_of.contains(&None) {
                return Err(Error::NoData("an instruction without an answer".into()));
            }
            let keys: Vec<u64> = batch.answers.iter().map(|a| answer_key(a)).collect();
            let answer_of = batch.answer_of.iter().flatten();
            let answer_keys = answer_of.map(|&answer| keys[answer as usize]).collect();
            let other_keys = keys[batch.own_answers..].to_vec();
            // The weights are those of the whole step, so that the passes' losses add up.
            let weights = vec![1.0 / tokens.max(1) as f32; batch.targets.len()];
            debug_assert_eq!(Weighting::Tokens, Weighting::default());
            Ok(Pack {
                batch,
                answer_keys,
                other_keys,
                weights,
            })
        })
        .collect()
}

/// The first of each list, then the second of each, and so on.
fn interleaved<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    (0..longest)
        .flat_map(|_| {
            lists
                .iter_mut()
                .filter_map(Iterator::next)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn answer_key(answer: &[u32]) -> u64 {
    let parts: Vec<u64> = answer.iter().map(|&id| u64::from(id)).collect();
    seed::derive(0, "answer", &parts)
}

/// The vectors of users and answers of one pass, and its share of the next-token loss.
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
    let own = pack.batch.own_answers;
    let others = pack.other_keys.len();
    MicroBatch {
        vectors: Vectors {
            users: output.users,
            others: (others > 0).then(|| texts.clone().narrow(0, own, others)),
            answers: texts.select(0, index),
        },
        extra_loss,
    }
}

fn contrastive_loss(loss: &Contrastive, packs: &[Pack], vectors: Vectors) -> Result<Tensor<1>> {
    let keys = |of: fn(&Pack) -> &[u64]| packs.iter().flat_map(of).copied().collect();
    Ok(loss
        .forward(ContrastiveInput {
            users: vectors.users,
            answers: vectors.answers,
            user_keys: keys(|pack| &pack.batch.user_keys),
            answer_keys: keys(|pack| &pack.answer_keys),
            others: vectors.others.map(|vectors| ExtraNegatives {
                vectors,
                keys: keys(|pack| &pack.other_keys),
            }),
        })?
        .loss)
}

/// Computes the losses without gradients.
///
/// # Errors
/// A loss cannot be computed.
pub fn evaluate(model: &InstructUe, rows: &[Row], config: &TrainConfig) -> Result<Losses> {
    let loss = config.contrastive.config().init()?;
    let packs = packs(model, rows, config)?;
    let passes: Vec<MicroBatch> = model
        .workers()
        .map(packs.iter().collect(), |_, pack| forward(model, pack, true));
    let vectors: Vec<Vectors> = passes.iter().map(|pass| pass.vectors.clone()).collect();
    let vectors = GatheredEmbeddings::new(&vectors)?.vectors();
    let contrastive = contrastive_loss(&loss, &packs, vectors)?;
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

/// Computes the losses and gradients of one step. The gradients are those of the whole step,
/// however it is divided: the passes' vectors are gathered, the contrastive loss over all of them
/// gives each pass its share of the gradient, and each pass is back-propagated on its own. A step
/// with more passes than workers keeps no tape in between and computes each pass again
/// (GradCache).
///
/// `seed` determines all randomness (dropout) of the step.
///
/// # Errors
/// A loss is not finite or cannot be computed.
pub fn gradients(
    model: &InstructUe,
    rows: &[Row],
    config: &TrainConfig,
    step: usize,
) -> Result<(Losses, GradientsParams)> {
    let loss = config.contrastive.config().init()?;
    let packs = packs(model, rows, config)?;
    let workers = model.workers();
    let replicas: Vec<InstructUe> = match workers.count() {
        1 => vec![model.clone()],
        count => (0..count).map(|_| model.replica()).collect(),
    };
    let run = |index: usize, next_token: bool| {
        let parts = [step as u64, index as u64];
        let seed = seed::derive(config.seed, "dropout", &parts);
        model.device().seed(seed);
        forward(&replicas[index % replicas.len()], &packs[index], next_token)
    };
    let kept = packs.len() <= workers.count();
    let all = || (0..packs.len()).collect::<Vec<usize>>();
    let first: Vec<MicroBatch> = workers.map(all(), |_, index| {
        let mut pass = run(index, kept);
        if !kept {
            let cut = Tensor::without_autodiff;
            pass.vectors = Vectors {
                users: cut(pass.vectors.users),
                answers: cut(pass.vectors.answers),
                others: pass.vectors.others.map(cut),
            };
        }
        pass
    });
    let vectors: Vec<Vectors> = first.iter().map(|pass| pass.vectors.clone()).collect();
    let gathered = GatheredEmbeddings::new(&vectors)?;
    drop(vectors);
    let contrastive = contrastive_loss(&loss, &packs, gathered.vectors())?;
    let weighted = contrastive.clone().mul_scalar(config.contrastive_weight);
    let shares = gathered.shares(&mut weighted.backward());

    // The back-propagated loss is weighted; the reported one is not.
    let weight = config.next_token_weight_at(step / config.gradient_accumulation_steps);
    let work = first.into_iter().zip(shares).collect();
    let passes = workers.map(work, |index, (pass, share)| {
        let network = replicas[index % replicas.len()].network();
        let pass = if kept { pass } else { run(index, true) };
        let surrogate = share.surrogate(pass.vectors)?;
        let next_token = pass.extra_loss.clone().map_or(0.0, scalar);
        let extra = pass.extra_loss.map(|loss| loss.mul_scalar(weight));
        let total = [surrogate, extra].into_iter().flatten();
        let gradients = total
            .reduce(|sum, term| sum + term)
            .filter(Tensor::is_tracked)
            .map(|total| GradientsParams::from_grads(total.backward(), network));
        Ok::<_, Error>((next_token, gradients))
    });
    let mut sum = GradientsAccumulator::<Network>::new();
    let mut next_token = 0.0;
    for pass in passes {
        let (loss, gradients) = pass?;
        next_token += loss;
        if let Some(gradients) = gradients {
            sum.accumulate(model.network(), gradients);
        }
    }
    let contrastive = scalar(contrastive);
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
