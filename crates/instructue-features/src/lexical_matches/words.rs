//! Words of a text: what a word is, and which words are equal.

use std::sync::Arc;

/// The hash of a word, by which a profile's texts are compared with many instructions. It is a
/// short name and no secret: whoever guesses a word can find it.
pub(super) type WordId = u64;

/// Nouns for the user who is asked about. They name nothing in a history.
const WHO: [&str; 12] = [
    "client",
    "consumer",
    "customer",
    "household",
    "member",
    "people",
    "person",
    "shopper",
    "subscriber",
    "user",
    "viewer",
    "visitor",
];

/// The words of a text, in lower case and without a plural's ending.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let runs = text.split(|c: char| !c.is_alphanumeric());
    let words = runs.filter(|run| !run.is_empty()).map(singular);
    words.filter(|word| !WHO.contains(&word.as_str()))
}

/// The distinct words of a text by their ids, in ascending order.
pub(super) fn word_ids(text: &str) -> Arc<[WordId]> {
    let ids: Vec<WordId> = words(text).map(|word| id(&word)).collect();
    joined(&ids, &[])
}

/// The distinct words of both sets.
pub(super) fn joined(left: &[WordId], right: &[WordId]) -> Arc<[WordId]> {
    let mut ids = [left, right].concat();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
}

/// FNV-1a, which is the same on every machine.
fn id(word: &str) -> WordId {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn singular(word: &str) -> String {
    let mut word = word.to_lowercase();
    if word.len() > 4 && word.ends_with("ies") {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
        word.pop();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        words(text).collect()
    }

    #[test]
    fn plurals_and_case_are_no_difference() {
        assert_eq!(of("DOG FOODS"), of("dog food"));
        assert_eq!(of("berries"), of("Berry"));
        assert_eq!(of("gas, glass; bus"), ["gas", "glass", "bus"]);
        assert_eq!(of("ÄPFEL-Säfte"), ["äpfel", "säfte"]);
    }

    #[test]
    fn who_is_asked_about_is_no_word() {
        assert_eq!(
            of("Will these shoppers, or this HOUSEHOLD, buy?"),
            of("Will these or this buy")
        );
    }

    #[test]
    fn ids_are_distinct_and_sorted() {
        let ids = word_ids("milk bread milks");
        assert_eq!(ids.len(), 2);
        assert!(ids[0] < ids[1]);
        assert_eq!(word_ids("…"), Arc::<[WordId]>::from([]));
    }
}
