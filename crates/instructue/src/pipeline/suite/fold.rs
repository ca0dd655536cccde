//! One model on the test users of one fold: everything that needs its vectors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use instructue_data::{UserStore, seed};
use instructue_eval::suite::{FoldScores, FoldValues};
use instructue_eval::{
    CrossValidation, Embedder, LogisticRegression, Matrix, UserRef, UserVectors, count_matrix,
};
use instructue_model::InstructUe;
use instructue_schema::{Timestamp, UserId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::pipeline::error::{Error, Result};
use crate::pipeline::prepare::Stage;
use crate::pipeline::run::{TrainedRun, Watch};
use crate::pipeline::store_embedder::StoreEmbedder;
use crate::pipeline::suite::declare::Suite;
use crate::pipeline::suite::exchange::{CLEAN, OwnVectors};
use crate::pipeline::suite::plan::Plan;

/// The layout of a fold's results; another one is made again.
const RESULT_FORMAT: u32 = 1;

/// Names of the methods that are this model.
pub(crate) mod method {
    pub const MATCHED: &str = "matched";
    pub const EMPTY: &str = "empty";
    pub const WRONG: &str = "wrong";
    /// One per wording: `reworded`, then a number.
    pub const REWORDED: &str = "reworded";
    pub const UNTRAINED: &str = "untrained";
    pub const SIMPLE_COUNTS: &str = "simple_counts";
    pub const BESIDE_SIMPLE_COUNTS: &str = "simple_counts_matched";
    /// Cosine with a sentence, general vectors.
    pub const TEXT: &str = "text";
    /// Cosine with a sentence, vectors under the task's instruction.
    pub const TEXT_INSTRUCTED: &str = "text_instructed";
    /// That minus the cosine with the opposite sentence.
    pub const TEXT_CONTRAST: &str = "text_contrast";
}

/// Scores of one method at one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    pub method: String,
    /// Place among the suite's tasks.
    pub task: usize,
    /// `clean`, or the noise; in few-shot tuning the number of labels; of lists
    /// the number of seeds.
    pub condition: String,
    pub scores: FoldScores,
}

/// Values of one kind per user, and what they are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Valued {
    pub kind: String,
    /// A task's name, a recommendation's, or nothing.
    pub of: String,
    pub method: String,
    pub values: FoldValues,
}

/// What a fold leaves of one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoldResult {
    /// What it was made from.
    pub key: String,
    pub scores: Vec<Scored>,
    pub audience: Vec<Scored>,
    pub lookalike: Vec<Scored>,
    pub few_shot: Vec<Scored>,
    pub values: Vec<Valued>,
    /// Shares of variance: user, instruction, interaction.
    pub variance: Option<[f64; 3]>,
    /// Mean cosine with matched vectors, by arm.
    pub cosine: Vec<(String, f64)>,
    /// Per task: how far each source moves the vectors when it is missing, as a share of all.
    pub sources: Vec<(usize, Vec<(String, f64)>)>,
    pub examples: Vec<instructue_eval::suite::Example>,
    /// Inputs of the probes.
    pub width: usize,
    pub train_seconds: f64,
    pub evaluate_seconds: f64,
}

impl FoldResult {
    /// The results in `path` if they were made from `key`.
    pub fn load(path: &Path, key: &str) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let found: Self = serde_json::from_slice(&bytes).ok()?;
        (found.key == key).then_some(found)
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        let parent = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
        let bytes = serde_json::to_vec(self).expect("plain values");
        let partial = path.with_extension("partial");
        std::fs::write(&partial, bytes).map_err(|e| Error::io(&partial, e))?;
        std::fs::rename(&partial, path).map_err(|e| Error::io(path, e))
    }
}

/// The population in a store: as the data are, with changed events, or with other sources.
pub(crate) struct Histories {
    pub store: UserStore,
    /// Per user of the population; none where no event is left.
    pub refs: Vec<Option<UserRef>>,
}

