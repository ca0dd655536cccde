//! Random numbers as pure functions of a seed and a purpose. Every random decision of a run needs
//! them.
//!
//! A run has one seed. Each random decision derives its own number from the seed, a purpose and
//! the numbers that identify the decision (epoch, step, row, …). So decisions do not depend on
//! the order in which they are made, and a resumed run makes the same ones.
//!
//! ```
//! use instructue_schema::seed;
//!
//! let dropped = seed::derive(7, "instruction dropout", &[/* epoch */ 2, /* row */ 311]);
//! assert_eq!(dropped, seed::derive(7, "instruction dropout", &[2, 311]));
//! assert_ne!(dropped, seed::derive(7, "instruction dropout", &[2, 312]));
//! ```

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The version of the derivation. A new version changes every run.
const VERSION: &[u8] = b"instructue seed 1";

/// A 64-bit number for `purpose` and `parts` under `seed`. It is the same on every machine and in
/// every version.
pub fn derive(seed: u64, purpose: &str, parts: &[u64]) -> u64 {
    let digest = digest(seed, purpose, parts);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// A generator for `purpose` and `parts` under `seed`.
pub fn rng(seed: u64, purpose: &str, parts: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(seed, purpose, parts))
}

/// A number in `0..bound`. Its bias is below 2⁻³² for bounds below 2³².
///
/// Unlike the distributions of `rand`, it is the same in every version.
///
/// # Panics
/// If `bound` is 0.
pub fn below(rng: &mut impl RngCore, bound: u64) -> u64 {
    assert!(bound > 0, "a number below 0 was asked for");
    ((u128::from(rng.next_u64()) * u128::from(bound)) >> 64) as u64
}

/// Puts `items` into a random order that is the same in every version.
pub fn shuffle<T>(items: &mut [T], rng: &mut impl RngCore) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last as u64 + 1) as usize);
    }
}

fn digest(seed: u64, purpose: &str, parts: &[u64]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(VERSION);
    hash.update(seed.to_le_bytes());
    // The length keeps ("a", [..]) and ("ab", [..]) apart whatever follows.
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose.as_bytes());
    for part in parts {
        hash.update(part.to_le_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn known_values_stay() {
        // These values were computed with Python's hashlib. A change here changes every run.
        assert_eq!(derive(0, "", &[]), KNOWN[0]);
        assert_eq!(derive(42, "order", &[1, 2]), KNOWN[1]);
    }

    #[test]
    fn every_argument_matters() {
        let all = [
            derive(1, "a", &[]),
            derive(2, "a", &[]),
            derive(1, "b", &[]),
            derive(1, "a", &[0]),
            derive(1, "a", &[0, 0]),
            derive(1, "a\0", &[]),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn shuffles_are_permutations_and_spread() {
        let mut first_of = [0; 5];
        for part in 0..2_000 {
            let mut items = [0, 1, 2, 3, 4];
            shuffle(&mut items, &mut rng(3, "test", &[part]));
            first_of[items[0]] += 1;
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3, 4]);
        }
        // The expected number is 400, with a standard deviation of 18.
        assert!(
            first_of.iter().all(|n| (310..490).contains(n)),
            "{first_of:?}"
        );
    }

    #[test]
    fn below_reaches_all_and_nothing_else() {
        let mut rng = rng(3, "test", &[]);
        let seen: HashSet<_> = (0..200).map(|_| below(&mut rng, 7)).collect();
        assert_eq!(seen, (0..7).collect());
    }

    const KNOWN: [u64; 2] = [3816676493128810622, 18206017142591525452];
}
