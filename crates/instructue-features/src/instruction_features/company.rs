//! What users who have some texts have besides: a linear regression of each text on all others.
//!
//! This is EASE (arXiv:1905.03375) on standardised levels: with the inverse P of the regularised
//! Gram matrix, the weight of text j for text i is −P[j, i] / P[i, i].

use nalgebra::DMatrix;

/// Texts that are regressed on each other, at most: the most widespread ones.
const TEXTS: usize = 1_000;
/// Users that this is learned from, at most.
const USERS: usize = 5_000;
/// What is added to the Gram matrix's diagonal.
const RIDGE: f64 = 300.0;
/// Weights that are kept for a text, the largest ones.
const KEPT: usize = 40;

/// Moments of levels, and weights of other texts.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// The mean and the deviation of each text's levels.
    pub moments: Vec<(f64, f64)>,
    /// For each text other texts with their weights, the largest first.
    pub weights: Vec<Vec<(u32, f32)>>,
}

impl Company {
    /// Learns from users' levels of texts; a text that a user is not listed with has level 0.
    pub fn fit(levels: &[Vec<(u32, f64)>], texts: usize) -> Self {
        let users = levels.len().max(1) as f64;
        let mut sums = vec![(0.0, 0.0); texts];
        for (text, level) in levels.iter().flatten() {
            let (sum, squares) = &mut sums[*text as usize];
            *sum += level;
            *squares += level * level;
        }
        let moment = |(sum, squares): (f64, f64)| {
            let mean = sum / users;
            (mean, (squares / users - mean * mean).max(0.0).sqrt() + 1e-3)
        };
        let moments: Vec<(f64, f64)> = sums.into_iter().map(moment).collect();
        let compared = texts.min(TEXTS);
        let mut weights = vec![Vec::new(); texts];
        if compared < 2 {
            return Self { moments, weights };
        }
        let some = &levels[..levels.len().min(USERS)];
        let mut x = DMatrix::<f64>::zeros(some.len(), compared);
        for (text, (mean, deviation)) in moments[..compared].iter().enumerate() {
            x.column_mut(text).fill(-mean / deviation);
        }
        for (user, levels) in some.iter().enumerate() {
            for &(text, level) in levels {
                if let Some((mean, deviation)) = moments[..compared].get(text as usize) {
                    x[(user, text as usize)] = (level - mean) / deviation;
                }
            }
        }
        let gram = x.tr_mul(&x) + DMatrix::identity(compared, compared) * RIDGE;
        // Always there: the ridge makes the matrix positive definite.
        let Some(inverse) = gram.cholesky().map(|factor| factor.inverse()) else {
            return Self { moments, weights };
        };
        for (text, weights) in weights[..compared].iter_mut().enumerate() {
            let own = inverse[(text, text)];
            let others = (0..compared).filter(|other| *other != text);
            let others = others.map(|other| (other as u32, (-inverse[(other, text)] / own) as f32));
            let mut others: Vec<(u32, f32)> = others.collect();
            others.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
            others.truncate(KEPT);
            *weights = others;
        }
        Self { moments, weights }
    }
}
