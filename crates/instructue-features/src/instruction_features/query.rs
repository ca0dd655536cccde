//! What an instruction asks, and of which events.

use super::asks::Asks;

/// How quickly a text's share falls with its distance in meaning.
const WIDTH: f32 = 0.045;
/// A text with a smaller part of the largest share has none.
const MIN_SHARE: f32 = 0.01;
/// Texts that have a share, at most.
const MOST: usize = 40;

/// The events that an instruction asks about.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum About {
    /// Any at all: its words name none.
    #[default]
    Anything,
    /// All of a source, by its number in the schema.
    Source(usize),
    /// Those of any of these known texts, all of which have a part that it names: a department of
    /// many categories.
    AnyOf(Vec<u32>),
    /// Those of one of these known texts, with how likely each is meant, the likeliest first.
    /// The shares sum to 1.
    OneOf(Vec<(u32, f32)>),
}

/// What an instruction asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstructionQuery {
    /// The events that it asks about.
    pub about: About,
    /// What it asks of them.
    pub asks: Asks,
}

impl About {
    /// From how near each known text is; where the instruction names some of them, from these
    /// alone.
    pub(super) fn texts(nearness: &[f32], named: &[u32]) -> Self {
        if named.len() > 1 {
            return Self::AnyOf(named.to_vec());
        }
        let asked = (0u32..).zip(nearness.iter().copied());
        let asked = asked.filter(|(text, _)| named.is_empty() || named.binary_search(text).is_ok());
        let mut shares = softmax(asked.collect(), WIDTH, MOST);
        let largest = shares.first().map_or(0.0, |(_, share)| *share);
        shares.retain(|(_, share)| *share >= MIN_SHARE * largest);
        let sum: f32 = shares.iter().map(|(_, share)| share).sum();
        shares.iter_mut().for_each(|(_, share)| *share /= sum);
        Self::OneOf(shares)
    }
}

/// The `most` largest values as shares that sum to 1, the largest first.
pub(super) fn softmax(mut values: Vec<(u32, f32)>, width: f32, most: usize) -> Vec<(u32, f32)> {
    values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    values.truncate(most);
    let Some(&(_, largest)) = values.first() else {
        return values;
    };
    for (_, value) in &mut values {
        *value = ((*value - largest) / width).exp();
    }
    let sum: f32 = values.iter().map(|(_, value)| value).sum();
    values.iter_mut().for_each(|(_, value)| *value /= sum);
    values
}
