//! How well items are ranked for one user: HR@k and NDCG@k.

use std::collections::HashSet;

use instructue_schema::seed;

/// One user's candidates by score. Candidates of equal score are taken in random
/// order, in expectation, so that a method that says nothing is at chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    /// (Score, whether the item is relevant), without what is excluded.
    items: Vec<(f32, bool)>,
}

impl Candidates {
    /// `relevant` and `excluded` are places in `scores`; what is excluded is no
    /// candidate even when it is relevant. NaN ranks last.
    ///
    /// # Panics
    /// If a place is beyond the scores.
    pub fn new(scores: &[f32], relevant: &[usize], excluded: &[usize]) -> Self {
        let largest = relevant.iter().chain(excluded).max();
        assert!(
            largest.is_none_or(|&place| place < scores.len()),
            "a candidate"
        );
        let relevant: HashSet<usize> = relevant.iter().copied().collect();
        let excluded: HashSet<usize> = excluded.iter().copied().collect();
        let places = (0..scores.len()).filter(|place| !excluded.contains(place));
        let item = |place: usize| {
            let score = scores[place];
            let score = if score.is_nan() {
                f32::NEG_INFINITY
            } else {
                score
            };
            (score, relevant.contains(&place))
        };
        Self {
            items: places.map(item).collect(),
        }
    }

    /// One relevant item among `negatives` irrelevant ones, all drawn by `seed`:
    /// the customary cheap form. The same seed draws the same places, whatever the scores.
    pub fn sampled(&self, negatives: usize, seed: u64) -> Self {
        let mut rng = seed::rng(seed, "sampled candidates", &[]);
        let mut draw = |relevant: bool, count: usize| {
            let places = (0..self.items.len()).filter(|&place| self.items[place].1 == relevant);
            let mut places: Vec<usize> = places.collect();
            seed::shuffle(&mut places, &mut rng);
            places.truncate(count);
            places
        };
        let mut places = draw(true, 1);
        places.extend(draw(false, negatives));
        Self {
            items: places.into_iter().map(|place| self.items[place]).collect(),
        }
    }

    /// The probability that a relevant item is among the first `k`; 0 without one.
    pub fn hit_rate_at_k(&self, k: usize) -> f64 {
        let mut miss = 1.0;
        self.groups(k, |size, relevant, left| {
            // `left` draws of `size` without replacement.
            for draw in 0..left.min(size) {
                let rest = size - draw;
                miss *= rest.saturating_sub(relevant) as f64 / rest as f64;
            }
        });
        1.0 - miss
    }

    /// Discounted gain of the first `k` over that of the best order; 0 without a
    /// relevant item.
    pub fn ndcg_at_k(&self, k: usize) -> f64 {
        let discount = |place: usize| 1.0 / (place as f64 + 2.0).log2();
        let relevant = self.items.iter().filter(|item| item.1).count();
        let best: f64 = (0..relevant.min(k)).map(discount).sum();
        let mut gain = 0.0;
        self.groups(k, |size, relevant, left| {
            let first = k - left;
            let places: f64 = (first..first + left.min(size)).map(discount).sum();
            gain += places * relevant as f64 / size as f64;
        });
        if best > 0.0 { gain / best } else { 0.0 }
    }

    /// Calls `visit` with (size, relevant ones, places left) of each group of equal
    /// scores that reaches into the first `k`.
    fn groups(&self, k: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let mut order = self.items.clone();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut first = 0;
        for group in order.chunk_by(|a, b| a.0 == b.0) {
            if first >= k {
                break;
            }
            let relevant = group.iter().filter(|item| item.1).count();
            visit(group.len(), relevant, k - first);
            first += group.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_by_hand() {
        let one = Candidates::new(&[0.9, 0.1, 0.5, 0.4], &[2], &[]);
        assert_eq!((one.hit_rate_at_k(1), one.hit_rate_at_k(2)), (0.0, 1.0));
        assert!((one.ndcg_at_k(2) - 1.0 / 3f64.log2()).abs() < 1e-12);
        // Without what was seen it is the first.
        let one = Candidates::new(&[0.9, 0.1, 0.5, 0.4], &[2], &[0]);
        assert_eq!(one.ndcg_at_k(1), 1.0);
        // Two of three relevant, at places 1 and 3.
        let two = Candidates::new(&[0.9, 0.5, 0.4], &[0, 2], &[]);
        let best = 1.0 + 1.0 / 3f64.log2();
        assert!((two.ndcg_at_k(3) - 1.5 / best).abs() < 1e-12);
        assert_eq!(Candidates::new(&[0.9], &[], &[]).ndcg_at_k(3), 0.0);
        assert_eq!(Candidates::new(&[0.9], &[], &[]).hit_rate_at_k(3), 0.0);
    }

    #[test]
    fn ties_are_at_chance() {
        let tied = Candidates::new(&[0.5; 20], &[3], &[]);
        assert!((tied.hit_rate_at_k(5) - 0.25).abs() < 1e-12);
        let mean: f64 = (0..5)
            .map(|at| 1.0 / (f64::from(at) + 2.0).log2() / 20.0)
            .sum();
        assert!((tied.ndcg_at_k(5) - mean).abs() < 1e-12);
        let nan = Candidates::new(&[f32::NAN, 0.1], &[0], &[]);
        assert_eq!((nan.hit_rate_at_k(1), nan.hit_rate_at_k(2)), (0.0, 1.0));
    }

    #[test]
    fn a_sample_is_one_relevant_item_and_others() {
        let scores: Vec<f32> = (0..200).map(|at| at as f32).collect();
        let all = Candidates::new(&scores, &[199, 5], &[]);
        let some = all.sampled(50, 3);
        assert_eq!(some.items.len(), 51);
        assert_eq!(some.items.iter().filter(|item| item.1).count(), 1);
        assert_eq!(some, all.sampled(50, 3));
        assert_ne!(some, all.sampled(50, 4));
        assert_eq!(all.sampled(500, 3).items.len(), 199);
    }
}
