//! Random numbers as pure functions of (seed, user, purpose).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The purpose of a random stream. A new purpose leaves the other streams unchanged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Traits,
    Person,
    /// The events of the source at this position.
    Events(u8),
    Tabular,
}

/// A random stream.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub fn new(seed: u64, user: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&user.to_le_bytes());
        key[16..24].copy_from_slice(b"generate");
        let (kind, source) = match purpose {
            Purpose::Traits => (0, 0),
            Purpose::Person => (1, 0),
            Purpose::Events(source) => (2, source),
            Purpose::Tabular => (3, 0),
        };
        key[24..26].copy_from_slice(&[kind, source]);
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A number in 0..n; 0 for n = 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// exp(mean + spread · normal).
    pub fn log_normal(&mut self, mean: f64, spread: f64) -> f64 {
        (mean + spread * self.normal()).exp()
    }

    /// A Poisson number by counting exponential steps. Large means are split.
    pub fn poisson(&mut self, mean: f64) -> usize {
        let mut count = 0;
        let mut rest = mean;
        while rest > 0.0 {
            let part = rest.min(20.0);
            let floor = (-part).exp();
            let mut product = self.unit();
            while product > floor {
                count += 1;
                product *= self.unit();
            }
            rest -= part;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(1, 2, Purpose::Person);
        let n = 20_000;
        let counts: Vec<f64> = (0..n).map(|_| random.poisson(50.0) as f64).collect();
        let mean = counts.iter().sum::<f64>() / f64::from(n);
        let variance = counts.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        // The standard errors are 0.05 and 0.5.
        assert!(
            (mean - 50.0).abs() < 0.25 && (variance - 50.0).abs() < 2.5,
            "{mean} {variance}"
        );
        let normals: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!(
            mean.abs() < 0.04 && (variance - 1.0).abs() < 0.06,
            "{mean} {variance}"
        );
    }

    #[test]
    fn streams_differ_by_user_and_purpose() {
        let first = |user, purpose| Random::new(7, user, purpose).unit();
        let all = [
            first(0, Purpose::Traits),
            first(1, Purpose::Traits),
            first(0, Purpose::Person),
            first(0, Purpose::Events(0)),
            first(0, Purpose::Events(1)),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{all:?}");
        }
    }
}
