//! Counts over a data set.

use std::collections::BTreeMap;

use instructue_schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::builder::ShardTriples;
use crate::config::UserQaConfig;
use crate::rules;
use crate::split::Split;
use crate::triple::TripleKind;

/// The counts of a data set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserQaReport {
    /// The number of triples.
    pub triples: u64,
    /// The number of users in the store.
    pub users: u64,
    /// The number of (user, reference time) pairs without any event in the windows. They have no
    /// triple.
    pub without_events: u64,
    /// The reference times whose horizon passes the end of the data. They have no triple about
    /// the future.
    pub references_without_future: Vec<Timestamp>,
    /// The number of triples per kind.
    pub kinds: BTreeMap<String, u64>,
    /// The number of triples per split.
    pub splits: BTreeMap<String, u64>,
    /// The number of triples of held-out families.
    pub held_out: u64,
    /// The counts per family.
    pub families: BTreeMap<String, FamilyCounts>,
}

/// The counts of one family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyCounts {
    /// Past or future.
    pub kind: TripleKind,
    /// Whether the family is held out of training.
    pub held_out: bool,
    /// The number of triples.
    pub triples: u64,
    /// The number of triples in the training split.
    pub train: u64,
    /// The number of triples in the validation split.
    pub validation: u64,
    /// The number of triples in the test split.
    pub test: u64,
    /// The number of triples per wording.
    pub wordings: Vec<u64>,
    /// The numbers of answers that begin with "Yes" and with "No".
    pub yes_no: [u64; 2],
}

impl UserQaReport {
    pub(crate) fn new(config: &UserQaConfig, users: u64, without_future: Vec<Timestamp>) -> Self {
        let families = rules::all().map(|rule| {
            let counts = FamilyCounts {
                kind: rule.kind(),
                held_out: config.is_held_out(rule.name),
                triples: 0,
                train: 0,
                validation: 0,
                test: 0,
                wordings: vec![0; rule.wordings.len()],
                yes_no: [0; 2],
            };
            (rule.name.to_owned(), counts)
        });
        Self {
            users,
            references_without_future: without_future,
            families: families.collect(),
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, shard: &ShardTriples) {
        self.triples += shard.triples.len() as u64;
        self.without_events += shard.without_events;
        for triple in &shard.triples {
            *self.kinds.entry(triple.kind.name().into()).or_default() += 1;
            *self.splits.entry(triple.split.name().into()).or_default() += 1;
            self.held_out += u64::from(triple.held_out);
            let Some(counts) = self.families.get_mut(&triple.family) else {
                continue;
            };
            counts.triples += 1;
            match triple.split {
                Split::Train => counts.train += 1,
                Split::Validation => counts.validation += 1,
                Split::Test => counts.test += 1,
            }
            if let Some(wording) = counts.wordings.get_mut(triple.wording as usize) {
                *wording += 1;
            }
            counts.yes_no[0] += u64::from(triple.answer.starts_with("Yes,"));
            counts.yes_no[1] += u64::from(triple.answer.starts_with("No,"));
        }
    }
}
