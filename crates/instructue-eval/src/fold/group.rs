//! Tasks of a fold by reference time: a user's vectors at that time are made once for all.

use std::collections::BTreeMap;

use instructue_schema::Timestamp;

use crate::embedder::distinct_instructions;
use crate::study::{Labelled, Study};

/// A task in a fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Place among the tasks.
    pub task: usize,
    /// Training users with a label.
    pub train: Labelled,
    /// Test users with a label.
    pub test: Labelled,
}

/// Tasks with one reference time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Profiles end here.
    pub reference: Timestamp,
    /// The tasks.
    pub parts: Vec<Part>,
}

impl Group {
    /// The measured tasks of a fold, by reference time.
    pub(crate) fn all(study: &Study<'_>, fold: usize) -> Vec<Self> {
        let users = &study.folds[fold];
        let mut groups: BTreeMap<Timestamp, Vec<Part>> = BTreeMap::new();
        for task in study.measured() {
            let reference = study.tasks.reference_of(&study.tasks.tasks[task]);
            groups.entry(reference).or_default().push(Part {
                task,
                train: study.labelled(task, &users.train),
                test: study.labelled(task, &users.test),
            });
        }
        let group = |(reference, parts)| Self { reference, parts };
        groups.into_iter().map(group).collect()
    }

    /// Whoever has a label of one of the tasks.
    pub fn users(&self) -> Vec<usize> {
        let sides = self.parts.iter().flat_map(|part| [&part.train, &part.test]);
        once(sides.flat_map(|side| &side.users))
    }

    /// Those of them who are tested.
    pub fn test_users(&self) -> Vec<usize> {
        once(self.parts.iter().flat_map(|part| &part.test.users))
    }

    /// The tasks' own instructions.
    pub fn matched(&self, study: &Study<'_>) -> Vec<Option<String>> {
        let own = self.parts.iter().map(|part| study.instruction(part.task));
        distinct_instructions(own.map(Some))
    }
}

fn once<'a>(users: impl Iterator<Item = &'a usize>) -> Vec<usize> {
    let mut users: Vec<usize> = users.copied().collect();
    users.sort_unstable();
    users.dedup();
    users
}
