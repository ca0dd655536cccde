//! Candidate pools: the popular values that questions may name, and the random choice among them.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::seed;
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::rules::{Needs, Rule};
use crate::snapshot::{Future, Past, Target, rank};
use crate::split::unit;
use crate::triple::TripleKind;

/// A popular value of a category field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopularValue {
    /// The value.
    pub value: String,
    /// The share of training profiles with the source that have the value in the window.
    pub past: f64,
    /// The share of them that have it within the horizon.
    pub next: f64,
    /// The share of them that have it in both.
    pub both: f64,
}

/// How much more likely a future question names a value that the user has had than one that the
/// user has not had.
const OWN: f64 = 4.0;

/// The number of values that are proposed before a balanced question is given up. More tries
/// would make up for rejections, and rejections create the balance.
const TRIES: usize = 2;

impl PopularValue {
    /// The shares of training profiles that would answer yes and no, weighted by the chance that
    /// the value is kept for them.
    fn future_odds(&self) -> (f64, f64) {
        let yes = self.both + (self.next - self.both).max(0.0) / OWN;
        let no = (self.past - self.both).max(0.0)
            + (1.0 - self.past - self.next + self.both).max(0.0) / OWN;
        (yes, no)
    }

    fn past_odds(&self) -> (f64, f64) {
        (self.past, 1.0 - self.past)
    }
}

/// The popular values of one field.
#[derive(Debug, Clone)]
pub(crate) struct CandidatePool {
    values: Vec<(Arc<str>, PopularValue)>,
    index: HashMap<Arc<str>, usize>,
    past: Proposals,
    future: Proposals,
}

/// Proposals of values for a yes-or-no question, which do not depend on the user.
#[derive(Debug, Clone)]
struct Proposals {
    /// The running sums of the weights.
    sums: Vec<f64>,
    /// The chances of keeping a value whose answer is yes, and one whose answer is no. Both then
    /// remain equally frequent among the training profiles, so the value that a question names
    /// does not tell its answer.
    keep: Vec<(f64, f64)>,
}

impl Proposals {
    fn new(odds: impl Iterator<Item = (f64, f64)>) -> Self {
        let (mut sums, mut keep, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for (yes, no) in odds {
            // Rare values are rarely kept. The square root makes up for half of that.
            sum += yes.min(no).max(0.0).sqrt();
            sums.push(sum);
            keep.push(((no / yes).min(1.0), (yes / no).min(1.0)));
        }
        Self { sums, keep }
    }

    fn draw(&self, rng: &mut impl RngCore) -> usize {
        let place = unit(rng.next_u64()) * self.sums.last().copied().unwrap_or(0.0);
        self.sums
            .partition_point(|sum| *sum <= place)
            .min(self.sums.len().saturating_sub(1))
    }

    /// A value for which `holds` is true about as often as false over many users.
    fn pick(
        &self,
        holds: &[bool],
        chance: impl Fn(usize) -> f64,
        rng: &mut impl RngCore,
    ) -> Option<usize> {
        (0..TRIES).find_map(|_| {
            let i = self.draw(rng);
            let (yes, no) = *self.keep.get(i)?;
            let keep = if holds[i] { yes } else { no } * chance(i);
            coin(rng, keep).then_some(i)
        })
    }
}

impl CandidatePool {
    pub fn new(values: &[PopularValue]) -> Self {
        let past = Proposals::new(values.iter().map(PopularValue::past_odds));
        let future = Proposals::new(values.iter().map(PopularValue::future_odds));
        let values: Vec<(Arc<str>, PopularValue)> = values
            .iter()
            .map(|entry| (entry.value.as_str().into(), entry.clone()))
            .collect();
        let index = values
            .iter()
            .enumerate()
            .map(|(i, (text, _))| (text.clone(), i))
            .collect();
        Self {
            values,
            index,
            past,
            future,
        }
    }

    /// For each popular value, whether it is among a user's values.
    fn among(&self, values: &[(&Arc<str>, u32)]) -> Vec<bool> {
        let mut among = vec![false; self.values.len()];
        for (text, _) in values {
            if let Some(&i) = self.index.get(*text) {
                among[i] = true;
            }
        }
        among
    }

    /// One of the user's values with chance `own`, otherwise another one. PopularValue values are more
    /// likely.
    fn pick_from(&self, had: &[bool], own: f64, rng: &mut impl RngCore) -> Option<usize> {
        let mut want = coin(rng, own);
        if had.iter().all(|has| *has != want) {
            want = !want;
        }
        let candidates = || (0..had.len()).filter(|&i| had[i] == want);
        let weight = |i: usize| self.values[i].1.past.max(0.001);
        let mut place = unit(rng.next_u64()) * candidates().map(weight).sum::<f64>();
        let found = candidates().find(|&i| {
            place -= weight(i);
            place < 0.0
        });
        found.or_else(|| candidates().next_back())
    }

    fn text(&self, i: usize) -> Arc<str> {
        self.values[i].0.clone()
    }
}

/// The toss of a coin with this chance of heads.
fn coin(rng: &mut impl RngCore, heads: f64) -> bool {
    unit(rng.next_u64()) < heads
}

/// Fills in the values that the question names; `None` when there is none to name.
///
/// `future` is given only if the choice may depend on it.
pub(crate) fn pick(
    rule: &Rule,
    target: &Target,
    pool: Option<&CandidatePool>,
    past: &Past<'_>,
    future: Option<&Future<'_>>,
    rng: &mut impl RngCore,
) -> Option<Target> {
    if !rule.needs.names_value() {
        return Some(target.clone());
    }
    let (pool, source, field) = (pool?, target.source?, target.field?);
    let had = pool.among(&rank(&past.events(source), field));
    let first = match (rule.kind(), future) {
        (TripleKind::Future, Some(future)) => {
            let next = pool.among(&rank(&future.events(source), field));
            let own = |i: usize| if had[i] { 1.0 } else { 1.0 / OWN };
            pool.future.pick(&next, own, rng)?
        }
        (TripleKind::Future, None) => pool.pick_from(&had, 0.5, rng)?,
        // Yes-or-no questions are half and half. Other questions are mostly about values that the
        // user has.
        (TripleKind::Past, _) if rule.name == "has_value" => pool.past.pick(&had, |_| 1.0, rng)?,
        (TripleKind::Past, _) => pool.pick_from(&had, 0.75, rng)?,
    };
    let mut target = Target {
        value: Some(pool.text(first)),
        ..target.clone()
    };
    if rule.needs == Needs::TwoValues {
        let own = coin(rng, 0.6);
        let others = |own: bool| -> Vec<usize> {
            (0..had.len())
                .filter(|&i| i != first && (had[i] || !own))
                .collect()
        };
        let mut candidates = others(own);
        if candidates.is_empty() {
            candidates = others(false);
        }
        let place = seed::below(rng, candidates.len().max(1) as u64) as usize;
        target.other = Some(pool.text(*candidates.get(place)?));
        if coin(rng, 0.5) {
            std::mem::swap(&mut target.value, &mut target.other);
        }
    }
    Some(target)
}
