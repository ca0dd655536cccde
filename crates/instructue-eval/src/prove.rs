//! The proof: every task with the matched, no, a wrong and a reworded
//! instruction, against an untrained model and against counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use instructue_data::seed;
use instructue_schema::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{CONFIDENCE, Interval, RESAMPLES, Resamples};
use crate::cross_validation::CrossValidation;
use crate::date::format_time;
use crate::embedder::{Embedder, Matrix, UserRef};
use crate::error::{BoxError, Error, Result};
use crate::map::Map2d;
use crate::metrics::Ranking;
use crate::probe::{LogisticRegression, log_loss};
use crate::proof::{
    Arm, ArmResult, Average, COMPARISONS, Difference, PROOF_FORMAT, Proof, Score, Tally, TaskProof,
    ZeroShot,
};
use crate::retrieval::{RetrievalInput, check_texts, retrieve};
use crate::tasks::{Task, TaskSet};

/// How a proof is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProveOptions {
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

impl Default for ProveOptions {
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
pub struct ProveInput<'a> {
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
    pub options: ProveOptions,
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

/// One arm's results on the sample and on every resample.
struct Measured {
    result: ArmResult,
    auc: Vec<f64>,
    ks: Vec<f64>,
}

/// A task with the users that count in it, as rows of the group's matrices.
struct Part {
    index: usize,
    train_rows: Vec<usize>,
    train_labels: Vec<bool>,
    test_rows: Vec<usize>,
    test_labels: Vec<bool>,
    /// Positions among all test users.
    test_positions: Vec<usize>,
}

/// What a model says about the users of one reference time.
struct Group {
    trained: HashMap<Option<String>, Matrix>,
    untrained: HashMap<Option<String>, Matrix>,
    counts: Matrix,
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
pub fn prove(mut input: ProveInput<'_>) -> Result<Proof> {
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
    let mut draws: Vec<Draws> = Vec::new();
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
            let (trained, untrained) = (&group.trained, &group.untrained);
            let proof = &mut proofs[part.index];
            proof.zero_shot = zero_shot(&input, &tasks[part.index], part, trained, untrained)?;
            if map_task == Some(part.index) {
                map = map_of(&tasks[part.index], part, trained)?;
            }
            draws.push(summarise(proof, measured, &input.options));
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
    Ok(Proof {
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

fn check(input: &ProveInput<'_>) -> Result<()> {
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

fn empty_proof(input: &ProveInput<'_>, index: usize, task: &Task) -> TaskProof {
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
fn parts(input: &ProveInput<'_>, members: &[usize]) -> (Vec<UserRef>, Vec<Part>) {
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
    input: &mut ProveInput<'_>,
    reference: Timestamp,
    members: &[usize],
    users: &[UserRef],
) -> Result<Group> {
    let tasks = &input.tasks.tasks;
    let mut matched: Vec<Option<String>> = Vec::new();
    let mut all = vec![None];
    for &index in members {
        let task = &tasks[index];
        let wrong = input.tasks.wrong_of(index);
        push_new(&mut matched, &task.instruction);
        push_new(&mut all, &task.instruction);
        push_new(&mut all, wrong);
        task.reworded
            .iter()
            .for_each(|text| push_new(&mut all, text));
    }
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

fn push_new(instructions: &mut Vec<Option<String>>, text: &str) {
    if !instructions
        .iter()
        .any(|other| other.as_deref() == Some(text))
    {
        instructions.push(Some(text.to_owned()));
    }
}

/// Whether there is one finite matrix per instruction, with one row per user and one width.
pub(crate) fn check_vectors(
    vectors: &[Matrix],
    instructions: usize,
    users: usize,
    model: &str,
) -> Result<()> {
    let what = format!("vectors of the {model} model");
    if vectors.len() != instructions {
        return Err(Error::shape(
            format!("{what}: matrices"),
            instructions,
            vectors.len(),
        ));
    }
    for matrix in vectors {
        matrix.check(&what)?;
        let columns = vectors[0].columns;
        if matrix.rows != users || matrix.columns != columns {
            let found = format!("{} × {}", matrix.rows, matrix.columns);
            return Err(Error::shape(what, format!("{users} × {columns}"), found));
        }
    }
    Ok(())
}

/// Fits and measures every arm of a task.
fn measure(input: &ProveInput<'_>, group: &Group, part: &Part) -> Result<Vec<Measured>> {
    let task = &input.tasks.tasks[part.index];
    let options = &input.options;
    let of = |vectors: &'_ HashMap<Option<String>, Matrix>, text: Option<&str>| {
        vectors
            .get(&text.map(str::to_owned))
            .cloned()
            .unwrap_or_default()
    };
    let matched = of(&group.trained, Some(&task.instruction));
    let both = group.counts.beside(&matched)?;
    let wrong = input.tasks.wrong_of(part.index);
    let mut arms: Vec<(Arm, Option<&str>, Matrix)> = vec![
        (Arm::Matched, Some(&task.instruction), matched.clone()),
        (Arm::Empty, None, of(&group.trained, None)),
        (Arm::Wrong, Some(wrong), of(&group.trained, Some(wrong))),
        (
            Arm::Untrained,
            Some(&task.instruction),
            of(&group.untrained, Some(&task.instruction)),
        ),
        (Arm::Counts, None, group.counts.clone()),
        (Arm::Concatenated, Some(&task.instruction), both),
    ];
    for text in &task.reworded {
        arms.push((Arm::Reworded, Some(text), of(&group.trained, Some(text))));
    }
    // The same folds and resamples for every arm: what is compared is paired.
    let cross_validation = CrossValidation {
        seed: seed::derive(options.seed, "folds", &[part.index as u64]),
        ..options.cross_validation.clone()
    };
    let resamples = Resamples {
        n: input.test.len(),
        seed: seed::derive(options.seed, "test bootstrap", &[]),
        count: options.resamples,
    };
    let fits: Vec<LogisticRegression> = arms
        .par_iter()
        .map(|(_, _, x)| {
            let (fit, _) = cross_validation.fit(&x.select(&part.train_rows), &part.train_labels)?;
            Ok(fit)
        })
        .collect::<Result<_>>()?;
    let test_matched = matched.select(&part.test_rows);
    arms.into_iter()
        .zip(&fits)
        .map(|((arm, instruction, x), fit)| {
            let x = x.select(&part.test_rows);
            let scores = fit.scores(&x)?;
            let ranking = ranking(&scores, &part.test_labels, arm.name())?;
            let pick = |weights: &[u32]| -> Vec<u32> {
                part.test_positions.iter().map(|&at| weights[at]).collect()
            };
            let auc = resamples.draws(|weights| ranking.auc(Some(&pick(weights))));
            let ks = resamples.draws(|weights| ranking.ks(Some(&pick(weights))));
            let other_instruction = matches!(arm, Arm::Empty | Arm::Wrong | Arm::Reworded);
            let matched_probe_auc = if other_instruction {
                ranking_auc(&fits[0].scores(&x)?, &part.test_labels)
            } else {
                None
            };
            let cosine_to_matched = other_instruction.then(|| {
                let sum: f64 = (0..x.rows)
                    .map(|row| x.cosine(row, &test_matched, row))
                    .sum();
                sum / x.rows as f64
            });
            let score = score(&ranking, &auc, &ks, options.confidence, &task.name)?;
            let result = ArmResult {
                arm,
                instruction: instruction.map(str::to_owned),
                features: x.columns,
                l2: fit.l2,
                score,
                log_loss: log_loss(&scores, &part.test_labels),
                lift_at_10_percent: ranking.lift_at(0.1, None),
                cosine_to_matched,
                matched_probe_auc,
                roc: thinned(&ranking.roc_curve(), options.roc_points),
            };
            Ok(Measured { result, auc, ks })
        })
        .collect()
}

fn ranking(scores: &[f64], labels: &[bool], what: &str) -> Result<Ranking> {
    Ranking::new(scores, labels).ok_or_else(|| Error::shape(what, "finite scores", "NaN"))
}

fn ranking_auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    Ranking::new(scores, labels)?.auc(None)
}

fn score(ranking: &Ranking, auc: &[f64], ks: &[f64], confidence: f64, task: &str) -> Result<Score> {
    let interval = |point: Option<f64>, draws| Interval::from_draws(point?, draws, confidence);
    let undefined = || Error::shape(format!("task `{task}`: resamples"), "both classes", "one");
    Ok(Score {
        auc: interval(ranking.auc(None), auc).ok_or_else(undefined)?,
        ks: interval(ranking.ks(None), ks).ok_or_else(undefined)?,
    })
}

/// At most about `most` points of a curve, first and last included.
fn thinned(curve: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let step = curve.len().div_ceil(most.max(2)).max(1);
    let last = curve.len().saturating_sub(1);
    let keep = |at: &usize| at.is_multiple_of(step) || *at == last;
    (0..curve.len()).filter(keep).map(|at| curve[at]).collect()
}

/// The points and draws of each arm of a task: (AUC, KS), then AUC and KS per resample.
type Draws = BTreeMap<Arm, ((f64, f64), Vec<f64>, Vec<f64>)>;

/// Moves the results into the proof and compares arms.
fn summarise(proof: &mut TaskProof, measured: Vec<Measured>, options: &ProveOptions) -> Draws {
    let mut lists: BTreeMap<Arm, Vec<Measured>> = BTreeMap::new();
    for one in measured {
        lists.entry(one.result.arm).or_default().push(one);
    }
    let mut draws = Draws::new();
    for (&arm, list) in &lists {
        let n = list.len() as f64;
        let mean = |of: &dyn Fn(&Measured) -> f64| list.iter().map(of).sum::<f64>() / n;
        let point = (
            mean(&|m| m.result.score.auc.point),
            mean(&|m| m.result.score.ks.point),
        );
        let per_draw = |of: &dyn Fn(&Measured) -> &Vec<f64>| -> Vec<f64> {
            (0..options.resamples)
                .map(|b| list.iter().map(|m| of(m)[b]).sum::<f64>() / n)
                .collect()
        };
        draws.insert(arm, (point, per_draw(&|m| &m.auc), per_draw(&|m| &m.ks)));
    }
    proof.reworded = draws
        .get(&Arm::Reworded)
        .and_then(|d| as_score(d, options.confidence));
    proof.differences = compare(&draws, options.confidence);
    proof.arms = lists
        .into_values()
        .flatten()
        .map(|one| one.result)
        .collect();
    draws
}

fn as_score(draws: &((f64, f64), Vec<f64>, Vec<f64>), confidence: f64) -> Option<Score> {
    let ((auc, ks), auc_draws, ks_draws) = draws;
    Some(Score {
        auc: Interval::from_draws(*auc, auc_draws, confidence)?,
        ks: Interval::from_draws(*ks, ks_draws, confidence)?,
    })
}

fn compare(draws: &Draws, confidence: f64) -> Vec<Difference> {
    let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
    COMPARISONS
        .iter()
        .filter_map(|&(left, right)| {
            let (l, r) = (draws.get(&left)?, draws.get(&right)?);
            let point = (l.0.0 - r.0.0, l.0.1 - r.0.1);
            let difference = (point, minus(&l.1, &r.1), minus(&l.2, &r.2));
            Some(Difference {
                left,
                right,
                score: as_score(&difference, confidence)?,
            })
        })
        .collect()
}

/// Means over tasks. Every task was measured on the same resamples of the test
/// users, so a mean has one value per resample too.
fn average(tasks: &[Draws], confidence: f64) -> Average {
    let Some(first) = tasks.first() else {
        return Average::default();
    };
    let n = tasks.len() as f64;
    let mut draws = Draws::new();
    for (&arm, (_, auc, _)) in first {
        let lists: Vec<_> = tasks.iter().filter_map(|task| task.get(&arm)).collect();
        let mean = |of: &dyn Fn(&((f64, f64), Vec<f64>, Vec<f64>)) -> f64| {
            lists.iter().map(|list| of(list)).sum::<f64>() / n
        };
        let point = (mean(&|list| list.0.0), mean(&|list| list.0.1));
        let auc_draws = (0..auc.len()).map(|b| mean(&|list| list.1[b])).collect();
        let ks_draws = (0..auc.len()).map(|b| mean(&|list| list.2[b])).collect();
        draws.insert(arm, (point, auc_draws, ks_draws));
    }
    Average {
        tasks: tasks.len(),
        arms: Arm::ALL
            .into_iter()
            .filter_map(|arm| Some((arm, as_score(draws.get(&arm)?, confidence)?)))
            .collect(),
        differences: compare(&draws, confidence),
    }
}

/// Scores by cosine with the true answer minus cosine with the false one.
fn zero_shot(
    input: &ProveInput<'_>,
    task: &Task,
    part: &Part,
    trained: &HashMap<Option<String>, Matrix>,
    untrained: &HashMap<Option<String>, Matrix>,
) -> Result<Option<ZeroShot>> {
    let (Some(positive), Some(negative)) = (&task.positive_text, &task.negative_text) else {
        return Ok(None);
    };
    let texts = [positive.clone(), negative.clone()];
    let options = &input.options;
    let resamples = Resamples {
        n: part.test_labels.len(),
        seed: seed::derive(options.seed, "zero-shot bootstrap", &[part.index as u64]),
        count: options.resamples,
    };
    let key = Some(task.instruction.clone());
    let mut points = Vec::new();
    let models = [
        (input.trained, "trained", trained),
        (input.untrained, "untrained", untrained),
    ];
    for (model, name, vectors) in models {
        let Some(vectors) = vectors.get(&key) else {
            return Ok(None);
        };
        let answers = model.embed_texts(&texts).map_err(|source| Error::Model {
            model: name,
            source,
        })?;
        check_texts(&answers, 2, vectors.columns, name)?;
        let cosine = |row, text| vectors.cosine(row, &answers, text);
        let scores: Vec<f64> = part
            .test_rows
            .iter()
            .map(|&row| cosine(row, 0) - cosine(row, 1))
            .collect();
        let ranking = ranking(&scores, &part.test_labels, "zero-shot")?;
        let draws = resamples.draws(|weights| ranking.auc(Some(weights)));
        points.push((ranking.auc(None).unwrap_or(f64::NAN), draws));
    }
    let ((t, trained), (u, untrained)) = (&points[0], &points[1]);
    let difference: Vec<f64> = trained.iter().zip(untrained).map(|(t, u)| t - u).collect();
    let interval = |point, draws: &[f64]| Interval::from_draws(point, draws, options.confidence);
    Ok(
        match (
            interval(*t, trained),
            interval(*u, untrained),
            interval(t - u, &difference),
        ) {
            (Some(trained), Some(untrained), Some(difference)) => Some(ZeroShot {
                trained,
                untrained,
                difference,
            }),
            _ => None,
        },
    )
}

/// The test users under a task's instruction, coloured by its label.
fn map_of(task: &Task, part: &Part, trained: &HashMap<Option<String>, Matrix>) -> Result<Map2d> {
    let Some(vectors) = trained.get(&Some(task.instruction.clone())) else {
        return Ok(Map2d::default());
    };
    let group = |&label: &bool| if label { "yes" } else { "no" }.to_owned();
    let groups = part.test_labels.iter().map(group).collect();
    Map2d::pca(&vectors.select(&part.test_rows), groups, &task.instruction)
}
