//! How well scores separate two classes, and how well a search finds.
//!
//! Free functions for one-off use; [`Ranking`] sorts once and then gives every
//! statistic, also under the multiplicities of a bootstrap resample.

use instructue_schema::Matrix;

/// Area under the ROC curve: the probability that a positive scores above a
/// negative, ties counting one half.
///
/// `None` when a class is absent or a score is NaN.
///
/// # Panics
/// If the lengths differ.
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    Ranking::new(scores, labels)?.auc(None)
}

/// Kolmogorov–Smirnov distance of the two classes' score distributions, 0 to 1:
/// the greatest of true-positive rate − false-positive rate, in either direction.
///
/// `None` when a class is absent or a score is NaN.
///
/// # Panics
/// If the lengths differ.
pub fn ks(scores: &[f64], labels: &[bool]) -> Option<f64> {
    Ranking::new(scores, labels)?.ks(None)
}

/// The ROC curve as (false-positive rate, true-positive rate), from (0, 0) to
/// (1, 1), one point per distinct score from the highest down.
///
/// Empty when a class is absent or a score is NaN.
///
/// # Panics
/// If the lengths differ.
pub fn roc_curve(scores: &[f64], labels: &[bool]) -> Vec<(f64, f64)> {
    Ranking::new(scores, labels).map_or_else(Vec::new, |ranking| ranking.roc_curve())
}

/// Lift: the share of positives among the `share` (0 to 1] of users with the
/// highest scores, over the share among all. Users tied at the edge count in part.
///
/// `None` without positives, without users in the share, or with NaN scores.
///
/// # Panics
/// If the lengths differ.
pub fn lift_at(scores: &[f64], labels: &[bool], share: f64) -> Option<f64> {
    Ranking::new(scores, labels)?.lift_at(share, None)
}

/// Labels in the order of their scores, highest first, ties grouped.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Positions in the caller's arrays.
    order: Vec<usize>,
    /// Where each group of equal scores ends in `order`.
    ends: Vec<usize>,
    labels: Vec<bool>,
}

impl Ranking {
    /// Sorts; `None` when a score is NaN.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn new(scores: &[f64], labels: &[bool]) -> Option<Self> {
        assert_eq!(scores.len(), labels.len(), "one label per score");
        if scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut ends = Vec::new();
        for at in 1..=order.len() {
            if at == order.len() || scores[order[at]] != scores[order[at - 1]] {
                ends.push(at);
            }
        }
        let labels = order.iter().map(|&at| labels[at]).collect();
        Some(Self {
            order,
            ends,
            labels,
        })
    }

    /// Number of users.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Positives and negatives of each group of ties. `weights[i]` is how
    /// often the user at position `i` of the caller's arrays counts.
    fn groups<'a>(&'a self, weights: Option<&'a [u32]>) -> impl Iterator<Item = (f64, f64)> + 'a {
        if let Some(weights) = weights {
            assert_eq!(weights.len(), self.len(), "one weight per score");
        }
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let (mut positive, mut negative) = (0u64, 0u64);
            for at in start..end {
                let weight = weights.map_or(1, |weights| u64::from(weights[self.order[at]]));
                if self.labels[at] {
                    positive += weight;
                } else {
                    negative += weight;
                }
            }
            start = end;
            (positive as f64, negative as f64)
        })
    }

    fn totals(&self, weights: Option<&[u32]>) -> (f64, f64) {
        self.groups(weights)
            .fold((0.0, 0.0), |sum, group| (sum.0 + group.0, sum.1 + group.1))
    }

    /// [`auc`], optionally with multiplicities.
    ///
    /// # Panics
    /// If there is not one weight per score.
    pub fn auc(&self, weights: Option<&[u32]>) -> Option<f64> {
        let (positives, negatives) = self.totals(weights);
        let mut above = 0.0;
        let mut pairs = 0.0;
        for (positive, negative) in self.groups(weights) {
            pairs += negative * (above + positive / 2.0);
            above += positive;
        }
        (positives > 0.0 && negatives > 0.0).then(|| pairs / (positives * negatives))
    }

    /// [`ks`], optionally with multiplicities.
    ///
    /// # Panics
    /// If there is not one weight per score.
    pub fn ks(&self, weights: Option<&[u32]>) -> Option<f64> {
        let (positives, negatives) = self.totals(weights);
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let (mut p, mut n, mut greatest) = (0.0, 0.0, 0.0f64);
        for (positive, negative) in self.groups(weights) {
            p += positive;
            n += negative;
            greatest = greatest.max((p / positives - n / negatives).abs());
        }
        Some(greatest)
    }

    /// [`roc_curve`].
    pub fn roc_curve(&self) -> Vec<(f64, f64)> {
        let (positives, negatives) = self.totals(None);
        if positives == 0.0 || negatives == 0.0 {
            return Vec::new();
        }
        let (mut p, mut n) = (0.0, 0.0);
        let points = self.groups(None).map(|(positive, negative)| {
            p += positive;
            n += negative;
            (n / negatives, p / positives)
        });
        std::iter::once((0.0, 0.0)).chain(points).collect()
    }

    /// [`lift_at`], optionally with multiplicities.
    ///
    /// # Panics
    /// If there is not one weight per score.
    pub fn lift_at(&self, share: f64, weights: Option<&[u32]>) -> Option<f64> {
        let (positives, negatives) = self.totals(weights);
        let all = positives + negatives;
        let wanted = share * all;
        if positives == 0.0 || !(share > 0.0 && share <= 1.0) {
            return None;
        }
        let (mut found, mut taken) = (0.0, 0.0);
        for (positive, negative) in self.groups(weights) {
            let group = positive + negative;
            if group == 0.0 {
                continue;
            }
            let part = ((wanted - taken) / group).min(1.0);
            found += positive * part;
            taken += group * part;
            if part < 1.0 {
                break;
            }
        }
        Some(found / wanted / (positives / all))
    }
}