impl Histories {
    pub fn new(store: UserStore, users: &[UserId]) -> Result<Self> {
        let mut places = HashMap::new();
        for shard in 0..store.shards() {
            for (index, user) in store.shard(shard)?.users.into_iter().enumerate() {
                places.insert(user, UserRef { shard, index });
            }
        }
        let refs = users.iter().map(|user| places.get(user).copied()).collect();
        Ok(Self { store, refs })
    }
}

/// Vectors of some users of the population under some instructions.
pub(crate) struct Embedded {
    rows: HashMap<usize, usize>,
    vectors: HashMap<Option<String>, UserVectors>,
}

impl Embedded {
    /// The rows of `users` of what probes read, and where its second block begins.
    pub fn readable(&self, instruction: Option<&str>, users: &[usize]) -> Result<(Matrix, usize)> {
        let places = self.places(users);
        let all = self.of(instruction);
        let some = UserVectors {
            unit: Matrix::default(),
            state: all.state.select(&places),
            numbers: all.numbers.select(&places),
        };
        Ok(some.readable()?)
    }

    /// The rows of `users` in the space of texts.
    pub fn unit(&self, instruction: Option<&str>, users: &[usize]) -> Matrix {
        self.of(instruction).unit.select(&self.places(users))
    }

    fn of(&self, instruction: Option<&str>) -> &UserVectors {
        &self.vectors[&instruction.map(str::to_owned)]
    }

    fn places(&self, users: &[usize]) -> Vec<usize> {
        users.iter().map(|user| self.rows[user]).collect()
    }
}

/// A model on a fold.
pub(crate) struct Bench<'a> {
    pub suite: &'a Suite,
    pub plan: &'a Plan,
    pub fold: usize,
    pub model: StoreEmbedder<'a>,
    pub inner: &'a InstructUe,
    /// What it was trained on.
    pub histories: &'a Histories,
    /// Training with validation users, and test users, as places.
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

/// A task in a fold.
pub(crate) struct Part {
    pub task: usize,
    pub reference: Timestamp,
    pub train: (Vec<usize>, Vec<bool>),
    pub test: (Vec<usize>, Vec<bool>),
}

impl<'a> Bench<'a> {
    pub fn new(
        suite: &'a Suite,
        plan: &'a Plan,
        histories: &'a Histories,
        run: &'a TrainedRun,
        fold: usize,
    ) -> Self {
        Self {
            suite,
            plan,
            fold,
            model: StoreEmbedder::new(&run.model, &histories.store),
            inner: &run.model,
            histories,
            train: plan.side(fold, false),
            test: plan.side(fold, true),
        }
    }

    pub fn parts(&self) -> Vec<Part> {
        let part = |task: usize| Part {
            task,
            reference: self.plan.tasks.reference_of(&self.plan.tasks.tasks[task]),
            train: self.plan.labelled(task, &self.train),
            test: self.plan.labelled(task, &self.test),
        };
        self.plan.measured().map(part).collect()
    }

