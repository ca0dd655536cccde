//! A model on the users of one fold.

use std::collections::{BTreeMap, HashMap};

use instructue_eval::{
    CrossValidation, Embedder, Error as EvalError, Matrix, UserRef, UserVectors,
    distinct_instructions,
};
use instructue_features::Profile;
use instructue_schema::Timestamp;
use instructue_schema::seed;

use crate::error::Result;
use crate::prepare::Stage;
use crate::run::{TrainedRun, Watch};
use crate::store_embedder::StoreEmbedder;
use crate::suite::declare::Suite;
use crate::suite::plan::Plan;
use crate::suite::stores::Histories;

/// A model on a fold.
pub(crate) struct Bench<'a> {
    pub suite: &'a Suite,
    pub plan: &'a Plan,
    pub fold: usize,
    pub run: &'a TrainedRun,
    pub model: StoreEmbedder<'a>,
    /// What it was trained on.
    pub histories: &'a Histories,
    /// Training with validation users, and test users, as places.
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

/// A task in a fold: users with a label, and their labels.
pub(crate) struct Part {
    pub task: usize,
    pub reference: Timestamp,
    pub train: (Vec<usize>, Vec<bool>),
    pub test: (Vec<usize>, Vec<bool>),
}

/// Tasks with one reference time; a user's vectors at that time are made once for all.
pub(crate) struct Group {
    pub reference: Timestamp,
    pub parts: Vec<Part>,
}

/// What vectors are wanted of whom.
pub(crate) struct Asked {
    /// Places in the population, each once.
    pub users: Vec<usize>,
    pub reference: Timestamp,
    pub instructions: Vec<Option<String>>,
}

/// Vectors of some users of the population under some instructions.
pub(crate) struct Embedded {
    rows: HashMap<usize, usize>,
    vectors: HashMap<Option<String>, UserVectors>,
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
            run,
            model: StoreEmbedder::new(&run.model, &histories.store),
            histories,
            train: plan.side(fold, false),
            test: plan.side(fold, true),
        }
    }

    /// The measured tasks by reference time.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<Timestamp, Vec<Part>> = BTreeMap::new();
        for task in self.plan.measured() {
            let reference = self.plan.tasks.reference_of(&self.plan.tasks.tasks[task]);
            groups.entry(reference).or_default().push(Part {
                task,
                reference,
                train: self.plan.labelled(task, &self.train),
                test: self.plan.labelled(task, &self.test),
            });
        }
        let group = |(reference, parts)| Group { reference, parts };
        groups.into_iter().map(group).collect()
    }

    pub fn instruction(&self, task: usize) -> &'a str {
        &self.plan.tasks.tasks[task].instruction
    }

    pub fn cross_validation(&self, task: usize) -> CrossValidation {
        cross_validation(self.suite, self.fold, task)
    }

    /// Profiles of users by the whole model, whose store is that of the plan.
    pub fn profiles(&self, users: &[usize], reference: Timestamp) -> Result<Vec<Profile>> {
        let refs: Vec<UserRef> = users.iter().map(|&user| self.plan.refs[user]).collect();
        let found = self.model.profiles(&refs, reference);
        Ok(found.map_err(|source| EvalError::Model {
            model: "trained",
            source,
        })?)
    }

    /// The model's vectors from the events as they are.
    pub fn embed(&self, asked: &Asked, watch: &mut dyn Watch) -> Result<Embedded> {
        embed(&self.model, self.histories, asked, watch)
    }

    /// Texts in the space of the vectors.
    pub fn embed_texts(&self, texts: &[String]) -> Result<Matrix> {
        let found = self.model.embed_texts(texts);
        Ok(found.map_err(|source| EvalError::Model {
            model: "trained",
            source,
        })?)
    }
}

impl Group {
    /// Whoever has a label of one of the tasks.
    pub fn users(&self) -> Vec<usize> {
        let sides = self.parts.iter().flat_map(|part| [&part.train, &part.test]);
        once(sides.flat_map(|side| &side.0))
    }

    /// Those of them who are tested.
    pub fn test_users(&self) -> Vec<usize> {
        once(self.parts.iter().flat_map(|part| &part.test.0))
    }

    /// The tasks' own instructions.
    pub fn matched(&self, bench: &Bench<'_>) -> Vec<Option<String>> {
        let own = self.parts.iter().map(|part| bench.instruction(part.task));
        distinct_instructions(own.map(Some))
    }
}

fn once<'a>(users: impl Iterator<Item = &'a usize>) -> Vec<usize> {
    let mut users: Vec<usize> = users.copied().collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// Vectors by `model`, which reads the store of `histories`. Whoever has no event
/// left is a vector of zeros, which says nothing.
pub(crate) fn embed(
    model: &StoreEmbedder<'_>,
    histories: &Histories,
    asked: &Asked,
    watch: &mut dyn Watch,
) -> Result<Embedded> {
    let mut rows = HashMap::new();
    let mut found = Vec::new();
    for &user in &asked.users {
        if let Some(user_ref) = histories.refs[user] {
            rows.insert(user, found.len());
            found.push(user_ref);
        }
    }
    let mut progress = |done: usize, total: usize| {
        watch.stage(Stage::Progress {
            done: done as u64,
            total: total as u64,
        });
    };
    let mut vectors = model
        .embed_users(&found, asked.reference, &asked.instructions, &mut progress)
        .map_err(|source| EvalError::Model {
            model: "trained",
            source,
        })?;
    if rows.len() < asked.users.len() {
        for both in &mut vectors {
            for matrix in [&mut both.unit, &mut both.state, &mut both.numbers] {
                matrix.rows += 1;
                matrix.values.resize(matrix.rows * matrix.columns, 0.0);
            }
        }
        for &user in &asked.users {
            rows.entry(user).or_insert(found.len());
        }
    }
    let vectors = asked.instructions.iter().cloned().zip(vectors).collect();
    Ok(Embedded { rows, vectors })
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

/// The folds of the probes of a task: the same for every method, so that they are
/// compared fairly.
pub(crate) fn cross_validation(suite: &Suite, fold: usize, task: usize) -> CrossValidation {
    CrossValidation {
        seed: seed::derive(suite.seed, "suite folds", &[fold as u64, task as u64]),
        ..CrossValidation::default()
    }
}
