//! Text → user: does the text of an answer find the user it is true of?

use std::collections::HashMap;

use instructue_schema::{Matrix, Timestamp, UserRef, UserVectors, seed};

use crate::embedder::Embedder;
use crate::error::{Error, Result};
use crate::fold::embed::{check_vectors, embed_texts};
use crate::fold::input::{Answer, FoldInput, RetrievalInput};
use crate::fold::result::{FoldResult, SearchSize, Valued};
use crate::methods::Arm;
use crate::options::EvaluateOptions;
use crate::study::Study;
use instructue_metrics::{hit_probability, hypergeometric_hit};
use instructue_schema::Progress;

/// Searches with up to `retrieval_queries` answers, drawn by the seed, among a fold's
/// test users, with the trained and the untrained model.
///
/// # Errors
/// Answers of others than test users, errors of the models, vectors of other shapes
/// than were asked for.
pub(crate) fn retrieval(
    study: &Study<'_>,
    fold: &FoldInput<'_>,
    input: &RetrievalInput,
    out: &mut FoldResult,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let options = &study.options;
    let test = &study.folds[fold.number].test;
    let found = test
        .iter()
        .filter_map(|&user| Some((user, fold.users[user]?)));
    let (places, test): (Vec<usize>, Vec<UserRef>) = found.unzip();
    let plan = plan(&input.answers, &test, options)?;
    if plan.queries.is_empty() {
        return Ok(());
    }
    let models = [
        (Arm::Matched, "trained", Some(fold.trained)),
        (Arm::Untrained, "untrained", fold.untrained),
    ];
    let users: Vec<usize> = plan
        .queries
        .iter()
        .map(|query| places[query.user])
        .collect();
    for (arm, name, model) in models {
        let Some(model) = model else { continue };
        let hits = hits(
            &plan,
            input.reference,
            (model, name),
            &test,
            options,
            progress,
        )?;
        for (&k, hits) in options.recall_at.iter().zip(hits) {
            let values = Valued::new(&input.kind, &recall_at(k), arm.id(), &users, hits);
            out.values.push(values);
        }
    }
    let relevant: usize = plan.queries.iter().map(|query| query.relevant.len()).sum();
    let ks = options.recall_at.iter();
    out.searches.push(SearchSize {
        kind: input.kind.clone(),
        queries: plan.queries.len(),
        instructions: plan.instructions.len(),
        candidates: test.len(),
        relevant: relevant as f64 / plan.queries.len() as f64,
        chance: ks.map(|&k| (k, plan.chance(test.len(), k))).collect(),
    });
    Ok(())
}

/// The name of recall among the first k.
pub(crate) fn recall_at(k: usize) -> String {
    format!("recall@{k}")
}

/// A search: a text against all test users under one instruction.
struct Query {
    /// Place among the users that are searched in.
    user: usize,
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

/// What one model finds: per k and query the probability of a hit.
fn hits(
    plan: &Plan,
    reference: Timestamp,
    (model, name): (&dyn Embedder, &'static str),
    users: &[UserRef],
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Vec<f64>>> {
    let instructions: Vec<_> = plan.instructions.iter().cloned().map(Some).collect();
    let vectors = model.embed_users(users, reference, &instructions, progress);
    let vectors = vectors.map_err(|source| Error::Model {
        model: name,
        source,
    })?;
    check_vectors(&vectors, instructions.len(), users.len(), name)?;
    let width = vectors.first().map_or(0, |first| first.unit.columns);
    let texts = embed_texts(model, name, &plan.texts, width)?;
    Ok(found(plan, &vectors, &texts, &options.recall_at))
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
            user: positions[at],
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
