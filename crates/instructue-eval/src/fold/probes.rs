//! What logistic regressions tell from vectors and counts.

use std::collections::{BTreeMap, HashMap};

use instructue_schema::Matrix;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::fold::embed::Embedded;
use crate::fold::group::Part;
use crate::fold::input::{FoldInput, Instructions};
use crate::fold::result::{FoldResult, ProbeFit, Scored};
use crate::methods::{Arm, CLEAN, reworded};
use crate::study::Study;
use instructue_metrics::Map2d;
use instructue_metrics::Ranking;
use instructue_metrics::{LogisticRegression, log_loss};

/// Fitted probes by task, for vectors of other events.
pub type Probes = BTreeMap<(usize, Arm), LogisticRegression>;

/// Counts of some users.
pub(crate) struct Counts {
    rows: HashMap<usize, usize>,
    matrix: Matrix,
}

impl Counts {
    /// Row i is that of `users[i]`.
    pub fn new(users: &[usize], matrix: Matrix) -> Self {
        let rows = users.iter().copied().zip(0..).collect();
        Self { rows, matrix }
    }

    fn of(&self, users: &[usize]) -> Matrix {
        let rows: Vec<usize> = users.iter().map(|user| self.rows[user]).collect();
        self.matrix.select(&rows)
    }
}

/// All that is known of the users of a group of tasks.
pub(crate) struct FoldVectors<'a> {
    pub study: &'a Study<'a>,
    pub input: &'a FoldInput<'a>,
    pub trained: &'a Embedded,
    pub untrained: Option<&'a Embedded>,
    pub counts: Option<&'a Counts>,
}

/// What a probe is trained and tested on.
struct Trial<'a> {
    arm: Arm,
    method: String,
    instruction: Option<&'a str>,
    vectors: Option<&'a Embedded>,
    counts: Option<&'a Counts>,
}

impl Trial<'_> {
    /// The inputs of users, and the column where the second block begins.
    fn inputs(&self, users: &[usize]) -> Result<(Matrix, usize)> {
        let counts = self.counts.map(|counts| counts.of(users));
        let vectors = self.vectors;
        let vectors = vectors.map(|vectors| vectors.readable(self.instruction, users));
        match (counts, vectors.transpose()?) {
            (Some(counts), Some((vectors, _))) => Ok((counts.beside(&vectors)?, counts.columns)),
            (Some(counts), None) => Ok((counts, 0)),
            (None, Some(found)) => Ok(found),
            (None, None) => Ok((Matrix::zeros(users.len(), 0), 0)),
        }
    }
}

impl<'a> FoldVectors<'a> {
    /// Every arm of a task that there are inputs for; the matched one is first.
    fn trials(&self, task: usize) -> Vec<Trial<'a>> {
        let tasks = self.study.tasks;
        let own = Some(self.study.instruction(task));
        let trial = |arm: Arm, instruction, vectors, counts| Trial {
            arm,
            method: arm.id().into(),
            instruction,
            vectors,
            counts,
        };
        let trained = |arm, instruction| trial(arm, instruction, Some(self.trained), None);
        let mut trials = vec![trained(Arm::Matched, own), trained(Arm::Empty, None)];
        if self.input.instructions == Instructions::All {
            trials.push(trained(Arm::Wrong, Some(tasks.wrong_of(task))));
            let wordings = tasks.tasks[task].reworded.iter().enumerate();
            trials.extend(wordings.map(|(number, text)| Trial {
                method: reworded(number),
                ..trained(Arm::Reworded, Some(text))
            }));
        }
        if let Some(untrained) = self.untrained {
            trials.push(trial(Arm::Untrained, own, Some(untrained), None));
        }
        if let Some(counts) = self.counts {
            trials.push(trial(Arm::Counts, None, None, Some(counts)));
            let both = trial(Arm::Concatenated, own, Some(self.trained), Some(counts));
            trials.push(both);
        }
        trials
    }

    /// Fits a probe per arm on a task's training users and scores its test users.
    pub fn probe(&self, part: &Part, fitted: &mut Probes, out: &mut FoldResult) -> Result<()> {
        let (study, task) = (self.study, part.task);
        let trials = self.trials(task);
        // The same folds for every arm: what is compared is paired.
        let cross_validation = study.cross_validation(self.input.number, task);
        let fits = trials
            .par_iter()
            .map(|trial| {
                let (x, second) = trial.inputs(&part.train.users)?;
                Ok(cross_validation.fit_blocks(&x, &part.train.labels, second)?)
            })
            .collect::<Result<Vec<LogisticRegression>>>()?;
        let own = Some(study.instruction(task));
        let matched = self.trained.unit(own, &part.test.users)?;
        for (trial, fit) in trials.iter().zip(&fits) {
            let (x, _) = trial.inputs(&part.test.users)?;
            let scores = fit.scores(&x)?;
            let mut found = ProbeFit {
                method: trial.method.clone(),
                task,
                instruction: trial.instruction.map(str::to_owned),
                features: x.columns,
                l2: fit.l2,
                log_loss: log_loss(&scores, &part.test.labels),
                cosine_to_matched: None,
                matched_probe_auc: None,
            };
            if matches!(trial.arm, Arm::Empty | Arm::Wrong | Arm::Reworded) {
                let of_matched = fits[0].scores(&x)?;
                found.matched_probe_auc = self.rank(part, &of_matched)?.auc(None);
                let unit = self.trained.unit(trial.instruction, &part.test.users)?;
                found.cosine_to_matched = Some(mean_cosine(&unit, &matched));
            }
            if matches!(trial.arm, Arm::Matched | Arm::Empty) {
                fitted.insert((task, trial.arm), fit.clone());
            }
            out.probes.push(found);
            let scored = Scored::new(&trial.method, task, CLEAN, &part.test, scores);
            out.scores.push(scored);
        }
        if self.input.number == 0 && self.is_mapped(task) {
            let name = |&label: &bool| if label { "yes" } else { "no" }.to_owned();
            let groups = part.test.labels.iter().map(name).collect();
            out.map = Map2d::pca(&matched, groups, study.instruction(task))?;
        }
        Ok(())
    }

    /// Whether the map is of this task.
    fn is_mapped(&self, task: usize) -> bool {
        let study = self.study;
        self.input.instructions == Instructions::All
            && match &study.options.map_task {
                Some(name) => study.tasks.tasks[task].name == *name,
                None => study.measured().next() == Some(task),
            }
    }

    /// Scores of a task's test users, ranked.
    pub fn rank(&self, part: &Part, scores: &[f64]) -> Result<Ranking> {
        let name = &self.study.tasks.tasks[part.task].name;
        Ranking::new(scores, &part.test.labels)
            .ok_or_else(|| Error::shape(format!("task `{name}`: scores"), "numbers", "NaN"))
    }
}

/// The mean cosine of rows of the same place.
///
/// # Shapes
/// Both are `[users, width]`.
///
/// # Panics
/// If the widths differ, or `right` has fewer rows.
pub fn mean_cosine(left: &Matrix, right: &Matrix) -> f64 {
    let each = (0..left.rows).map(|row| left.cosine(row, right, row));
    each.sum::<f64>() / left.rows.max(1) as f64
}
