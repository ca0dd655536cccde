//! What an evaluation is about: users, tasks with labels, and the folds that say who is
//! trained on and who is tested.
//!
//! A default run is one fold, a suite has several whose test users are disjoint. You
//! need a [`Study`] to measure folds one by one ([`measure_fold`](crate::measure_fold))
//! and put them together later ([`summarise`](crate::summarise)).

use std::collections::HashSet;

use instructue_schema::{UserRef, seed};

use crate::error::{Error, Result};
use crate::options::EvaluateOptions;
use crate::results::{FoldSize, Tally};
use crate::scores::Population;
use crate::tasks::TaskSet;
use instructue_metrics::CrossValidation;

/// Who is trained on and who is tested in a fold, as places in [`Study::users`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoldUsers {
    /// Users that the model and the probes may have been trained on.
    pub train: Vec<usize>,
    /// Users that neither has seen.
    pub test: Vec<usize>,
}

/// Users, tasks, labels and folds.
#[derive(Debug, Clone)]
pub struct Study<'a> {
    /// The tasks.
    pub tasks: &'a TaskSet,
    /// The users, each once; everything else names them by their places here.
    pub users: &'a [UserRef],
    /// Per task and user.
    pub labels: &'a [Vec<Option<bool>>],
    /// The folds.
    pub folds: Vec<FoldUsers>,
    /// How it is made.
    pub options: EvaluateOptions,
    skipped: Vec<Option<String>>,
}

/// Users with a label, as places, and their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Places of the users.
    pub users: Vec<usize>,
    /// The truth about each.
    pub labels: Vec<bool>,
}

impl<'a> Study<'a> {
    /// Checks that everything fits, and which tasks have users enough.
    ///
    /// # Errors
    /// Options out of range, sizes that do not agree, users that come twice, places
    /// beyond the users, users on both sides of a fold. A task with too few users of a
    /// class is no error: [`Study::skipped`] says why it is left out.
    pub fn new(
        tasks: &'a TaskSet,
        users: &'a [UserRef],
        labels: &'a [Vec<Option<bool>>],
        folds: Vec<FoldUsers>,
        options: EvaluateOptions,
    ) -> Result<Self> {
        let mut study = Self {
            tasks,
            users,
            labels,
            folds,
            options,
            skipped: Vec::new(),
        };
        study.check()?;
        study.skipped = labels.iter().map(|labels| study.too_few(labels)).collect();
        Ok(study)
    }

    fn check(&self) -> Result<()> {
        self.options.check()?;
        let map_task = self.options.map_task.as_ref();
        if let Some(name) = map_task.filter(|name| self.tasks.task(name).is_none()) {
            let wrong = instructue_metrics::Error::Option {
                option: "map_task",
                expected: "the name of a task",
                found: format!("`{name}`"),
            };
            return Err(wrong.into());
        }
        let (tasks, labels) = (self.tasks.tasks.len(), self.labels.len());
        if labels != tasks {
            return Err(Error::shape("labels", tasks, labels));
        }
        for (task, labels) in self.tasks.tasks.iter().zip(self.labels) {
            if labels.len() != self.users.len() {
                let what = format!("labels of task `{}`", task.name);
                return Err(Error::shape(what, self.users.len(), labels.len()));
            }
        }
        let mut seen = HashSet::new();
        if let Some(user) = self.users.iter().find(|user| !seen.insert(**user)) {
            let found = format!("user {} of shard {} twice", user.index, user.shard);
            return Err(Error::shape("users", "each once", found));
        }
        self.folds.iter().try_for_each(|fold| self.check_fold(fold))
    }

    fn check_fold(&self, fold: &FoldUsers) -> Result<()> {
        let mut places = fold.train.iter().chain(&fold.test);
        if let Some(place) = places.find(|place| **place >= self.users.len()) {
            let expected = format!("below {}", self.users.len());
            return Err(Error::shape("a user's place", expected, place));
        }
        let train: HashSet<_> = fold.train.iter().collect();
        match fold.test.iter().find(|place| train.contains(place)) {
            Some(&place) => {
                let UserRef { shard, index } = self.users[place];
                Err(Error::Overlap { shard, index })
            }
            None => Ok(()),
        }
    }

    /// Why a task with these labels cannot be measured.
    fn too_few(&self, labels: &[Option<bool>]) -> Option<String> {
        let least = self.options.min_per_class;
        let lacking = |users: &[usize], part: &str, place: &str, needed: usize| {
            let Tally { users, positives } = tally(users.iter().map(|&user| labels[user]));
            let negatives = users - positives;
            (positives.min(negatives) < needed).then(|| {
                format!(
                    "needs {needed} {part}users of each class{place}, found {positives} positive \
                     and {negatives} negative"
                )
            })
        };
        let everyone: Vec<usize> = (0..labels.len()).collect();
        let train = least.train.max(self.options.cross_validation.folds);
        let in_fold = |(number, fold): (usize, &FoldUsers)| {
            let place = match self.folds.len() {
                1 => String::new(),
                _ => format!(" in fold {}", number + 1),
            };
            lacking(&fold.train, "training ", &place, train)
                .or_else(|| lacking(&fold.test, "test ", &place, least.test.max(1)))
        };
        lacking(&everyone, "", "", least.labelled)
            .or_else(|| self.folds.iter().enumerate().find_map(in_fold))
    }

