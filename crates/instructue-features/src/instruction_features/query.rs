//! What an instruction asks about, as shares of known texts.

/// How quickly a text's share falls with its distance in meaning.
const WIDTH: f32 = 0.045;
/// A text with a smaller part of the largest share has none.
const MIN_SHARE: f32 = 0.01;
/// Texts that have a share, at most.
const MOST: usize = 40;

/// The shares of the known texts in what an instruction asks about. They sum to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstructionQuery {
    /// Known texts by number, with their shares, the largest first; none for an instruction
    /// whose words say nothing.
    pub shares: Vec<(u32, f32)>,
    /// Whether it asks for any of several texts, all of which have a part that it names: a
    /// department of many categories. Then shares are equal.
    pub any: bool,
}

impl InstructionQuery {
    /// From how near each known text is; where the instruction names some of them, from these
    /// alone.
    pub(super) fn new(nearness: &[f32], named: &[u32]) -> Self {
        if named.len() > 1 {
            let share = 1.0 / named.len() as f32;
            return Self {
                shares: named.iter().map(|text| (*text, share)).collect(),
                any: true,
            };
        }
        let asked = (0u32..).zip(nearness.iter().copied());
        let asked = asked.filter(|(text, _)| named.is_empty() || named.binary_search(text).is_ok());
        let mut shares = softmax(asked.collect(), WIDTH, MOST);
        let largest = shares.first().map_or(0.0, |(_, share)| *share);
        shares.retain(|(_, share)| *share >= MIN_SHARE * largest);
        let sum: f32 = shares.iter().map(|(_, share)| share).sum();
        shares.iter_mut().for_each(|(_, share)| *share /= sum);
        Self { shares, any: false }
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
