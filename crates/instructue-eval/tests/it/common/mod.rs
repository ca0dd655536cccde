//! A model whose vectors hold what the tests say they hold.
use std::cell::RefCell;

use instructue_eval::{
    Answer, BoxError, Embedder, Error, EvaluateInput, EvaluateOptions, Evaluation, Fold, FoldUsers,
    RetrievalInput, SEEN, TaskSet, evaluate,
};
use instructue_schema::{Matrix, Progress, Timestamp, UserRef, UserVectors, seed};

pub const TASKS: &str = r#"
reference = "2017-07-01"
[[task]]
name = "dog"
instruction = "Dog food?"
reworded = ["Food for a dog?", "Anything for the dog?"]
positive_text = "It buys dog food."
negative_text = "It buys none."
label = { kind = "event", source = "bill", days = 30 }
[[task]]
name = "age"
instruction = "Older?"
reworded = ["Of age?"]
reference = "2017-10-01"
label = { kind = "column", file = "d.parquet", user_column = "id", column = "age", at_least = 45.0 }
[[task]]
name = "rare"
instruction = "Rare?"
reworded = ["Seldom?"]
label = { kind = "event", source = "bill", days = 30, negate = true }
"#;

pub const TRAIN: usize = 240;
pub const TEST: usize = 160;
pub const WIDTH: usize = 12;

/// A number in −1..1 that depends on everything given.
pub fn noise(parts: &[u64]) -> f32 {
    (seed::derive(5, "test noise", parts) as f64 / u64::MAX as f64 * 2.0 - 1.0) as f32
}

/// The truth about a user: a coin per task.
pub fn truth(user: &UserRef, task: u64) -> bool {
    noise(&[99, user.shard as u64, user.index as u64, task]) > 0.2
}

/// Training users, then test users.
pub fn users() -> Vec<UserRef> {
    let user = |number: usize| UserRef {
        shard: number % 3,
        index: number / 3,
    };
    (0..TRAIN + TEST).map(user).collect()
}

/// Labels: a tenth of the users is unlabelled; the third task has two positives.
pub fn labels(users: &[UserRef], task: u64) -> Vec<Option<bool>> {
    let label = |(at, user): (usize, &UserRef)| match task {
        2 => Some(at < 2),
        _ => (noise(&[7, user.shard as u64, user.index as u64, task]) < 0.8)
            .then(|| truth(user, task)),
    };
    users.iter().enumerate().map(label).collect()
}

pub fn task_labels() -> Vec<Vec<Option<bool>>> {
    let users = users();
    let (train, test) = users.split_at(TRAIN);
    let of = |task| [labels(train, task), labels(test, task)].concat();
    (0..3).map(of).collect()
}

/// Users, reference time and instructions of a call.
pub type Call = (usize, Timestamp, Vec<Option<String>>);

/// Vectors of noise; under a task's instruction one column holds the label.
#[derive(Default)]
pub struct Fake {
    /// Whether it has learned anything.
    pub trained: bool,
    /// Every call.
    pub calls: RefCell<Vec<Call>>,
    /// Spoils a value.
    pub broken: bool,
}

