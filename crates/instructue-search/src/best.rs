//! The rows of the greatest scores so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::hit::Hit;

/// A hit whose greatest is the worst: a smaller score, of equal scores a later row.
#[derive(Debug, PartialEq)]
struct Worst(Hit);

impl Eq for Worst {}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        let scores = other.0.score.total_cmp(&self.0.score);
        scores.then_with(|| self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// At most so many hits, the best of all that were offered.
#[derive(Debug)]
pub(crate) struct Best {
    most: usize,
    hits: BinaryHeap<Worst>,
    /// Scores at or below this are not wanted.
    bar: f32,
}

impl Best {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            hits: BinaryHeap::with_capacity(most + 1),
            bar: f32::NEG_INFINITY,
        }
    }

    /// Offers the scores of consecutive rows, which come in ascending order.
    pub fn offer(&mut self, first: usize, scores: &[f32]) {
        // Most parts of a large index have no row above the bar: the greatest of some scores is
        // found without branches.
        const PART: usize = 64;
        for (part, scores) in scores.chunks(PART).enumerate() {
            let greatest = scores
                .iter()
                .fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
            if self.hits.len() == self.most && greatest <= self.bar {
                continue;
            }
            for (at, &score) in scores.iter().enumerate() {
                self.push(Hit {
                    row: first + part * PART + at,
                    score,
                });
            }
        }
    }

    fn push(&mut self, hit: Hit) {
        if self.hits.len() == self.most && hit.score <= self.bar {
            return;
        }
        self.hits.push(Worst(hit));
        if self.hits.len() > self.most {
            self.hits.pop();
        }
        if self.hits.len() == self.most {
            self.bar = self
                .hits
                .peek()
                .map_or(f32::NEG_INFINITY, |worst| worst.0.score);
        }
    }

    /// The best of both, of rows that come behind these.
    pub fn merge(mut self, other: Self) -> Self {
        let mut others: Vec<Hit> = other.hits.into_iter().map(|worst| worst.0).collect();
        others.sort_by_key(|hit| hit.row);
        others.into_iter().for_each(|hit| self.push(hit));
        self
    }

    /// The best first.
    pub fn sorted(self) -> Vec<Hit> {
        self.hits
            .into_sorted_vec()
            .into_iter()
            .map(|worst| worst.0)
            .collect()
    }
}
