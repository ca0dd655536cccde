//! Likeness of spelling: short runs of letters that texts share.

use std::collections::{BTreeMap, HashMap};

/// Lengths of runs.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=5;

/// Texts by their runs of letters, rare runs weighing more.
#[derive(Debug)]
pub(super) struct Ngrams {
    /// For each run its rarity and the texts that have it, with its weight in each.
    runs: HashMap<String, (f32, Vec<(u32, f32)>)>,
}

impl Ngrams {
    /// From each text's parts and how much each part weighs.
    pub fn new(texts: &[Vec<(String, f32)>]) -> Self {
        let counted = texts.iter().map(|parts| {
            // In the order of the runs, so that sums are the same every time.
            let mut runs: BTreeMap<String, f32> = BTreeMap::new();
            for (part, weight) in parts {
                for run in runs_of(part) {
                    *runs.entry(run).or_default() += weight;
                }
            }
            runs
        });
        let counted: Vec<BTreeMap<String, f32>> = counted.collect();
        let mut with: HashMap<&str, f32> = HashMap::new();
        for run in counted.iter().flat_map(BTreeMap::keys) {
            *with.entry(run).or_default() += 1.0;
        }
        let rarity = |run: &str| (1.0 + texts.len() as f32 / with[run]).ln();
        let mut runs: HashMap<String, (f32, Vec<(u32, f32)>)> = HashMap::new();
        for (own, text) in counted.iter().zip(0..) {
            let weight = |(run, count): (&String, &f32)| count.ln_1p() * rarity(run);
            let length = own
                .iter()
                .map(|pair| weight(pair).powi(2))
                .sum::<f32>()
                .sqrt();
            for (run, count) in own {
                let entry = runs.entry(run.clone());
                let (_, texts) = entry.or_insert_with(|| (rarity(run), Vec::new()));
                texts.push((text, weight((run, count)) / length));
            }
        }
        Self { runs }
    }

    /// The cosine of an instruction's runs and those of each text, `[texts]`.
    pub fn cosines(&self, instruction: &str, texts: usize) -> Vec<f32> {
        let mut counts: BTreeMap<String, f32> = BTreeMap::new();
        for run in runs_of(instruction) {
            *counts.entry(run).or_default() += 1.0;
        }
        let mut sums = vec![0.0; texts];
        let mut length = 0.0f32;
        for (run, count) in counts {
            let Some((rarity, with)) = self.runs.get(&run) else {
                continue;
            };
            let weight = count.ln_1p() * rarity;
            length += weight.powi(2);
            for (text, share) in with {
                sums[*text as usize] += weight * share;
            }
        }
        let length = length.sqrt().max(1e-6);
        sums.iter().map(|sum| sum / length).collect()
    }
}

/// The runs of letters of each word, with a blank at both of its ends.
fn runs_of(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let runs = words.flat_map(|word| {
        let letters: Vec<char> = [' '].into_iter().chain(word.chars()).chain([' ']).collect();
        let of = |length: usize| {
            let runs = letters.windows(length).map(|run| run.iter().collect());
            runs.collect::<Vec<String>>()
        };
        LENGTHS.flat_map(of).collect::<Vec<String>>()
    });
    runs.collect::<Vec<String>>().into_iter()
}
