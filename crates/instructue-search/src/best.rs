//! The best of all that is offered.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An entry whose greatest is the worst: a smaller score, of equal scores a later key.
#[derive(Debug)]
struct Worst<K> {
    score: f32,
    key: K,
}

impl<K: Ord> Ord for Worst<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        let scores = other.score.total_cmp(&self.score);
        scores.then_with(|| self.key.cmp(&other.key))
    }
}

impl<K: Ord> PartialOrd for Worst<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> PartialEq for Worst<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<K: Ord> Eq for Worst<K> {}

/// At most so many entries, those of the greatest scores of all that were offered; of equal scores
/// the smallest keys.
///
/// ```
/// use instructue_search::Best;
///
/// let mut best = Best::new(2);
/// for (score, user) in [(0.5, "b"), (0.9, "c"), (0.5, "a"), (0.1, "d")] {
///     best.push(score, user);
/// }
/// assert_eq!(best.sorted(), [(0.9, "c"), (0.5, "a")]);
/// ```
#[derive(Debug)]
pub struct Best<K> {
    most: usize,
    entries: BinaryHeap<Worst<K>>,
}

impl<K: Ord> Best<K> {
    /// Room for `most` entries.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            entries: BinaryHeap::new(),
        }
    }

    /// Whether an entry of this score cannot be among the best, whatever its key.
    fn refuses(&self, score: f32) -> bool {
        let worst = self.entries.peek();
        self.entries.len() >= self.most && worst.is_none_or(|worst| worst.score > score)
    }

    /// Offers an entry.
    pub fn push(&mut self, score: f32, key: K) {
        if self.refuses(score) {
            return;
        }
        self.entries.push(Worst { score, key });
        if self.entries.len() > self.most {
            self.entries.pop();
        }
    }

    /// The best of both.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        other
            .entries
            .into_iter()
            .for_each(|entry| self.push(entry.score, entry.key));
        self
    }

    /// The best first.
    pub fn sorted(self) -> Vec<(f32, K)> {
        let entries = self.entries.into_sorted_vec().into_iter();
        entries.map(|entry| (entry.score, entry.key)).collect()
    }
}

impl Best<usize> {
    /// Offers the scores of consecutive rows.
    pub(crate) fn offer(&mut self, first: usize, scores: &[f32]) {
        // Most parts of a large index have no row among the best: the greatest of some scores is
        // found without branches.
        const PART: usize = 64;
        for (part, scores) in scores.chunks(PART).enumerate() {
            let greater = |a: f32, b: &f32| if *b > a { *b } else { a };
            if self.refuses(scores.iter().fold(f32::NEG_INFINITY, greater)) {
                continue;
            }
            for (at, &score) in scores.iter().enumerate() {
                self.push(score, first + part * PART + at);
            }
        }
    }
}
