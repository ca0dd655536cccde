//! Batches of rows of similar length, so that little is padding.

use instructue_schema::seed;

/// Lengths are randomised by this share of themselves, so that batches differ between epochs.
const JITTER: f64 = 0.1;

/// Groups rows of the given lengths into batches, in random order.
///
/// Rows of similar length come together. A batch has at most `max_rows` rows, and its padded size
/// (rows × longest) stays within `max_tokens`; a longer row stands alone. Every index is in
/// exactly one batch. The result is a pure function of the arguments, so the seed must be derived
/// from the epoch or step.
///
/// ```
/// use instructue_features::token_budget_batches;
///
/// let batches = token_budget_batches(&[10, 90, 11, 300, 88], 200, 8, 7);
/// assert_eq!(batches.len(), 3); // {10, 11}, {90, 88}, {300}
/// assert!(batches.contains(&vec![3]));
/// ```
pub fn token_budget_batches(
    lengths: &[usize],
    max_tokens: usize,
    max_rows: usize,
    seed: u64,
) -> Vec<Vec<usize>> {
    let mut rng = seed::rng(seed, "length buckets", &[]);
    let mut order: Vec<(u64, usize)> = lengths
        .iter()
        .enumerate()
        .map(|(row, &length)| {
            // The unit is 1/1024, so that equal lengths are mixed too.
            let exact = (length as u64).saturating_mul(1024);
            let spread = (exact as f64 * JITTER) as u64 + 1024;
            (exact.saturating_add(seed::below(&mut rng, spread)), row)
        })
        .collect();
    order.sort_unstable();

    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut batch: Vec<usize> = Vec::new();
    let mut longest = 0;
    for (_, row) in order {
        let longest_then = lengths[row].max(longest);
        let padded = longest_then.saturating_mul(batch.len() + 1);
        if !batch.is_empty() && (padded > max_tokens || batch.len() >= max_rows) {
            batches.push(std::mem::take(&mut batch));
            longest = lengths[row];
        } else {
            longest = longest_then;
        }
        batch.push(row);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    seed::shuffle(&mut batches, &mut rng);
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_once_within_the_budget(
            lengths in prop::collection::vec(0_usize..500, 0..200),
            max_tokens in 0_usize..3_000,
            max_rows in 0_usize..40,
            seed: u64,
        ) {
            let batches = token_budget_batches(&lengths, max_tokens, max_rows, seed);
            for batch in &batches {
                let longest = batch.iter().map(|&row| lengths[row]).max().unwrap();
                prop_assert!(batch.len() == 1 || batch.len() * longest <= max_tokens);
                prop_assert!(batch.len() <= max_rows.max(1));
            }
            let mut rows: Vec<_> = batches.concat();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert_eq!(&batches, &token_budget_batches(&lengths, max_tokens, max_rows, seed));
        }
    }

    #[test]
    fn little_is_padded() {
        let mut rng = seed::rng(1, "test", &[]);
        let lengths: Vec<_> = (0..2_000)
            .map(|_| 20 + seed::below(&mut rng, 480) as usize)
            .collect();
        let batches = token_budget_batches(&lengths, 8_192, 64, 5);
        let padded: usize = batches
            .iter()
            .map(|batch| batch.len() * batch.iter().map(|&row| lengths[row]).max().unwrap())
            .sum();
        let share = lengths.iter().sum::<usize>() as f64 / padded as f64;
        // In random order about half of the slots would be padding.
        assert!(share > 0.9, "{share}");
    }

    #[test]
    fn seeds_change_batches_and_order() {
        let lengths = vec![100; 64];
        let batches = |seed| token_budget_batches(&lengths, 800, 64, seed);
        assert_ne!(batches(1), batches(2));
        let mixed: Vec<_> = (1..300).collect();
        let order: Vec<_> = token_budget_batches(&mixed, 1_000, 64, 1)
            .iter()
            .map(|batch| mixed[batch[0]])
            .collect();
        assert!(!order.is_sorted());
    }
}
