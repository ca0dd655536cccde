//! The builder of a user's triples, once it is fitted.

use std::collections::BTreeMap;

use instructue_schema::{History, Shard, seed, user_key};
use instructue_schema::{Schema, Timestamp};
use rayon::prelude::*;

use crate::candidate_pool::{CandidatePool, PopularValue, pick};
use crate::config::{UserQaConfig, split_of};
use crate::error::{Error, Result};
use crate::fit::{Fit, Fitted};
use crate::rules::{self, Find, Rule, Span};
use crate::snapshot::{Future, Past, Target, covers, event_sources};
use crate::split::{Split, unit};
use crate::thresholds::{Thresholds, field_name};
use crate::triple::{Facts, Triple, TripleKind};
use crate::words::Words;

/// Builds triples from histories. Once it is fitted, its triples are a pure function of (user,
/// reference time).
///
/// [`build`](crate::build) does both passes over a store. This type is for triples that are built
/// elsewhere, for example in memory.
#[derive(Debug)]
pub struct TripleBuilder {
    schema: Schema,
    config: UserQaConfig,
    data_end: Timestamp,
    fitted: Fitted,
    plans: Vec<Plan>,
}

/// A family with the targets that its questions can have.
#[derive(Debug)]
struct Plan {
    rule: &'static Rule,
    /// A stable number of the family.
    key: u64,
    held_out: bool,
    targets: Vec<(Target, Option<CandidatePool>)>,
}

/// The triples of one shard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShardTriples {
    /// The triples in the order of users, then reference times.
    pub triples: Vec<Triple>,
    /// The number of (user, reference time) pairs without any event in the windows. They have no
    /// triple.
    pub without_events: u64,
}

impl TripleBuilder {
    /// Fits thresholds and popular values on the training users among `shards`.
    ///
    /// `users` is the number of all users, from which sampling rates follow. `data_end` is the
    /// time up to which events are known.
    ///
    /// # Errors
    /// Any error of `shards`; a value of the configuration out of range; a schema without events;
    /// no training user with an event.
    pub fn fit<S: std::borrow::Borrow<Shard>>(
        schema: &Schema,
        config: &UserQaConfig,
        users: u64,
        data_end: Timestamp,
        shards: impl IntoIterator<Item = Result<S>>,
    ) -> Result<Self> {
        config.validate()?;
        if event_sources(schema).next().is_none() {
            return Err(Error::NoEvents {
                schema: schema.name.clone(),
            });
        }
        let data_end = config.data_end.unwrap_or(data_end);
        let mut fit = Fit::new(schema, config, users, data_end);
        for shard in shards {
            fit.add(shard?.borrow());
        }
        let references = config.references.len();
        let fitted = fit.finish().ok_or(Error::NothingToFit { references })?;
        let plans = plans(schema, config, &fitted);
        Ok(Self {
            schema: schema.clone(),
            config: config.clone(),
            data_end,
            fitted,
            plans,
        })
    }

    /// The fitted thresholds.
    pub fn thresholds(&self) -> &Thresholds {
        &self.fitted.thresholds
    }

    /// The popular values of each category field, named `source.field`.
    pub fn popular(&self) -> &BTreeMap<String, Vec<PopularValue>> {
        &self.fitted.popular
    }

    /// Whether events are known for `days` from `reference` on. Data that end on the last of
    /// these days count as complete.
    pub fn covers(&self, reference: Timestamp, days: i64) -> bool {
        covers(reference, days, self.data_end)
    }

    /// The triples of all users of a shard, in order. They are computed in parallel.
    pub fn shard(&self, index: u32, shard: &Shard) -> ShardTriples {
        let users: Vec<(Vec<Triple>, u64)> = (0..shard.len())
            .into_par_iter()
            .map(|user| {
                let history = shard.history(user);
                let mut without = 0;
                let mut triples = Vec::new();
                for &reference in &self.config.references {
                    let built = self.triples(&history, index, reference);
                    without += u64::from(built.is_none());
                    triples.extend(built.into_iter().flatten());
                }
                (triples, without)
            })
            .collect();
        let mut out = ShardTriples::default();
        for (triples, without) in users {
            out.triples.extend(triples);
            out.without_events += without;
        }
        out
    }

    /// The triples of one user at one reference time; `None` for a user without any event in the
    /// windows before it.
    pub fn triples(
        &self,
        history: &History<'_>,
        shard: u32,
        reference: Timestamp,
    ) -> Option<Vec<Triple>> {
        let past = Past::new(&self.schema, self.thresholds(), *history, reference);
        if past.is_empty() {
            return None;
        }
        let split = split_of(history.user(), self.config.seed, &self.config);
        let snapshot = Snapshot {
            history,
            past,
            shard,
            split,
            user: user_key(history.user()),
        };
        let mut triples = Vec::new();
        self.draw(&snapshot, false, self.config.triples_per_user, &mut triples);
        if split != Split::Train {
            self.draw(&snapshot, true, self.config.held_out_triples, &mut triples);
        }
        Some(triples)
    }

