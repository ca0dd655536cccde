//! The proof: every task with the matched, no, a wrong and a reworded
//! instruction, against an untrained model and against counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use instructue_schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{CONFIDENCE, RESAMPLES};
use crate::cross_validation::CrossValidation;
use crate::date::format_time;
use crate::embedder::{Embedder, Matrix, UserRef, UserVectors, distinct_instructions};
use crate::error::{BoxError, Error, Result};
use crate::map::Map2d;
use crate::measure::{ArmDraws, average, map_of, measure, summarise, zero_shot};
use crate::proof::{Arm, Evaluation, PROOF_FORMAT, Tally, TaskProof};
use crate::retrieval::{RetrievalInput, retrieve};
use crate::tasks::{Task, TaskSet};

/// How a proof is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateOptions {
    /// Seed of folds, resamples and the sample of queries.
    pub seed: u64,
    /// Bootstrap resamples.
    pub resamples: usize,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Choice of the penalty; its seed is derived from `seed`.
    pub cross_validation: CrossValidation,
    /// A task is left out with fewer test users of a class.
    pub least_per_class: usize,
    /// At most so many answers are searched with.
    pub retrieval_queries: usize,
    /// The k of recall@k.
    pub recall_at: Vec<usize>,
    /// Points kept per ROC curve.
    pub roc_points: usize,
    /// The task whose labels colour the map; default: the first that is not left out.
    pub map_task: Option<String>,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            resamples: RESAMPLES,
            confidence: CONFIDENCE,
            cross_validation: CrossValidation::default(),
            least_per_class: 5,
            retrieval_queries: 500,
            recall_at: vec![1, 10],
            roc_points: 200,
            map_task: None,
        }
    }
}

/// The labels of one task: one per training user and one per test user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLabels {
    /// Of the training users.
    pub train: Vec<Option<bool>>,
    /// Of the test users.
    pub test: Vec<Option<bool>>,
}

/// A baseline's inputs for users at a reference time, one row per user.
pub type CountsFn<'a> = dyn Fn(&[UserRef], Timestamp) -> Result<Matrix, BoxError> + 'a;

/// What a proof is made from.
pub struct EvaluateInput<'a> {
    /// The tasks.
    pub tasks: &'a TaskSet,
    /// Their labels ([`label_all`](crate::label_all)), in the same order.
    pub labels: &'a [TaskLabels],
    /// The model to prove.
    pub trained: &'a dyn Embedder,
    /// The same model before training.
    pub untrained: &'a dyn Embedder,
    /// Users that the model and the probes may have been trained on.
    pub train: &'a [UserRef],
    /// Users that neither has seen.
    pub test: &'a [UserRef],
    /// The baseline ([`count_matrix`](crate::count_matrix)).
    pub counts: &'a CountsFn<'a>,
    /// Answers to search with.
    pub retrieval: Option<RetrievalInput<'a>>,
    /// How.
    pub options: EvaluateOptions,
    /// Takes what is being done.
    pub progress: &'a mut dyn FnMut(Stage),
}

/// What [`prove`] is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// A model embeds users.
    Embedding {
        /// `trained` or `untrained`.
        model: &'static str,
        /// Users done in this call.
        done: usize,
        /// Users in this call.
        total: usize,
    },
    /// Probes are fitted.
    Probing {
        /// Tasks done.
        done: usize,
        /// Tasks in all.
        total: usize,
    },
}

/// A task with the users that count in it, as rows of the group's matrices.
pub(crate) struct Part {
    pub index: usize,
    pub train_rows: Vec<usize>,
    pub train_labels: Vec<bool>,
    pub test_rows: Vec<usize>,
    pub test_labels: Vec<bool>,
    /// Positions among all test users.
    pub test_positions: Vec<usize>,
}

/// What a model says about the users of one reference time.
pub(crate) struct Group {
    pub trained: HashMap<Option<String>, UserVectors>,
    pub untrained: HashMap<Option<String>, UserVectors>,
    pub counts: Matrix,
}