    /// Why each task is left out, if it is.
    pub fn skipped(&self) -> &[Option<String>] {
        &self.skipped
    }

    /// The tasks that are measured, as places.
    pub fn measured(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.skipped.len()).filter(|&task| self.skipped[task].is_none())
    }

    /// Users with a label of `task` among `users`, and the labels.
    pub fn labelled(&self, task: usize, users: &[usize]) -> Labelled {
        let labels = &self.labels[task];
        let known = users.iter().filter_map(|&user| Some((user, labels[user]?)));
        let (users, labels) = known.unzip();
        Labelled { users, labels }
    }

    /// The instruction of a task.
    pub fn instruction(&self, task: usize) -> &'a str {
        &self.tasks.tasks[task].instruction
    }

    /// How the probes of a task choose their penalty in a fold: the same for every method,
    /// so that they are compared fairly.
    pub fn cross_validation(&self, fold: usize, task: usize) -> CrossValidation {
        let options = &self.options;
        // Two purposes, so that one holdout split and several folds each keep the
        // figures that they always had.
        let seed = match self.folds.len() {
            1 => seed::derive(options.seed, "folds", &[task as u64]),
            _ => seed::derive(options.seed, "suite folds", &[fold as u64, task as u64]),
        };
        CrossValidation {
            seed,
            ..options.cross_validation.clone()
        }
    }

    /// Resamples of all users that some fold tests.
    pub fn population(&self) -> Population {
        let purpose = match self.folds.len() {
            1 => "test bootstrap",
            _ => "suite bootstrap",
        };
        let seed = seed::derive(self.options.seed, purpose, &[]);
        let tested = self.folds.iter().flat_map(|fold| &fold.test).copied();
        Population::among(self.users.len(), tested, seed, self.options.resamples)
    }

    pub(crate) fn sizes(&self) -> Vec<FoldSize> {
        let size = |fold: &FoldUsers| FoldSize {
            train: fold.train.len(),
            test: fold.test.len(),
        };
        self.folds.iter().map(size).collect()
    }
}

/// How many of some labels are there, and how many are positive.
pub(crate) fn tally(labels: impl Iterator<Item = Option<bool>>) -> Tally {
    labels.flatten().fold(Tally::default(), |sum, label| Tally {
        users: sum.users + 1,
        positives: sum.positives + usize::from(label),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::MinPerClass;

    #[test]
    fn a_task_needs_both_classes_in_every_part() {
        let tasks = TaskSet::from_toml(
            r#"
            reference = "2017-07-01"
            [[task]]
            name = "even"
            instruction = "Even?"
            reworded = ["Even, is it?"]
            wrong = "Odd?"
            label = { kind = "event", source = "bill", days = 30 }
            "#,
        )
        .unwrap();
        let users: Vec<UserRef> = (0..120).map(|index| UserRef { shard: 0, index }).collect();
        let reason = |labels: &[Option<bool>]| {
            let labels = [labels.to_vec()];
            let half = |train: std::ops::Range<usize>, test: std::ops::Range<usize>| FoldUsers {
                train: train.collect(),
                test: test.collect(),
            };
            let options = EvaluateOptions {
                min_per_class: MinPerClass {
                    labelled: 25,
                    train: 10,
                    test: 1,
                },
                ..EvaluateOptions::default()
            };
            let folds = vec![half(60..120, 0..60), half(0..60, 60..120)];
            let study = Study::new(&tasks, &users, &labels, folds, options).unwrap();
            study.skipped()[0].clone()
        };
        let mut labels: Vec<Option<bool>> = (0..120).map(|user| Some(user % 2 == 0)).collect();
        assert_eq!(reason(&labels), None);
        // All positives are tested.
        labels[60..].fill(Some(false));
        let found = reason(&labels).unwrap();
        let expected = "needs 10 training users of each class in fold 1";
        assert!(found.contains(expected), "{found}");
        // All positives are trained on.
        labels[60..].fill(Some(true));
        labels[..60].fill(Some(false));
        labels[60..80].fill(Some(false));
        let found = reason(&labels).unwrap();
        let expected = "needs 1 test users of each class in fold 1";
        assert!(found.contains(expected), "{found}");
        labels.fill(Some(true));
        let found = reason(&labels).unwrap();
        let expected = "found 120 positive and 0 negative";
        assert!(found.contains(expected), "{found}");
    }
}
