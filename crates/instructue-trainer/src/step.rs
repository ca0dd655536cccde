//! The losses and gradients of one training step.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Int, Tensor, TensorData};
use instructue_features::{Batch, Row, token_budget_batches};
use instructue_losses::grad_cache::{GatheredEmbeddings, Vectors};
use instructue_model::{InstructUe, Network, TextInput};
use instructue_schema::seed;

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::objective::{Losses, Objective, PassOutput, StepVectors};

/// Slots of texts, answers that is, that are read together.
const TEXT_SLOTS: usize = 512;

/// Rows laid out for one pass, with the keys by which losses tell users and answers apart.
#[derive(Debug, Clone)]
struct Pack {
    batch: Batch,
    answer_keys: Vec<u64>,
    extra_negative_keys: Vec<u64>,
    /// Tokens of all answers of the step.
    step_tokens: usize,
}

/// Divides `rows` into passes of at most `slots_per_pass` slots. There is at least one pass per
/// worker if there are enough rows.
fn packs(model: &InstructUe, rows: &[Row], config: &TrainConfig) -> Result<Vec<Pack>> {
    if rows.is_empty() {
        return Err(Error::NoData("a step without rows".into()));
    }
    if rows.iter().any(|row| row.segments.is_empty()) {
        return Err(Error::NoData("a row without an instruction".into()));
    }
    let layout = model.preprocessor().layout();
    let lengths: Vec<usize> = rows.iter().map(|row| layout.row_slots(row)).collect();
    let tokens: usize = rows
        .iter()
        .flat_map(|r| &r.segments)
        .map(|s| s.answer.len())
        .sum();
    let shares = model.replicas().count().min(rows.len());
    // Each part takes every n-th row by length, so that all parts cost the same.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| lengths[row]);
    let shares = (0..shares).map(|share| {
        let rows: Vec<usize> = order.iter().skip(share).step_by(shares).copied().collect();
        let lengths: Vec<usize> = rows.iter().map(|&row| lengths[row]).collect();
        let batches = token_budget_batches(&lengths, config.batch.slots_per_pass, usize::MAX, 0);
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
            let extra_negative_keys = keys[batch.own_answers..].to_vec();
            Ok(Pack {
                batch,
                answer_keys,
                extra_negative_keys,
                step_tokens: tokens,
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

/// A pass's vectors, and its shares of the losses in the order of the objectives.
struct Pass {
    vectors: Vectors,
    shares: Vec<Option<Tensor<1>>>,
}

/// Vectors of texts, and the row of each among them. Texts of like lengths are read together, so
/// that little of what is computed is padding.
fn text_vectors(model: &InstructUe, texts: &[Vec<u32>]) -> (Tensor<2>, Vec<i64>) {
    let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    let groups = token_budget_batches(&lengths, TEXT_SLOTS, usize::MAX, 0);
    let mut places = vec![0; texts.len()];
    for (place, &text) in (0..).zip(groups.iter().flatten()) {
        places[text] = place;
    }
    let vectors = groups.iter().map(|group| {
        let group: Vec<Vec<u32>> = group.iter().map(|&text| texts[text].clone()).collect();
        let input = TextInput::new(&group, model.device());
        model.network().text_vectors(&input)
    });
    (Tensor::cat(vectors.collect(), 0), places)
}

/// Runs one pass. Without `shares` no objective is asked for its share.
fn forward(
    model: &InstructUe,
    pack: &Pack,
    objectives: &[Box<dyn Objective>],
    shares: bool,
) -> Result<Pass> {
    let network = model.network();
    let input = model.upload(&pack.batch);
    let output = network.forward(&input);
    let device = output.users.device();
    let (texts, places) = text_vectors(model, &pack.batch.answers);
    let select = |texts: Tensor<2>, which: &mut dyn Iterator<Item = usize>| {
        let places: Vec<i64> = which.map(|text| places[text]).collect();
        let count = places.len();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &device);
        texts.select(0, places)
    };
    let own = pack.batch.own_answers;
    let extra = pack.extra_negative_keys.len();
    let mut answers = pack.batch.answer_of.iter().flatten().map(|&at| at as usize);
    let vectors = Vectors {
        users: output.users,
        extra_negatives: (extra > 0).then(|| select(texts.clone(), &mut (own..own + extra))),
        answers: select(texts, &mut answers),
    };
    let shares = match shares {
        true => {
            let pass = PassOutput {
                batch: &pack.batch,
                states: output.states,
                logits: output.logits,
                targets: input.targets,
                step_tokens: pack.step_tokens,
            };
            let of_pass = objectives.iter().map(|objective| objective.of_pass(&pass));
            of_pass.collect::<Result<_>>()?
        }
        false => Vec::new(),
    };
    Ok(Pass { vectors, shares })
}

/// The losses over the vectors of all passes, in the order of the objectives.
fn step_losses(
    objectives: &[Box<dyn Objective>],
    packs: &[Pack],
    vectors: Vectors,
) -> Result<Vec<Option<Tensor<1>>>> {
    let keys = |of: fn(&Pack) -> &[u64]| packs.iter().flat_map(of).copied().collect();
    let step = StepVectors {
        users: vectors.users,
        answers: vectors.answers,
        extra_negatives: vectors.extra_negatives,
        user_keys: keys(|pack| &pack.batch.user_keys),
        answer_keys: keys(|pack| &pack.answer_keys),
        extra_negative_keys: keys(|pack| &pack.extra_negative_keys),
    };
    let of_step = objectives.iter().map(|objective| objective.of_step(&step));
    of_step.collect()
}

/// Computes the losses without gradients.
///
/// # Errors
/// When a loss cannot be computed.
pub fn evaluate(
    model: &InstructUe,
    rows: &[Row],
    objectives: &[Box<dyn Objective>],
    config: &TrainConfig,
) -> Result<Losses> {
    let packs = packs(model, rows, config)?;
    let passes = model.replicas().map(packs.iter().collect(), |_, pack| {
        forward(model, pack, objectives, true)
    });
    let passes: Vec<Pass> = passes.into_iter().collect::<Result<_>>()?;
    let vectors: Vec<Vectors> = passes.iter().map(|pass| pass.vectors.clone()).collect();
    let vectors = GatheredEmbeddings::new(&vectors)?.vectors();
    let mut losses = Losses::default();
    let of_step = step_losses(objectives, &packs, vectors)?;
    let of_passes = passes.into_iter().map(|pass| pass.shares);
    for given in std::iter::once(of_step).chain(of_passes) {
        for (objective, loss) in named(objectives, given)? {
            losses.add(objective.name(), scalar(loss));
        }
    }
    Ok(losses)
}

/// The objectives that gave a loss, with it. A loss has one element.
fn named(
    objectives: &[Box<dyn Objective>],
    losses: Vec<Option<Tensor<1>>>,
) -> Result<Vec<(&dyn Objective, Tensor<1>)>> {
    let pairs = objectives.iter().zip(losses);
    let given = pairs.filter_map(|(objective, loss)| Some((objective.as_ref(), loss?)));
    given
        .map(|(objective, loss)| match loss.dims() {
            [1] => Ok((objective, loss)),
            [found] => {
                let expected = format!("one element of the loss `{}`", objective.name());
                Err(Error::config("objectives", &expected, found))
            }
        })
        .collect()
}

/// Losses and gradients of one step, those of the whole step however it is cut:
/// the passes' vectors are gathered, the losses over all of them give
/// each pass its share of the gradient, and each goes back on its own. A step
/// with more passes than replicas keeps no tape in between and computes each pass
/// again (GradCache).
///
/// The seed of `config` and `step`, counted in batches, fix all randomness (dropout).
///
/// # Errors
/// A loss is not finite or cannot be computed.
pub fn gradients(
    model: &InstructUe,
    rows: &[Row],
    objectives: &[Box<dyn Objective>],
    config: &TrainConfig,
    step: usize,
) -> Result<(Losses, GradientsParams)> {
    let packs = packs(model, rows, config)?;
    let workers = model.replicas();
    let replicas: Vec<InstructUe> = match workers.count() {
        1 => vec![model.clone()],
        count => (0..count).map(|_| model.replica()).collect(),
    };
    let run = |index: usize, shares: bool| {
        let parts = [step as u64, index as u64];
        let seed = seed::derive(config.seed, "dropout", &parts);
        model.device().seed(seed);
        let replica = &replicas[index % replicas.len()];
        forward(replica, &packs[index], objectives, shares)
    };
    let kept = packs.len() <= workers.count();
    let all = || (0..packs.len()).collect::<Vec<usize>>();
    let first = workers.map(all(), |_, index| {
        let mut pass = run(index, kept)?;
        if !kept {
            let cut = Tensor::without_autodiff;
            pass.vectors = Vectors {
                users: cut(pass.vectors.users),
                answers: cut(pass.vectors.answers),
                extra_negatives: pass.vectors.extra_negatives.map(cut),
            };
        }
        Ok::<_, Error>(pass)
    });
    let first: Vec<Pass> = first.into_iter().collect::<Result<_>>()?;
    let vectors: Vec<Vectors> = first.iter().map(|pass| pass.vectors.clone()).collect();
    let gathered = GatheredEmbeddings::new(&vectors)?;
    drop(vectors);
    // What is back-propagated is weighted; what is reported is not.
    let at = step / config.batch.gradient_accumulation_steps;
    let of_step = step_losses(objectives, &packs, gathered.vectors())?;
    let of_step = named(objectives, of_step)?;
    let weighted = of_step.iter().map(|(objective, loss)| {
        let weight = objective.weight_at(at);
        loss.clone().mul_scalar(weight)
    });
    let sum = weighted.reduce(|sum, term| sum + term);
    let mut shares = match sum.filter(Tensor::is_tracked) {
        Some(sum) => gathered
            .shares(&mut sum.backward())
            .into_iter()
            .map(Some)
            .collect(),
        None => Vec::new(),
    };
    shares.resize_with(packs.len(), || None);

    let work = first.into_iter().zip(shares).collect();
    let passes = workers.map(work, |index, (pass, share)| {
        let network = replicas[index % replicas.len()].network();
        let pass = if kept { pass } else { run(index, true)? };
        let surrogate = match share {
            Some(share) => share.surrogate(pass.vectors)?,
            None => None,
        };
        let mut found = Losses::default();
        let mut terms: Vec<Tensor<1>> = surrogate.into_iter().collect();
        for (objective, loss) in named(objectives, pass.shares)? {
            found.add(objective.name(), scalar(loss.clone()));
            terms.push(loss.mul_scalar(objective.weight_at(at)));
        }
        let gradients = terms
            .into_iter()
            .reduce(|sum, term| sum + term)
            .filter(Tensor::is_tracked)
            .map(|total| GradientsParams::from_grads(total.backward(), network));
        Ok::<_, Error>((found, gradients))
    });
    let mut losses = Losses::default();
    let mut sum = GradientsAccumulator::<Network>::new();
    for pass in passes {
        let (found, gradients) = pass?;
        losses.add_share(&found, 1);
        if let Some(gradients) = gradients {
            sum.accumulate(model.network(), gradients);
        }
    }
    // Read last: until here no value of it was waited for.
    for (objective, loss) in of_step {
        losses.add(objective.name(), scalar(loss));
    }
    losses.check(at)?;
    Ok((losses, sum.grads()))
}

fn scalar(loss: Tensor<1>) -> f64 {
    f64::from(loss.into_scalar::<f32>())
}