/// Share of queries with a relevant candidate among the `k` most similar.
///
/// `relevant[q]` are the candidates that answer query `q`. Candidates of equal
/// similarity are taken in random order, in expectation: a model that gives
/// every candidate the same vector gets exactly [`chance_recall_at_k`].
/// Queries without a relevant candidate count as missed; `None` without queries.
///
/// # Shapes
/// `similarities` is `[queries, candidates]`.
///
/// # Panics
/// If `relevant` does not have one entry per query, or names no candidate.
pub fn recall_at_k(similarities: &Matrix, relevant: &[Vec<usize>], k: usize) -> Option<f64> {
    assert_eq!(
        similarities.rows,
        relevant.len(),
        "one list of relevant candidates per query"
    );
    let hits = relevant
        .iter()
        .enumerate()
        .map(|(query, relevant)| hit_probability(similarities.row(query), relevant, k));
    mean(hits)
}

/// What [`recall_at_k`] of a random order would be in expectation.
///
/// `None` without queries.
pub fn chance_recall_at_k(candidates: usize, relevant: &[Vec<usize>], k: usize) -> Option<f64> {
    mean(
        relevant
            .iter()
            .map(|relevant| hypergeometric_hit(candidates, relevant.len(), k)),
    )
}

/// The probability that one of `relevant` is among the `k` highest of
/// `similarities` when ties are broken at random. NaN ranks last.
pub fn hit_probability(similarities: &[f32], relevant: &[usize], k: usize) -> f64 {
    let value = |at: usize| {
        let s = similarities[at];
        if s.is_nan() { f32::NEG_INFINITY } else { s }
    };
    let Some(best) = relevant.iter().map(|&at| value(at)).reduce(f32::max) else {
        return 0.0;
    };
    let above = (0..similarities.len())
        .filter(|&at| value(at) > best)
        .count();
    let tied = (0..similarities.len())
        .filter(|&at| value(at) == best)
        .count();
    let tied_relevant = relevant.iter().filter(|&&at| value(at) == best).count();
    hypergeometric_hit(tied, tied_relevant, k.saturating_sub(above))
}