impl Embedder for Fake {
    fn embed_users(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        instructions: &[Option<String>],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<UserVectors>, BoxError> {
        self.calls
            .borrow_mut()
            .push((users.len(), reference, instructions.to_vec()));
        let mut vectors = Vec::new();
        for instruction in instructions {
            // Which task's label, and how clearly.
            let (task, strength) = match instruction.as_deref() {
                Some("Dog food?") => (0, 0.9),
                Some("Food for a dog?" | "Anything for the dog?") => (0, 0.8),
                Some("Older?" | "Of age?") => (1, 0.8),
                None => (0, 0.2),
                Some(_) => (0, 0.0),
            };
            let mut values = Vec::new();
            for user in users {
                let id = [
                    user.shard as u64,
                    user.index as u64,
                    u64::from(self.trained),
                ];
                for column in 0..WIDTH as u64 {
                    values.push(noise(&[id[0], id[1], id[2], column]));
                }
                let at = values.len() - WIDTH;
                if self.trained {
                    let sign = if truth(user, task) {
                        strength
                    } else {
                        -strength
                    };
                    values[at] += sign;
                }
                if instruction.as_deref() == Some("Who?") && !self.trained {
                    values[at..].fill(1.0); // an untrained model that sees no difference
                }
            }
            if self.broken {
                values[3] = f32::NAN;
            }
            let matrix = Matrix::new(users.len(), WIDTH, values).unwrap_or_else(|_| Matrix {
                rows: users.len(),
                columns: WIDTH,
                values: vec![f32::NAN; users.len() * WIDTH],
            });
            vectors.push(matrix.into());
        }
        progress(Progress::of(users.len(), users.len()));
        Ok(vectors)
    }

    /// `It buys …` lies along the label's column; `user shard/index` is that user's vector.
    fn embed_texts(&self, texts: &[String]) -> Result<Matrix, BoxError> {
        let rows: Vec<Vec<f32>> = texts
            .iter()
            .map(|text| match text.strip_prefix("user ") {
                Some(id) => {
                    let (shard, index) = id.split_once('/').expect("shard/index");
                    let (shard, index) = (shard.parse().unwrap(), index.parse().unwrap());
                    let id = |column| noise(&[shard, index, u64::from(self.trained), column]);
                    (0..WIDTH as u64).map(id).collect()
                }
                None => {
                    let sign = if text == "It buys dog food." {
                        1.0
                    } else {
                        -1.0
                    };
                    (0..WIDTH)
                        .map(|column| if column == 0 { sign } else { 0.1 })
                        .collect()
                }
            })
            .collect();
        Ok(Matrix::from_rows(&rows)?)
    }
}

/// Counts that know a little about the first task.
pub fn counts(users: &[UserRef], _: Timestamp) -> Result<Matrix, BoxError> {
    let rows: Vec<[f32; 2]> = users
        .iter()
        .map(|user| {
            let weak = if truth(user, 0) { 0.35 } else { -0.35 };
            let id = [1234, user.shard as u64, user.index as u64];
            [weak + noise(&id), noise(&[id[0], id[1], id[2], 1])]
        })
        .collect();
    Ok(Matrix::from_rows(&rows)?)
}

/// Everything an evaluation is made from, but for the models.
pub struct Setup {
    pub tasks: TaskSet,
    pub users: Vec<UserRef>,
    pub labels: Vec<Vec<Option<bool>>>,
    pub folds: Vec<FoldUsers>,
    pub answers: Vec<Answer>,
    pub options: EvaluateOptions,
    pub counts: fn(&[UserRef], Timestamp) -> Result<Matrix, BoxError>,
}

impl Setup {
    pub fn new() -> Self {
        Self {
            tasks: TaskSet::from_toml(TASKS).unwrap(),
            users: users(),
            labels: task_labels(),
            folds: vec![FoldUsers {
                train: (0..TRAIN).collect(),
                test: (TRAIN..TRAIN + TEST).collect(),
            }],
            answers: Vec::new(),
            options: EvaluateOptions {
                resamples: 200,
                seed: 11,
                ..EvaluateOptions::default()
            },
            counts,
        }
    }

    pub fn evaluate(&self, trained: &Fake, untrained: &Fake) -> Result<Evaluation, Error> {
        let answers = RetrievalInput {
            kind: SEEN.into(),
            reference: self.tasks.reference,
            answers: self.answers.clone(),
        };
        let fold = |users: &FoldUsers| Fold {
            trained,
            untrained: Some(untrained),
            users: users.clone(),
            answers: vec![answers.clone()],
        };
        let mut stages = 0;
        let evaluation = evaluate(EvaluateInput {
            tasks: &self.tasks,
            users: &self.users,
            labels: &self.labels,
            folds: self.folds.iter().map(fold).collect(),
            counts: Some(&self.counts),
            options: self.options.clone(),
            progress: &mut |_| stages += 1,
        })?;
        assert!(stages > 0, "progress is told");
        Ok(evaluation)
    }

    pub fn error(&self, trained: &Fake) -> String {
        self.evaluate(trained, &Fake::default())
            .unwrap_err()
            .to_string()
    }
}
