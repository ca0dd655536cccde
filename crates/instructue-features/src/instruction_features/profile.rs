//! A profile as known texts with the days on which the user had them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::f64::consts::LN_2;

use super::asks::HadDays;
use super::fitted::FittedTexts;
use super::level::{decay, level};
use super::names::{HALF_LIVES, RATE};
use crate::profile::{Profile, SourceProfile};

/// A profile's events by known text.
#[derive(Debug, Clone, Default)]
pub struct ProfileTexts {
    /// The days before the reference time on which the user had each known text, from 0, the
    /// newest first.
    pub(super) days: HashMap<u32, Vec<i64>>,
    /// The user's level of each known text.
    pub(super) levels: HashMap<u32, f64>,
    /// What a source's events are together, in schema order.
    pub(super) sources: Vec<SourceActivity>,
}

/// All events of a source.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceActivity {
    /// Days before the reference time with an event, from 0, the newest first.
    pub days: Vec<i64>,
    /// Of each text, the newest and the oldest day with it.
    pub kinds: Vec<(i64, i64)>,
}

impl ProfileTexts {
    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.days.is_empty())
    }

    /// The newest day with a known text, counted back from 0; `None` if there is none.
    pub fn newest(&self, text: u32) -> Option<i64> {
        self.days.get(&text)?.first().copied()
    }

    /// The days with any of these known texts; a horizon has `horizon` days.
    pub fn had(&self, texts: &[u32], horizon: i64) -> HadDays {
        match texts {
            [text] => {
                let days = self.days.get(text).map_or(&[][..], |days| days);
                HadDays::of(days.iter().copied(), horizon)
            }
            _ => HadDays::of(self.days_of_any(texts).into_iter(), horizon),
        }
    }

    /// The days with any of some known texts.
    pub(super) fn days_of_any(&self, texts: &[u32]) -> BTreeSet<i64> {
        let days = texts.iter().filter_map(|text| self.days.get(text));
        days.flatten().copied().collect()
    }

    /// The days with an event of a source.
    pub fn had_of_source(&self, source: usize, horizon: i64) -> HadDays {
        let days = self.sources.get(source).map(|source| &source.days[..]);
        HadDays::of(days.unwrap_or_default().iter().copied(), horizon)
    }

    /// The days with an event of a source that another horizon has at the user's rate: newer days
    /// count for more.
    pub fn rate_of_source(&self, source: usize, horizon: i64) -> f64 {
        let half_life = HALF_LIVES[RATE] * horizon as f64;
        let days = self.sources.get(source).map(|source| &source.days[..]);
        let days = days.unwrap_or_default().iter();
        let sum: f64 = days.map(|day| decay(*day as f64 + 0.5, half_life)).sum();
        sum * LN_2 * horizon as f64 / half_life
    }

    pub(super) fn new(fitted: &FittedTexts, profile: &Profile) -> Self {
        let mut out = Self::default();
        for (source, found) in profile.sources.iter().enumerate() {
            let mut activity = SourceActivity::default();
            if let SourceProfile::Events(events) = found {
                // Equal texts may come as several events, and each event may stand for several.
                let mut by_text: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
                for event in events.iter().filter(|event| event.vector.is_none()) {
                    let days = by_text.entry(event.text.as_str()).or_default();
                    days.extend(event.days.iter().map(|age| age.floor() as i64));
                }
                for (text, mut days) in by_text {
                    days.sort_unstable();
                    days.dedup();
                    activity.days.extend(&days);
                    activity
                        .kinds
                        .extend(days.first().copied().zip(days.last().copied()));
                    if let Some(known) = fitted.place(source, text) {
                        out.levels.insert(known, level(&days, fitted.days as f64));
                        out.days.insert(known, days);
                    }
                }
            }
            activity.days.sort_unstable();
            activity.days.dedup();
            out.sources.push(activity);
        }
        out
    }
}
