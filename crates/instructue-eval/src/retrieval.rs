//! Text → user: does the text of an answer find the user it is true of?

use std::collections::HashMap;

use instructue_schema::Timestamp;
use instructue_schema::seed;

use crate::bootstrap::{Interval, Resamples};
use crate::embedder::{Embedder, Matrix, UserRef, UserVectors};
use crate::error::{Error, Result};
use crate::metrics::{hit_probability, hypergeometric_hit};
use crate::proof::{RecallAt, RetrievalProof};
use crate::prove::{EvaluateOptions, Stage, check_vectors};

/// A true answer of a user to an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whose it is.
    pub user: UserRef,
    /// The question.
    pub instruction: String,
    /// The answer.
    pub answer: String,
}

/// What to search with.
#[derive(Debug, Clone, Copy)]
pub struct RetrievalInput<'a> {
    /// Reference time of the profiles; the answers must be true as of then.
    pub reference: Timestamp,
    /// Answers of test users. Of users with the same answer to the same
    /// instruction each counts as found, so give all that are known.
    pub answers: &'a [Answer],
}

/// What came of searching with answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Searches {
    /// Places in [`RetrievalInput::answers`] of what was searched with.
    pub queries: Vec<usize>,
    /// Per k and query: the probability that a user who gave the answer is among the first k.
    pub hits: Vec<Vec<f64>>,
    /// Per k: the mean over queries of what a random order gives.
    pub chance: Vec<f64>,
}

/// Searches with up to `options.retrieval_queries` answers, drawn by the seed,
/// among all of `users`.
///
/// # Errors
/// Answers of others than `users`, errors of the model, vectors of other shapes
/// than were asked for.
pub fn search(
    input: &RetrievalInput<'_>,
    model: &dyn Embedder,
    users: &[UserRef],
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Stage),
) -> Result<Searches> {
    let plan = plan(input.answers, users, options)?;
    let hits = hits(
        &plan,
        input.reference,
        model,
        "trained",
        users,
        options,
        progress,
    )?;
    Ok(Searches {
        queries: plan.queries.iter().map(|query| query.answer).collect(),
        hits,
        chance: options
            .recall_at
            .iter()
            .map(|&k| plan.chance(users.len(), k))
            .collect(),
    })
}

/// A search: a text against all test users under one instruction.
struct Query {
    answer: usize,
    instruction: usize,
    text: usize,
    relevant: Vec<usize>,
}

struct Plan {
    instructions: Vec<String>,
    texts: Vec<String>,
    queries: Vec<Query>,
}

impl Plan {
    fn chance(&self, users: usize, k: usize) -> f64 {
        let each = self.queries.iter();
        let each = each.map(|query| hypergeometric_hit(users, query.relevant.len(), k));
        each.sum::<f64>() / self.queries.len() as f64
    }
}

/// What one model finds.
fn hits(
    plan: &Plan,
    reference: Timestamp,
    model: &dyn Embedder,
    name: &'static str,
    users: &[UserRef],
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Stage),
) -> Result<Vec<Vec<f64>>> {
    let failed = |source| Error::Model {
        model: name,
        source,
    };
    let instructions: Vec<_> = plan.instructions.iter().cloned().map(Some).collect();
    let vectors = model
        .embed_users(users, reference, &instructions, &mut |done, total| {
            progress(Stage::Embedding {
                model: name,
                done,
                total,
            });
        })
        .map_err(failed)?;
    check_vectors(&vectors, instructions.len(), users.len(), name)?;
    let texts = model.embed_texts(&plan.texts).map_err(failed)?;
    let width = vectors
        .first()
        .map_or(texts.columns, |first| first.unit.columns);
    check_texts(&texts, plan.texts.len(), width, name)?;
    Ok(found(plan, &vectors, &texts, &options.recall_at))
}