    /// Adds `n` triples, past and future in their shares. Each is of another family or, where the
    /// family names a value, about another value.
    fn draw(&self, snapshot: &Snapshot<'_>, held_out: bool, n: usize, out: &mut Vec<Triple>) {
        let covered = self.covers(snapshot.past.reference, self.config.horizon_days);
        let future = if covered {
            (n as f64 * self.config.future_share).round() as usize
        } else {
            0
        };
        for (kind, n) in [
            (TripleKind::Past, n - future.min(n)),
            (TripleKind::Future, future),
        ] {
            // This draws by weight without replacement: the smallest −ln(u) / weight come first.
            let mut order: Vec<(f64, &Plan, usize)> = (self.plans.iter())
                .filter(|plan| plan.held_out == held_out && plan.rule.kind() == kind)
                .flat_map(|plan| {
                    let times = match plan.rule.needs.names_value() {
                        true => self.config.values_per_family,
                        false => 1,
                    };
                    (0..times).map(move |time| (plan, time))
                })
                .map(|(plan, time)| {
                    let u = unit(self.derive("userqa.family", snapshot, plan, time));
                    (-(1.0 - u).ln() / plan.rule.weight, plan, time)
                })
                .collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            let first = out.len();
            for (_, plan, time) in order {
                if out.len() == first + n {
                    break;
                }
                let Some(triple) = self.triple(snapshot, plan, time) else {
                    continue;
                };
                // Two draws may have led to the same value. Answers are not compared, because the
                // choice of questions must not depend on them.
                let asked = triple.question();
                if out[first..].iter().all(|other| other.question() != asked) {
                    out.push(triple);
                }
            }
        }
    }

    fn derive(&self, purpose: &str, snapshot: &Snapshot<'_>, plan: &Plan, time: usize) -> u64 {
        seed::derive(
            self.config.seed,
            purpose,
            &Self::parts(snapshot, plan, time),
        )
    }

    fn parts(snapshot: &Snapshot<'_>, plan: &Plan, time: usize) -> [u64; 4] {
        [
            snapshot.user,
            snapshot.past.reference.0 as u64,
            plan.key,
            time as u64,
        ]
    }

    /// A triple of one family, about the first suitable target in a random order.
    fn triple(&self, snapshot: &Snapshot<'_>, plan: &Plan, time: usize) -> Option<Triple> {
        let (rule, past) = (plan.rule, &snapshot.past);
        let parts = Self::parts(snapshot, plan, time);
        let mut rng = seed::rng(self.config.seed, "userqa.triple", &parts);
        let wording = seed::below(&mut rng, rule.wordings.len() as u64) as usize;
        let mut order: Vec<usize> = (0..plan.targets.len()).collect();
        seed::shuffle(&mut order, &mut rng);
        order.into_iter().find_map(|i| {
            let (target, pool) = &plan.targets[i];
            let days = rule.days(&self.schema, target, self.config.horizon_days);
            if rule.span == Span::Quarter && !self.covers(past.reference, days) {
                return None;
            }
            let target = Target {
                days,
                ..target.clone()
            };
            let future = Future::new(*snapshot.history, past.reference, days);
            let seen = self.config.balance_future.then_some(&future);
            let target = pick(rule, &target, pool.as_ref(), past, seen, &mut rng)?;
            let (facts, answer, instruction) = compose(rule, wording, past, &future, &target)?;
            Some(Triple {
                user: snapshot.history.user().clone(),
                shard: snapshot.shard,
                reference: past.reference,
                family: rule.name.into(),
                kind: rule.kind(),
                wording: wording as u32,
                instruction,
                answer,
                facts: serde_json::to_string(&facts).ok()?,
                split: snapshot.split,
                held_out: plan.held_out,
            })
        })
    }
}

/// A user at a reference time.
struct Snapshot<'a> {
    history: &'a History<'a>,
    past: Past<'a>,
    shard: u32,
    split: Split,
    user: u64,
}

/// Facts, answer and instruction; `None` when the family does not apply.
pub(crate) fn compose(
    rule: &Rule,
    wording: usize,
    past: &Past<'_>,
    future: &Future<'_>,
    target: &Target,
) -> Option<(Facts, String, String)> {
    let finding = match rule.find {
        Find::Past(find) => find(past, target)?,
        Find::Future(find) => find(past, future, target)?,
    };
    let source = target.source.map(|source| &past.schema.sources[source]);
    let fields = source.map(|source| source.fields()).unwrap_or_default();
    let name = |field: Option<usize>| field.map(|field| fields[field].name.clone());
    let facts = Facts {
        source: source.map(|source| source.name.clone()),
        field: name(target.field),
        number: name(target.number),
        second: name(target.second),
        value: target.value.as_deref().map(String::from),
        other: target.other.as_deref().map(String::from),
        days: target.days,
        finding,
    };
    let words = Words::new(past.schema, &facts)?;
    let answer = (rule.answer)(&facts, &words)?;
    let instruction = words.fill(rule.wordings.get(wording)?);
    Some((facts, answer, instruction))
}

fn plans(schema: &Schema, config: &UserQaConfig, fitted: &Fitted) -> Vec<Plan> {
    let pool = |target: &Target| {
        let source = &schema.sources[target.source?];
        let field = &source.fields()[target.field?].name;
        let values = fitted.popular.get(&field_name(&source.name, field))?;
        (!values.is_empty()).then(|| CandidatePool::new(values))
    };
    rules::all()
        .map(|rule| Plan {
            rule,
            key: seed::derive(0, rule.name, &[]),
            held_out: config.is_held_out(rule.name),
            targets: rule
                .targets(schema, Some(&fitted.thresholds))
                .into_iter()
                .map(|target| {
                    let pool = pool(&target);
                    (target, pool)
                })
                .collect(),
        })
        .filter(|plan| !plan.targets.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