    pub fn instruction(&self, task: usize) -> &'a str {
        &self.plan.tasks.tasks[task].instruction
    }

    /// The folds of probes are the same for every method, so that they are compared fairly.
    pub fn cross_validation(&self, task: usize) -> CrossValidation {
        cross_validation(self.suite, self.fold, task)
    }

    /// Vectors of `users` of the population by `model`, which reads the store of `refs`.
    pub fn embed(
        &self,
        model: &StoreEmbedder<'_>,
        refs: &[Option<UserRef>],
        users: &[usize],
        reference: Timestamp,
        instructions: Vec<Option<String>>,
        watch: &mut dyn Watch,
    ) -> Result<Embedded> {
        let known: Vec<(usize, UserRef)> = users
            .iter()
            .filter_map(|&user| Some((user, refs[user]?)))
            .collect();
        let found: Vec<UserRef> = known.iter().map(|(_, found)| *found).collect();
        let mut progress = |done: usize, total: usize| {
            watch.stage(Stage::Progress {
                done: done as u64,
                total: total as u64,
            });
        };
        let mut vectors = model
            .embed_users(&found, reference, &instructions, &mut progress)
            .map_err(|source| instructue_eval::Error::Model {
                model: "trained",
                source,
            })?;
        let mut rows: HashMap<usize, usize> = known
            .iter()
            .enumerate()
            .map(|(row, (user, _))| (*user, row))
            .collect();
        // Whoever has no event left is a vector of zeros, which says nothing.
        if known.len() < users.len() {
            for both in &mut vectors {
                for matrix in [&mut both.unit, &mut both.state, &mut both.numbers] {
                    matrix.rows += 1;
                    matrix.values.resize(matrix.rows * matrix.columns, 0.0);
                }
            }
            for user in users {
                rows.entry(*user).or_insert(known.len());
            }
        }
        let vectors = instructions.into_iter().zip(vectors).collect();
        Ok(Embedded { rows, vectors })
    }

    /// Vectors of `users` from the events as they are.
    pub fn embed_clean(
        &self,
        users: &[usize],
        reference: Timestamp,
        instructions: Vec<Option<String>>,
        watch: &mut dyn Watch,
    ) -> Result<Embedded> {
        let refs = &self.histories.refs;
        self.embed(&self.model, refs, users, reference, instructions, watch)
    }
}

/// The folds of the probes of a task.
pub(crate) fn cross_validation(suite: &Suite, fold: usize, task: usize) -> CrossValidation {
    CrossValidation {
        seed: seed::derive(suite.seed, "suite folds", &[fold as u64, task as u64]),
        ..CrossValidation::default()
    }
}

/// Scores of `fit` on `x` as those of a fold.
pub(crate) fn scored(
    method: &str,
    task: usize,
    condition: &str,
    (users, labels): &(Vec<usize>, Vec<bool>),
    scores: Vec<f64>,
) -> Scored {
    Scored {
        method: method.into(),
        task,
        condition: condition.into(),
        scores: FoldScores {
            users: users.iter().map(|&user| user as u32).collect(),
            labels: labels.clone(),
            scores,
        },
    }
}

/// The key of a fold's results: another model, suite or layout makes them again.
pub(crate) fn key(suite: &Suite, run: &TrainedRun, whole: bool) -> Result<String> {
    // Another list of variants is no other measurement of the whole model.
    let mut alone = suite.clone();
    alone.variants.clear();
    let text = toml::to_string(&alone).expect("a suite of plain values");
    let text = match whole {
        true => text,
        // What only the whole model is measured by does not concern a variant.
        false => format!("{} {} {}", suite.name, suite.folds, suite.seed),
    };
    let digest = seed::derive(0, &text, &[u64::from(RESULT_FORMAT)]);
    Ok(format!("{digest:016x}-{}", run.model.digest()?))
}