/// Searches with both models among all test users; `None` without answers.
pub(crate) fn retrieve(
    input: &RetrievalInput<'_>,
    trained: &dyn Embedder,
    untrained: &dyn Embedder,
    test: &[UserRef],
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Stage),
) -> Result<Option<RetrievalProof>> {
    let plan = plan(input.answers, test, options)?;
    if plan.queries.is_empty() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for (model, name) in [(trained, "trained"), (untrained, "untrained")] {
        let reference = input.reference;
        all.push(hits(
            &plan, reference, model, name, test, options, progress,
        )?);
    }
    let n = plan.queries.len();
    let resamples = Resamples {
        n,
        seed: seed::derive(options.seed, "retrieval bootstrap", &[]),
        count: options.resamples,
    };
    let weights: Vec<Vec<u32>> = (0..options.resamples)
        .map(|b| resamples.weights(b))
        .collect();
    let interval = |values: &[f64]| {
        let mean = |weights: &[u32]| {
            let sum: f64 = weights
                .iter()
                .zip(values)
                .map(|(&w, v)| f64::from(w) * v)
                .sum();
            sum / n as f64
        };
        let draws: Vec<f64> = weights.iter().map(|weights| mean(weights)).collect();
        Interval::from_draws(mean(&vec![1; n]), &draws, options.confidence)
    };
    let mut recall = Vec::new();
    for (at, &k) in options.recall_at.iter().enumerate() {
        let (trained, untrained) = (&all[0][at], &all[1][at]);
        let difference: Vec<f64> = trained.iter().zip(untrained).map(|(t, u)| t - u).collect();
        let (Some(trained), Some(untrained), Some(difference)) = (
            interval(trained),
            interval(untrained),
            interval(&difference),
        ) else {
            continue;
        };
        let chance = plan.chance(test.len(), k);
        recall.push(RecallAt {
            k,
            trained,
            untrained,
            difference,
            chance,
        });
    }
    let relevant: usize = plan.queries.iter().map(|query| query.relevant.len()).sum();
    Ok(Some(RetrievalProof {
        queries: n,
        instructions: plan.instructions.len(),
        candidates: test.len() as f64,
        relevant: relevant as f64 / n as f64,
        recall,
    }))
}

/// Draws the queries and collects who else gave the same answer.
fn plan(answers: &[Answer], test: &[UserRef], options: &EvaluateOptions) -> Result<Plan> {
    let known: HashMap<&UserRef, usize> = test
        .iter()
        .enumerate()
        .map(|(position, user)| (user, position))
        .collect();
    let mut positions = Vec::with_capacity(answers.len());
    for answer in answers {
        positions.push(known.get(&answer.user).copied().ok_or_else(|| {
            let user = answer.user;
            let found = format!("user {} of shard {}", user.index, user.shard);
            Error::shape("retrieval answers", "answers of test users", found)
        })?);
    }
    // In the order of a hash: the first ones are a random sample.
    let mut order: Vec<usize> = (0..answers.len()).collect();
    order.sort_by_key(|&at| {
        (
            seed::derive(options.seed, "retrieval queries", &[at as u64]),
            at,
        )
    });
    let mut chosen = order;
    chosen.truncate(options.retrieval_queries);
    chosen.sort_unstable();
    let mut plan = Plan {
        instructions: Vec::new(),
        texts: Vec::new(),
        queries: Vec::new(),
    };
    for at in chosen {
        let query = &answers[at];
        let same = answers.iter().zip(&positions).filter(|(other, _)| {
            other.instruction == query.instruction && other.answer == query.answer
        });
        let mut relevant: Vec<usize> = same.map(|(_, &position)| position).collect();
        relevant.sort_unstable();
        relevant.dedup();
        let instruction = intern(&mut plan.instructions, &query.instruction);
        let text = intern(&mut plan.texts, &query.answer);
        plan.queries.push(Query {
            answer: at,
            instruction,
            text,
            relevant,
        });
    }
    Ok(plan)
}

fn intern(texts: &mut Vec<String>, text: &str) -> usize {
    texts
        .iter()
        .position(|other| other == text)
        .unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        })
}

/// Per k, per query: the probability that a relevant user is among the first k.
fn found(plan: &Plan, users: &[UserVectors], texts: &Matrix, ks: &[usize]) -> Vec<Vec<f64>> {
    let mut hits = vec![Vec::with_capacity(plan.queries.len()); ks.len()];
    for query in &plan.queries {
        let vectors = &users[query.instruction].unit;
        let similarities: Vec<f32> = (0..vectors.rows)
            .map(|user| vectors.cosine(user, texts, query.text) as f32)
            .collect();
        for (hits, &k) in hits.iter_mut().zip(ks) {
            hits.push(hit_probability(&similarities, &query.relevant, k));
        }
    }
    hits
}

/// Whether texts are as many as asked for and as wide as users.
pub(crate) fn check_texts(texts: &Matrix, rows: usize, columns: usize, model: &str) -> Result<()> {
    texts.check(&format!("text vectors of the {model} model"))?;
    if (texts.rows, texts.columns) != (rows, columns) {
        return Err(Error::shape(
            format!("text vectors of the {model} model"),
            format!("{rows} × {columns}"),
            format!("{} × {}", texts.rows, texts.columns),
        ));
    }
    Ok(())
}
