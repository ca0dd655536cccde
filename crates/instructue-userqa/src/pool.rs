//! The popular values that questions may name, and how one is picked.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_data::seed;
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::config::unit;
use crate::cut::{Future, Past, Target, rank};
use crate::rules::{Needs, Rule};
use crate::triple::TripleKind;

/// A popular value of a category field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Popular {
    /// The value.
    pub value: String,
    /// Share of the training profiles with the source that have it.
    pub past: f64,
    /// Share of them that have it within the horizon.
    pub next: f64,
}

/// The popular values of one field.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    values: Vec<(Arc<str>, Popular)>,
    index: HashMap<Arc<str>, usize>,
}

/// Which rate of a value counts.
type Rate = fn(&Popular) -> f64;

impl Pool {
    pub fn new(values: &[Popular]) -> Self {
        let values: Vec<(Arc<str>, Popular)> = values
            .iter()
            .map(|entry| (entry.value.as_str().into(), entry.clone()))
            .collect();
        let index = values
            .iter()
            .enumerate()
            .map(|(i, (text, _))| (text.clone(), i))
            .collect();
        Self { values, index }
    }

    /// Positions of the popular values among a user's.
    fn of(&self, values: &[(&Arc<str>, u32)]) -> Vec<usize> {
        values
            .iter()
            .filter_map(|(text, _)| self.index.get(*text).copied())
            .collect()
    }

    /// Positions of the values that are not in `without`.
    fn others(&self, without: &[usize]) -> Vec<usize> {
        let mut there = vec![false; self.values.len()];
        for &i in without {
            there[i] = true;
        }
        (0..self.values.len()).filter(|&i| !there[i]).collect()
    }

    /// One of `among`. With rate p, a value that holds is drawn with weight 1 − p and one
    /// that does not with weight p: both then come up in proportion to p (1 − p),
    /// so which value a question names says little about its answer.
    fn draw(
        &self,
        among: &[usize],
        holds: bool,
        rate: Rate,
        rng: &mut impl RngCore,
    ) -> Option<usize> {
        let weight = |i: &usize| {
            let rate = rate(&self.values[*i].1).clamp(0.01, 0.99);
            if holds { 1.0 - rate } else { rate }
        };
        let total: f64 = among.iter().map(weight).sum();
        let mut place = unit(rng.next_u64()) * total;
        for i in among {
            place -= weight(i);
            if place < 0.0 {
                return Some(*i);
            }
        }
        among.last().copied()
    }

    fn text(&self, i: usize) -> Arc<str> {
        self.values[i].0.clone()
    }
}

/// Whether a coin with this chance of heads shows heads.
fn coin(rng: &mut impl RngCore, heads: f64) -> bool {
    unit(rng.next_u64()) < heads
}

/// Fills in the values that the question names; `None` when there are none to name.
///
/// `future` is given only where the choice may depend on it.
pub(crate) fn pick(
    rule: &Rule,
    target: &Target,
    pool: Option<&Pool>,
    past: &Past<'_>,
    future: Option<&Future<'_>>,
    rng: &mut impl RngCore,
) -> Option<Target> {
    let named = matches!(
        rule.needs,
        Needs::Value | Needs::TwoValues | Needs::NumberValue | Needs::ValueCategory
    );
    if !named {
        return Some(target.clone());
    }
    let (pool, source, field) = (pool?, target.source?, target.field?);
    let had = pool.of(&rank(&past.events(source), field));
    let first = match (rule.kind(), future) {
        (TripleKind::Future, Some(future)) => {
            let next = pool.of(&rank(&future.events(source), field));
            pick_balanced(pool, &had, &next, rng)?
        }
        (TripleKind::Future, None) => pick_from(pool, &had, 0.5, |popular| popular.next, rng)?,
        // Yes or no: half and half. How much, when: mostly about values the user has.
        (TripleKind::Past, _) => {
            let own = if rule.name == "has_value" { 0.5 } else { 0.75 };
            pick_from(pool, &had, own, |popular| popular.past, rng)?
        }
    };
    let mut target = Target {
        value: Some(pool.text(first)),
        ..target.clone()
    };
    if rule.needs == Needs::TwoValues {
        let mut own: Vec<usize> = had.iter().copied().filter(|i| *i != first).collect();
        if own.is_empty() || coin(rng, 0.4) {
            own = pool.others(&[first]);
        }
        let second = *own.get(seed::below(rng, own.len().max(1) as u64) as usize)?;
        target.other = Some(pool.text(second));
        if coin(rng, 0.5) {
            std::mem::swap(&mut target.value, &mut target.other);
        }
    }
    Some(target)
}

/// One of the user's own values with chance `own`, else one the user has not.
fn pick_from(
    pool: &Pool,
    had: &[usize],
    own: f64,
    rate: Rate,
    rng: &mut impl RngCore,
) -> Option<usize> {
    let mut holds = coin(rng, own);
    let others = pool.others(had);
    if had.is_empty() || others.is_empty() {
        holds = !had.is_empty();
    }
    pool.draw(if holds { had } else { &others }, holds, rate, rng)
}

/// A value that will occur or one that will not, half and half where both
/// exist. Half of each kind is taken, where possible, from the values for
/// which past and future disagree least obviously: the ones the user had.
fn pick_balanced(
    pool: &Pool,
    had: &[usize],
    next: &[usize],
    rng: &mut impl RngCore,
) -> Option<usize> {
    let not = pool.others(next);
    let mut holds = coin(rng, 0.5);
    if next.is_empty() || not.is_empty() {
        holds = !next.is_empty();
    }
    let all = if holds { next } else { &not };
    let known: Vec<usize> = all.iter().copied().filter(|i| had.contains(i)).collect();
    let among = if !known.is_empty() && coin(rng, 0.5) {
        &known
    } else {
        all
    };
    pool.draw(among, holds, |popular| popular.next, rng)
}