/// Trains probes on the training users' vectors, measures them on the test
/// users, and compares the arms on the same bootstrap resamples.
///
/// Per reference time and model there is one call of [`Embedder::embed_users`]
/// with all instructions. Penalties are chosen on training users alone.
///
/// # Errors
/// Sizes that do not agree, users in both parts, errors of the models and of
/// the closure, probes that cannot be fitted. A task with too few users of a
/// class is no error: its [`TaskProof::skipped`] says why.
pub fn prove(mut input: EvaluateInput<'_>) -> Result<Evaluation> {
    check(&input)?;
    let tasks = &input.tasks.tasks;
    let mut proofs: Vec<TaskProof> = Vec::with_capacity(tasks.len());
    let mut groups: BTreeMap<Timestamp, Vec<usize>> = BTreeMap::new();
    for (index, task) in tasks.iter().enumerate() {
        let proof = empty_proof(&input, index, task);
        if proof.skipped.is_none() {
            groups
                .entry(input.tasks.reference_of(task))
                .or_default()
                .push(index);
        }
        proofs.push(proof);
    }
    let total = groups.values().map(Vec::len).sum();
    let mut draws: Vec<BTreeMap<Arm, ArmDraws>> = Vec::new();
    let mut map = Map2d::default();
    let map_task = match &input.options.map_task {
        Some(name) => tasks.iter().position(|task| task.name == *name),
        None => proofs.iter().position(|proof| proof.skipped.is_none()),
    };
    let mut done = 0;
    for (&reference, members) in &groups {
        let (users, parts) = parts(&input, members);
        let group = embed(&mut input, reference, members, &users)?;
        for part in &parts {
            (input.progress)(Stage::Probing { done, total });
            let measured = measure(&input, &group, part)?;
            let proof = &mut proofs[part.index];
            proof.zero_shot = zero_shot(&input, &group, part)?;
            if map_task == Some(part.index) {
                map = map_of(&tasks[part.index], &group, part)?;
            }
            draws.push(summarise(proof, measured, input.options.confidence));
            done += 1;
            (input.progress)(Stage::Probing { done, total });
        }
    }
    let average = average(&draws, input.options.confidence);
    let retrieval = match &input.retrieval {
        Some(retrieval) => retrieve(
            retrieval,
            input.trained,
            input.untrained,
            input.test,
            &input.options,
            input.progress,
        )?,
        None => None,
    };
    Ok(Evaluation {
        format: PROOF_FORMAT,
        options: input.options,
        train_users: input.train.len(),
        test_users: input.test.len(),
        tasks: proofs,
        average,
        retrieval,
        map,
    })
}

fn check(input: &EvaluateInput<'_>) -> Result<()> {
    let options = &input.options;
    if options.resamples == 0 {
        let found = "0".to_owned();
        return Err(Error::Option {
            option: "resamples",
            expected: "at least 1",
            found,
        });
    }
    if !(options.confidence > 0.0 && options.confidence < 1.0) {
        let found = options.confidence.to_string();
        return Err(Error::Option {
            option: "confidence",
            expected: "between 0 and 1",
            found,
        });
    }
    if let Some(name) = options
        .map_task
        .as_ref()
        .filter(|name| input.tasks.task(name).is_none())
    {
        let found = format!("`{name}`");
        return Err(Error::Option {
            option: "map_task",
            expected: "the name of a task",
            found,
        });
    }
    if input.labels.len() != input.tasks.tasks.len() {
        return Err(Error::shape(
            "labels",
            input.tasks.tasks.len(),
            input.labels.len(),
        ));
    }
    for (task, labels) in input.tasks.tasks.iter().zip(input.labels) {
        let parts = [
            ("train", &labels.train, input.train),
            ("test", &labels.test, input.test),
        ];
        for (part, labels, users) in parts {
            if labels.len() != users.len() {
                let what = format!("{part} labels of task `{}`", task.name);
                return Err(Error::shape(what, users.len(), labels.len()));
            }
        }
    }
    let train: BTreeSet<_> = input.train.iter().collect();
    match input.test.iter().find(|user| train.contains(user)) {
        Some(&UserRef { shard, index }) => Err(Error::Overlap { shard, index }),
        None => Ok(()),
    }
}

fn tally(labels: &[Option<bool>]) -> Tally {
    Tally {
        users: labels.iter().flatten().count(),
        positives: labels.iter().flatten().filter(|&&label| label).count(),
    }
}

fn empty_proof(input: &EvaluateInput<'_>, index: usize, task: &Task) -> TaskProof {
    let (train, test) = (
        tally(&input.labels[index].train),
        tally(&input.labels[index].test),
    );
    let options = &input.options;
    let parts = [
        ("training", train, options.cross_validation.folds),
        ("test", test, options.least_per_class.max(1)),
    ];
    let skipped = parts.into_iter().find_map(|(part, Tally { users, positives }, needed)| {
        let negatives = users - positives;
        (positives.min(negatives) < needed).then(|| {
            format!(
                "needs {needed} {part} users of each class, found {positives} positive and {negatives} negative"
            )
        })
    });
    TaskProof {
        name: task.name.clone(),
        instruction: task.instruction.clone(),
        reference: format_time(input.tasks.reference_of(task)),
        train,
        test,
        skipped,
        arms: Vec::new(),
        reworded: None,
        differences: Vec::new(),
        zero_shot: None,
    }
}

