//! What carries a user's vector: sources and events, by leaving them out and by gradient.

use instructue_features::{Profile, ProfileEvent, SourceProfile};
use instructue_model::{AnswerScorer, InstructUe};
use instructue_schema::{DataText, Timestamp};
use instructue_store::UserStore;
use serde::Serialize;

use crate::ask::{dot, profile_of};
use crate::embed::{check_instruction, check_schema};
use crate::error::Result;

/// Variants of a profile that are embedded at a time.
const AT_A_TIME: usize = 256;

/// What an explanation is asked for.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    /// The user's id.
    pub user: String,
    /// The profile ends here.
    pub reference: Timestamp,
    /// What the vector is about; `None` for the general one.
    pub instruction: Option<String>,
}

/// How much a part of a profile carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Carried {
    /// How far the vector turns without it: 1 − cosine.
    pub moved: f32,
    /// The probability of a yes without it, if there is an answer scorer and an instruction.
    pub probability: Option<f32>,
    /// The gradient mass of its vectors: how strongly the state answers to changes of them.
    pub gradient: f64,
}

/// A source of a profile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CarriedSource {
    /// Its name.
    pub name: String,
    /// Its events in the profile; 1 for features.
    pub events: usize,
    /// What it carries.
    #[serde(flatten)]
    pub carried: Carried,
}

/// An event of a profile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CarriedEvent {
    /// Its source.
    pub source: String,
    /// Its text; empty where it has a vector.
    pub text: String,
    /// Days before the reference time, of the newest where equal ones are merged.
    pub days: f32,
    /// How many events of the log it stands for.
    pub count: usize,
    /// What it carries.
    #[serde(flatten)]
    pub carried: Carried,
}

/// What carries a user's vector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The probability of a yes, if there is an answer scorer and an instruction.
    pub probability: Option<f32>,
    /// Sources that have something, the one that carries most first.
    pub sources: Vec<CarriedSource>,
    /// Events, the one that carries most first.
    pub events: Vec<CarriedEvent>,
    /// Spearman's rank correlation of both ways to tell over the events: leaving out, and
    /// gradient. `None` with fewer than three events.
    pub agreement: Option<f64>,
}

/// A part of a profile that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Source(usize),
    Event(usize, usize),
}

/// Explains a user's vector under an instruction. Each source and each event is left out once, and
/// the vector without it is compared with the whole one; the gradient of the state along itself
/// tells the same without leaving anything out.
///
/// # Errors
/// An unknown user, an empty or overlong instruction, another schema than the model's, an
/// unreadable store.
pub fn explain_user(
    model: &InstructUe,
    scorer: Option<&AnswerScorer>,
    store: &UserStore,
    request: &ExplainRequest,
) -> Result<Explanation> {
    request
        .instruction
        .as_deref()
        .map_or(Ok(()), check_instruction)?;
    check_schema(model, store)?;
    let profile = |of| profile_of(of, store, &request.user, request.reference);
    let whole = profile(model.preprocessor().profiles())?;
    let instruction = request.instruction.as_deref().map(DataText::new);
    let asked = [instruction.clone()];
    let both = model.embed_both(std::slice::from_ref(&whole), &asked)?;
    let (unit, state) = (both[0].unit.row(0), both[0].state.row(0));
    let length = dot(state, state).sqrt().max(f32::MIN_POSITIVE);
    let direction: Vec<f32> = state.iter().map(|value| value / length).collect();
    let gradients = model.event_gradients(
        std::slice::from_ref(&whole),
        instruction.as_ref(),
        &direction,
    )?;
    let scored = match (scorer, &instruction) {
        (Some(scorer), Some(text)) => Some((scorer, text, profile(scorer.profiles())?)),
        _ => None,
    };
    let probabilities = |profiles: &[Profile]| -> Option<Vec<f32>> {
        let (scorer, text, _) = scored.as_ref()?;
        let found = scorer.scores(profiles, &[DataText::clone(text)]);
        Some((0..found.rows).map(|row| found.row(row)[0]).collect())
    };
    let parts = parts(&whole);
    let mut carried = Vec::with_capacity(parts.len());
    for parts in parts.chunks(AT_A_TIME) {
        let without: Vec<Profile> = parts
            .iter()
            .map(|part| without(&whole, &whole, *part))
            .collect();
        let vectors = model.embed(&without, &asked)?;
        let known = scored.as_ref().map(|(.., profile)| {
            parts
                .iter()
                .map(|part| self::without(profile, &whole, *part))
                .collect::<Vec<_>>()
        });
        let known = known.and_then(|profiles| probabilities(&profiles));
        for (row, part) in parts.iter().enumerate() {
            let gradient = match *part {
                Left::Source(source) => gradients[0][source].iter().sum(),
                Left::Event(source, event) => {
                    gradients[0][source].get(event).copied().unwrap_or(0.0)
                }
            };
            carried.push(Carried {
                moved: 1.0 - dot(unit, vectors[0].row(row)),
                probability: known.as_ref().map(|known| known[row]),
                gradient,
            });
        }
    }
    let (mut sources, mut events) = (Vec::new(), Vec::new());
    let names = &model.preprocessor().schema().sources;
    for (part, carried) in parts.into_iter().zip(carried) {
        match (part, part_of(&whole, part)) {
            (Left::Source(source), _) => sources.push(CarriedSource {
                name: names[source].name.clone(),
                events: match &whole.sources[source] {
                    SourceProfile::Events(events) => events.len(),
                    SourceProfile::Tabular(_) => 1,
                },
                carried,
            }),
            (Left::Event(source, _), Some(event)) => events.push(CarriedEvent {
                source: names[source].name.clone(),
                text: event.text.as_str().into(),
                days: event.days.first().copied().unwrap_or_default(),
                count: event.days.len(),
                carried,
            }),
            (Left::Event(..), None) => {}
        }
    }
    let agreement = spearman(
        &events
            .iter()
            .map(|event| f64::from(event.carried.moved))
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.carried.gradient)
            .collect::<Vec<_>>(),
    );
    sources.sort_by(|a, b| b.carried.moved.total_cmp(&a.carried.moved));
    events.sort_by(|a, b| b.carried.moved.total_cmp(&a.carried.moved));
    Ok(Explanation {
        probability: scored
            .as_ref()
            .and_then(|(.., profile)| Some(probabilities(std::slice::from_ref(profile))?[0])),
        sources,
        events,
        agreement,
    })
}