/// Fitted probes by task, for vectors of other events.
pub(crate) type Probes = BTreeMap<(usize, &'static str), LogisticRegression>;

/// Probes under each kind of instruction, trained and untrained, and beside counts.
pub(crate) fn probes(
    bench: &Bench<'_>,
    run: &TrainedRun,
    whole: bool,
    out: &mut FoldResult,
    own: &mut OwnVectors,
    watch: &mut dyn Watch,
) -> Result<Probes> {
    let plan = bench.plan;
    let parts = bench.parts();
    let mut groups: BTreeMap<Timestamp, Vec<&Part>> = BTreeMap::new();
    for part in &parts {
        groups.entry(part.reference).or_default().push(part);
    }
    let untrained = StoreEmbedder::new(&run.untrained, &bench.histories.store);
    let mut fitted = Probes::new();
    let mut cosines: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (reference, members) in groups {
        let sides = members
            .iter()
            .flat_map(|part| part.train.0.iter().chain(&part.test.0));
        let mut users: Vec<usize> = sides.copied().collect();
        users.sort_unstable();
        users.dedup();
        let mut instructions = vec![None];
        let mut matched = Vec::new();
        for part in &members {
            let task = &plan.tasks.tasks[part.task];
            push_new(&mut matched, &task.instruction);
            push_new(&mut instructions, &task.instruction);
            push_new(&mut instructions, plan.tasks.wrong_of(part.task));
            for text in &task.reworded {
                push_new(&mut instructions, text);
            }
        }
        let trained = bench.embed_clean(&users, reference, instructions, watch)?;
        let mut before = None;
        if whole {
            let refs = &bench.histories.refs;
            before = Some(bench.embed(&untrained, refs, &users, reference, matched, watch)?);
        }
        for part in members {
            let task = &plan.tasks.tasks[part.task];
            let instruction = Some(task.instruction.as_str());
            let mut trials: Vec<(String, &Embedded, Option<&str>)> = vec![
                (method::MATCHED.into(), &trained, instruction),
                (method::EMPTY.into(), &trained, None),
                (
                    method::WRONG.into(),
                    &trained,
                    Some(plan.tasks.wrong_of(part.task)),
                ),
            ];
            for (number, text) in task.reworded.iter().enumerate() {
                let name = format!("{}{}", method::REWORDED, number + 1);
                trials.push((name, &trained, Some(text)));
            }
            if let Some(before) = &before {
                trials.push((method::UNTRAINED.into(), before, instruction));
            }
            let cross_validation = bench.cross_validation(part.task);
            let fits = trials
                .par_iter()
                .map(|(_, vectors, instruction)| {
                    let (x, second) = vectors.readable(*instruction, &part.train.0)?;
                    let fit = cross_validation.fit_blocks(&x, &part.train.1, second)?;
                    let (x, _) = vectors.readable(*instruction, &part.test.0)?;
                    let scores = fit.scores(&x)?;
                    Ok((fit, scores))
                })
                .collect::<Result<Vec<_>>>()?;
            for ((name, _, _), (fit, scores)) in trials.iter().zip(fits) {
                out.width = fit.weights.len();
                out.scores
                    .push(scored(name, part.task, CLEAN, &part.test, scores));
                for kept in [method::MATCHED, method::EMPTY] {
                    if name == kept {
                        fitted.insert((part.task, kept), fit.clone());
                    }
                }
            }
            let unit = trained.unit(instruction, &part.test.0);
            for (name, _, other) in &trials[1..trials.len() - usize::from(whole)] {
                let others = trained.unit(*other, &part.test.0);
                let each = (0..unit.rows).map(|row| unit.cosine(row, &others, row));
                let mean = each.sum::<f64>() / unit.rows.max(1) as f64;
                let arm = name.trim_end_matches(|c: char| c.is_ascii_digit());
                let arms = [method::EMPTY, method::WRONG, method::REWORDED];
                if let Some(arm) = arms.into_iter().find(|known| *known == arm) {
                    cosines.entry(arm).or_default().push(mean);
                }
            }
            if whole {
                beside_counts(bench, part, &trained, out)?;
                for side in [&part.train.0, &part.test.0] {
                    let (vectors, _) = trained.readable(instruction, side)?;
                    for (row, &user) in side.iter().enumerate() {
                        let user = plan.users[user].as_str();
                        own.push(&task.name, CLEAN, user, vectors.row(row));
                    }
                }
            }
        }
    }
    out.cosine = cosines
        .into_iter()
        .map(|(arm, means)| (arm.into(), means.iter().sum::<f64>() / means.len() as f64))
        .collect();
    Ok(fitted)
}

/// The counts that need no other program, alone and with the vectors beside them.
fn beside_counts(
    bench: &Bench<'_>,
    part: &Part,
    trained: &Embedded,
    out: &mut FoldResult,
) -> Result<()> {
    let plan = bench.plan;
    let counts = |users: &[usize]| {
        let refs: Vec<UserRef> = users.iter().map(|&user| plan.refs[user]).collect();
        count_matrix(&plan.ingested.store, &refs, part.reference)
    };
    let (train, test) = (counts(&part.train.0)?, counts(&part.test.0)?);
    let cross_validation = bench.cross_validation(part.task);
    let (fit, _) = cross_validation.fit(&train, &part.train.1)?;
    let scores = fit.scores(&test)?;
    out.scores.push(scored(
        method::SIMPLE_COUNTS,
        part.task,
        CLEAN,
        &part.test,
        scores,
    ));
    let instruction = Some(bench.instruction(part.task));
    let both = train.beside(&trained.readable(instruction, &part.train.0)?.0)?;
    let fit = cross_validation.fit_blocks(&both, &part.train.1, train.columns)?;
    let both = test.beside(&trained.readable(instruction, &part.test.0)?.0)?;
    let scores = fit.scores(&both)?;
    let name = method::BESIDE_SIMPLE_COUNTS;
    out.scores
        .push(scored(name, part.task, CLEAN, &part.test, scores));
    Ok(())
}

fn push_new(instructions: &mut Vec<Option<String>>, text: &str) {
    if !instructions
        .iter()
        .any(|other| other.as_deref() == Some(text))
    {
        instructions.push(Some(text.to_owned()));
    }
}

/// The probes of clean events on test users whose events were changed. How far a
/// missing source moves the vectors says how much of an instruction's answer lies in it.
pub(crate) fn under_noise(
    bench: &Bench<'_>,
    noisy: &[(String, Histories)],
    probes: &Probes,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let parts = bench.parts();
    let mut groups: BTreeMap<Timestamp, Vec<&Part>> = BTreeMap::new();
    for part in &parts {
        groups.entry(part.reference).or_default().push(part);
    }
    for (reference, members) in groups {
        let mut users: Vec<usize> = members
            .iter()
            .flat_map(|part| part.test.0.iter().copied())
            .collect();
        users.sort_unstable();
        users.dedup();
        let mut instructions = vec![None];
        for part in &members {
            push_new(&mut instructions, bench.instruction(part.task));
        }
        let clean = bench.embed_clean(&users, reference, instructions.clone(), watch)?;
        let mut moved: BTreeMap<usize, Vec<(String, f64)>> = BTreeMap::new();
        for (condition, noise) in noisy {
            let model = StoreEmbedder::new(bench.inner, &noise.store);
            let asked = instructions.clone();
            let vectors = bench.embed(&model, &noise.refs, &users, reference, asked, watch)?;
            for part in &members {
                let own = Some(bench.instruction(part.task));
                for (name, instruction) in [(method::MATCHED, own), (method::EMPTY, None)] {
                    let (x, _) = vectors.readable(instruction, &part.test.0)?;
                    let scores = probes[&(part.task, name)].scores(&x)?;
                    out.scores
                        .push(scored(name, part.task, condition, &part.test, scores));
                }
                if let Some(source) = condition.strip_prefix("missing-") {
                    let before = clean.unit(own, &part.test.0);
                    let after = vectors.unit(own, &part.test.0);
                    let each = (0..before.rows).map(|row| 1.0 - before.cosine(row, &after, row));
                    let mean = each.sum::<f64>() / before.rows.max(1) as f64;
                    moved
                        .entry(part.task)
                        .or_default()
                        .push((source.into(), mean));
                }
            }
        }
        for (task, list) in moved {
            let all: f64 = list.iter().map(|(_, distance)| distance).sum();
            let share = |(source, distance): (String, f64)| (source, distance / all.max(1e-12));
            out.sources
                .push((task, list.into_iter().map(share).collect()));
        }
    }
    Ok(())
}
