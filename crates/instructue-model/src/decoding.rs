//! Decoding: which token comes next, given the scores of all. Greedy, or drawn from the
//! nucleus.

use instructue_schema::limits::{self, numbers};
use instructue_schema::seed;

use crate::error::Result;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Decoding {
    /// The token of the highest score; of equal ones that of the lowest id.
    #[default]
    Greedy,
    /// A draw among the likeliest tokens that together reach `top_p`.
    Nucleus {
        /// From 0 (the likeliest token alone) to 1 (all).
        top_p: f64,
        /// Divides the scores; above 0. Above 1 flattens, below 1 sharpens.
        temperature: f64,
        /// Draw t is a function of this and t.
        seed: u64,
    },
}

impl Decoding {
    /// Refuses numbers [out of range](numbers).
    ///
    /// # Errors
    /// Names the key.
    pub fn validate(&self) -> Result<()> {
        let Self::Nucleus {
            top_p, temperature, ..
        } = *self
        else {
            return Ok(());
        };
        limits::check([
            ("top_p", numbers::SHARE.of(top_p)),
            ("temperature", numbers::DRAW_TEMPERATURE.of(temperature)),
        ])?;
        Ok(())
    }

    /// The `step`-th token by its scores. One that is not finite is never
    /// chosen; `None` if none is finite.
    pub(crate) fn choose(&self, scores: &[f32], step: usize) -> Option<u32> {
        let mut order: Vec<usize> = (0..scores.len())
            .filter(|&id| scores[id].is_finite())
            .collect();
        let better = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        let Self::Nucleus {
            top_p,
            temperature,
            seed,
        } = *self
        else {
            return order.into_iter().min_by(better).map(|id| id as u32);
        };
        order.sort_unstable_by(better);
        let highest = f64::from(scores[*order.first()?]);
        let weight = |&id: &usize| ((f64::from(scores[id]) - highest) / temperature).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let enough = top_p * weights.iter().sum::<f64>();
        let mut total = 0.0;
        let mut count = 0;
        while count == 0 || (count < weights.len() && total < enough) {
            total += weights[count];
            count += 1;
        }
        // 53 bits make a number in 0..1 without rounding.
        let bits = seed::derive(seed, "next token", &[step as u64]) >> 11;
        let mut left = bits as f64 / (1u64 << 53) as f64 * total;
        for (id, weight) in order.iter().zip(&weights[..count]) {
            left -= weight;
            if left < 0.0 {
                return Some(*id as u32);
            }
        }
        // Rounding may leave a crumb.
        Some(order[count - 1] as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 5] = [0.0, f32::NAN, 2.0, 1.0, f32::NEG_INFINITY];

    fn nucleus(top_p: f64, temperature: f64) -> Decoding {
        Decoding::Nucleus {
            top_p,
            temperature,
            seed: 11,
        }
    }

    fn shares(decoding: Decoding) -> [f64; 5] {
        let mut counts = [0.0; 5];
        for step in 0..4000 {
            counts[decoding.choose(&SCORES, step).unwrap() as usize] += 1.0 / 4000.0;
        }
        counts
    }

    #[test]
    fn greedy_takes_the_highest_and_of_equals_the_first() {
        assert_eq!(Decoding::Greedy.choose(&SCORES, 0), Some(2));
        assert_eq!(Decoding::Greedy.choose(&[1.0, 3.0, 3.0], 5), Some(1));
        for decoding in [Decoding::Greedy, nucleus(1.0, 1.0)] {
            assert_eq!(decoding.choose(&[f32::NAN], 0), None);
        }
    }

    #[test]
    fn a_draw_follows_the_softmax_of_the_nucleus() {
        for temperature in [0.5, 1.0, 3.0] {
            let weights = [0.0, 2.0, 1.0].map(|score: f64| (score / temperature).exp());
            let sum: f64 = weights.iter().sum();
            let found = shares(nucleus(1.0, temperature));
            for (id, weight) in [0, 2, 3].into_iter().zip(weights) {
                // Five standard deviations at most.
                assert!((found[id] - weight / sum).abs() < 0.04, "{found:?}");
            }
            assert_eq!((found[1], found[4]), (0.0, 0.0));
        }
        // 2 has .665 of the mass, 2 and 3 have .91.
        assert_eq!(shares(nucleus(0.6, 1.0))[2].round(), 1.0);
        assert_eq!(shares(nucleus(0.6, 1.0))[3], 0.0);
        let two = shares(nucleus(0.9, 1.0));
        assert!(two[0] == 0.0 && (two[3] - 0.269).abs() < 0.04, "{two:?}");
        assert!(shares(nucleus(0.95, 1.0))[0] > 0.0);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (top_p, temperature, key) in [
            (-0.1, 1.0, "top_p"),
            (1.5, 1.0, "top_p"),
            (f64::NAN, 1.0, "top_p"),
            (0.5, 0.0, "temperature"),
            (0.5, f64::INFINITY, "temperature"),
        ] {
            let error = nucleus(top_p, temperature).validate().unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
        nucleus(0.0, 0.1).validate().unwrap();
    }
}