/// The probability that `k` draws out of `all` without replacement hit one of `relevant`.
pub fn hypergeometric_hit(all: usize, relevant: usize, k: usize) -> f64 {
    let mut miss = 1.0;
    for draw in 0..k.min(all) {
        let left = all - draw;
        miss *= left.saturating_sub(relevant) as f64 / left as f64;
    }
    1.0 - miss
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = values.len();
    (n > 0).then(|| values.sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f64; 6] = [0.9, 0.8, 0.8, 0.4, 0.2, 0.1];
    const LABELS: [bool; 6] = [true, true, false, false, true, false];

    #[test]
    fn auc_and_ks_by_hand() {
        // Pairs won: .9 beats 3; .8 beats 2 and ties 1; .2 beats 1: 6.5 of 9.
        assert!((auc(&SCORES, &LABELS).unwrap() - 6.5 / 9.0).abs() < 1e-12);
        // After .9: 1/3 − 0; after .8: 2/3 − 1/3; after .4: 2/3 − 2/3 …
        assert!((ks(&SCORES, &LABELS).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(auc(&[1.0, 1.0], &[true, false]), Some(0.5));
        assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(auc(&[], &[]), None);
        assert_eq!(auc(&[f64::NAN, 2.0], &[true, false]), None);
        assert_eq!(
            ks(&[0.0, 1.0], &[true, false]),
            Some(1.0),
            "direction does not matter"
        );
    }

    #[test]
    fn roc_has_one_point_per_distinct_score() {
        let third = 1.0 / 3.0;
        let expected = [
            (0.0, 0.0),
            (0.0, third),
            (third, 2.0 * third),
            (2.0 * third, 2.0 * third),
            (2.0 * third, 1.0),
            (1.0, 1.0),
        ];
        assert_eq!(roc_curve(&SCORES, &LABELS), expected);
    }

    #[test]
    fn lift_splits_ties() {
        // The upper half: .9 and the two .8: 2 of 3 against 3 of 6.
        assert!((lift_at(&SCORES, &LABELS, 0.5).unwrap() - 4.0 / 3.0).abs() < 1e-12);
        // The upper third: .9 and half of the tie: 1.5 of 2 against 3 of 6.
        assert!((lift_at(&SCORES, &LABELS, 1.0 / 3.0).unwrap() - 1.5).abs() < 1e-12);
        assert_eq!(lift_at(&SCORES, &LABELS, 1.0), Some(1.0));
        assert_eq!(lift_at(&SCORES, &LABELS, 0.0), None);
        assert_eq!(lift_at(&SCORES, &[false; 6], 0.5), None);
    }

    #[test]
    fn weights_count_like_repetition() {
        let ranking = Ranking::new(&SCORES, &LABELS).unwrap();
        let weights = [2, 0, 1, 3, 1, 1];
        let (mut scores, mut labels) = (Vec::new(), Vec::new());
        for (at, &weight) in weights.iter().enumerate() {
            for _ in 0..weight {
                scores.push(SCORES[at]);
                labels.push(LABELS[at]);
            }
        }
        assert_eq!(ranking.auc(Some(&weights)), auc(&scores, &labels));
        assert_eq!(ranking.ks(Some(&weights)), ks(&scores, &labels));
        assert_eq!(
            ranking.lift_at(0.3, Some(&weights)),
            lift_at(&scores, &labels, 0.3)
        );
    }

    #[test]
    fn recall_by_hand() {
        let similarities = Matrix::from_rows(&[[0.9, 0.1, 0.5], [0.2, 0.3, 0.9]]).unwrap();
        let own = [vec![0], vec![1]];
        assert_eq!(recall_at_k(&similarities, &own, 1), Some(0.5));
        assert_eq!(recall_at_k(&similarities, &own, 2), Some(1.0));
        assert_eq!(recall_at_k(&similarities, &[vec![2], vec![]], 2), Some(0.5));
        assert_eq!(recall_at_k(&Matrix::default(), &[], 1), None);
    }

    #[test]
    fn a_collapsed_model_is_at_chance() {
        let similarities = Matrix::new(3, 20, vec![0.7; 60]).unwrap();
        let relevant = [vec![4], vec![0, 19], vec![7, 8, 9]];
        for k in [1, 5, 10, 20, 30] {
            let chance = chance_recall_at_k(20, &relevant, k).unwrap();
            assert!((recall_at_k(&similarities, &relevant, k).unwrap() - chance).abs() < 1e-12);
        }
        // One relevant candidate of 20 in 5 draws.
        assert!((hypergeometric_hit(20, 1, 5) - 0.25).abs() < 1e-12);
    }
}