/// The users that count in any of the tasks, and each task's rows among them.
fn parts(input: &EvaluateInput<'_>, members: &[usize]) -> (Vec<UserRef>, Vec<Part>) {
    let side = |users: &[UserRef], labels: &dyn Fn(usize) -> Vec<Option<bool>>, first: usize| {
        let labels: Vec<_> = members.iter().map(|&index| labels(index)).collect();
        let wanted = |at: &usize| labels.iter().any(|labels| labels[*at].is_some());
        let kept: Vec<usize> = (0..users.len()).filter(wanted).collect();
        let tasks: Vec<(Vec<usize>, Vec<bool>, Vec<usize>)> = labels
            .iter()
            .map(|labels| {
                let mut task = (Vec::new(), Vec::new(), Vec::new());
                for (row, &at) in kept.iter().enumerate() {
                    if let Some(label) = labels[at] {
                        task.0.push(first + row);
                        task.1.push(label);
                        task.2.push(at);
                    }
                }
                task
            })
            .collect();
        (kept.iter().map(|&at| users[at]).collect::<Vec<_>>(), tasks)
    };
    let (mut users, train) = side(input.train, &|index| input.labels[index].train.clone(), 0);
    let (more, test) = side(
        input.test,
        &|index| input.labels[index].test.clone(),
        users.len(),
    );
    users.extend(more);
    let parts = members
        .iter()
        .zip(train)
        .zip(test)
        .map(|((&index, train), test)| Part {
            index,
            train_rows: train.0,
            train_labels: train.1,
            test_rows: test.0,
            test_labels: test.1,
            test_positions: test.2,
        });
    (users, parts.collect())
}

/// Vectors of every instruction the tasks need, in one call per model.
fn embed(
    input: &mut EvaluateInput<'_>,
    reference: Timestamp,
    members: &[usize],
    users: &[UserRef],
) -> Result<Group> {
    let tasks = &input.tasks.tasks;
    let own = |&index: &usize| Some(tasks[index].instruction.as_str());
    let matched = distinct_instructions(members.iter().map(own));
    let mut texts = vec![None];
    for &index in members {
        let task = &tasks[index];
        texts.extend([
            Some(task.instruction.as_str()),
            Some(input.tasks.wrong_of(index)),
        ]);
        texts.extend(task.reworded.iter().map(|text| Some(text.as_str())));
    }
    let all = distinct_instructions(texts);
    let mut run = |model: &dyn Embedder, name, instructions: Vec<Option<String>>| {
        let vectors = model
            .embed_users(users, reference, &instructions, &mut |done, total| {
                (input.progress)(Stage::Embedding {
                    model: name,
                    done,
                    total,
                });
            })
            .map_err(|source| Error::Model {
                model: name,
                source,
            })?;
        check_vectors(&vectors, instructions.len(), users.len(), name)?;
        Ok::<_, Error>(instructions.into_iter().zip(vectors).collect())
    };
    let trained = run(input.trained, "trained", all)?;
    let untrained = run(input.untrained, "untrained", matched)?;
    let counts = (input.counts)(users, reference).map_err(|source| Error::Caller {
        what: "counts",
        source,
    })?;
    counts.check("counts")?;
    if counts.rows != users.len() {
        return Err(Error::shape("counts: rows", users.len(), counts.rows));
    }
    Ok(Group {
        trained,
        untrained,
        counts,
    })
}

/// Whether there are finite vectors for each instruction, with one row per user
/// and one width per kind.
pub(crate) fn check_vectors(
    vectors: &[UserVectors],
    instructions: usize,
    users: usize,
    model: &str,
) -> Result<()> {
    let what = format!("vectors of the {model} model");
    if vectors.len() != instructions {
        return Err(Error::shape(
            format!("{what}: instructions"),
            instructions,
            vectors.len(),
        ));
    }
    let kinds: [fn(&UserVectors) -> &Matrix; 3] =
        [|all| &all.unit, |all| &all.state, |all| &all.numbers];
    for kind in kinds {
        let columns = vectors.first().map_or(0, |first| kind(first).columns);
        for matrix in vectors.iter().map(kind) {
            matrix.check(&what)?;
            if matrix.rows != users || matrix.columns != columns {
                let found = format!("{} × {}", matrix.rows, matrix.columns);
                return Err(Error::shape(what, format!("{users} × {columns}"), found));
            }
        }
    }
    Ok(())
}