/// Sources that have something, and all events.
fn parts(whole: &Profile) -> Vec<Left> {
    let mut parts = Vec::new();
    for (source, part) in whole.sources.iter().enumerate() {
        match part {
            SourceProfile::Tabular(_) => parts.push(Left::Source(source)),
            SourceProfile::Events(events) if !events.is_empty() => {
                parts.push(Left::Source(source));
                parts.extend((0..events.len()).map(|event| Left::Event(source, event)));
            }
            SourceProfile::Events(_) => {}
        }
    }
    parts
}

fn part_of(whole: &Profile, part: Left) -> Option<&ProfileEvent> {
    match (part, whole.sources.get(part.source())?) {
        (Left::Event(_, event), SourceProfile::Events(events)) => events.get(event),
        _ => None,
    }
}

impl Left {
    fn source(self) -> usize {
        match self {
            Self::Source(source) | Self::Event(source, _) => source,
        }
    }
}

/// A profile without a part of `whole`, which may hold more or fewer events of a source.
fn without(profile: &Profile, whole: &Profile, part: Left) -> Profile {
    let mut profile = profile.clone();
    match (&mut profile.sources[part.source()], part_of(whole, part)) {
        (SourceProfile::Events(events), Some(left)) => {
            let same = |event: &ProfileEvent| event.text == left.text && event.days == left.days;
            // Of events that say the same at the same time one is left out.
            if let Some(at) = events.iter().position(same) {
                events.remove(at);
            }
        }
        (SourceProfile::Events(events), None) => events.clear(),
        (SourceProfile::Tabular(row), _) => {
            row.numbers.fill(f32::NAN);
            row.categories.fill(0);
        }
    }
    profile
}

/// Spearman's rank correlation; equal values share their mean rank.
fn spearman(left: &[f64], right: &[f64]) -> Option<f64> {
    if left.len() < 3 {
        return None;
    }
    let (left, right) = (ranks(left), ranks(right));
    let mean = (left.len() - 1) as f64 / 2.0;
    let pairs = || left.iter().zip(&right).map(|(a, b)| (a - mean, b - mean));
    let both: f64 = pairs().map(|(a, b)| a * b).sum();
    let spread =
        pairs().map(|(a, _)| a * a).sum::<f64>() * pairs().map(|(_, b)| b * b).sum::<f64>();
    (spread > 0.0).then(|| both / spread.sqrt())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let mean = before as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|at| ranks[*at] = mean);
        before += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_correlated() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 900.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(
            spearman(&[1.0, 1.0, 1.0], &[3.0, 2.0, 1.0]),
            None,
            "no order"
        );
        assert_eq!(spearman(&[1.0], &[1.0]), None);
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 0.0]), [2.5, 1.0, 2.5, 0.0]);
    }
}
