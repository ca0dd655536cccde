//! Words that say what is asked of the events that an instruction names.

/// What words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    Not,
    FirstTime,
    Stops,
    More,
    Fewer,
    Twice,
    /// At least so many days.
    Days,
    /// On one of so many days of the week.
    DaysOfWeek(u32),
}

/// Words of an instruction that a pattern fits.
pub(super) struct Found {
    /// The number of words.
    pub words: usize,
    /// The number that one of them is.
    pub number: Option<u32>,
}

/// Words that one says, by what they say; of several in one instruction the first of this list
/// counts. `#` is a number, `*` is any word. Words as
/// [`words`](crate::lexical_matches::words) makes them: in lower case, without a plural's ending.
const CUES: [(Cue, &[&str]); 9] = [
    (
        Cue::FirstTime,
        &[
            "for the first time",
            "first time",
            "first ever",
            "never * before",
            "never before",
            "never had",
            "never yet",
            "new to them",
            "begin to",
            "begin",
            "start to",
            "start",
            "take up",
        ],
    ),
    (
        Cue::Stops,
        &[
            "no longer",
            "any more",
            "anymore",
            "never again",
            "not * again",
            "stop",
            "stopped",
            "stopping",
            "quit",
            "quitting",
            "cease",
            "give up",
            "gave up",
            "abandon",
            "lose interest in",
        ],
    ),
    (
        Cue::Fewer,
        &[
            "less often",
            "less frequently",
            "less than",
            "fewer",
            "cut back",
            "cut down",
            "cutting back",
            "cutting down",
            "scale back",
            "reduce",
            "decrease",
            "lower",
        ],
    ),
    (
        Cue::More,
        &[
            "more often",
            "more frequently",
            "more than before",
            "more than usual",
            "more than in",
            "increase",
            "step up",
            "higher",
        ],
    ),
    (
        Cue::Days,
        &[
            "at least # day",
            "at least # time",
            "# day or more",
            "# time or more",
            "# or more day",
            "# or more time",
        ],
    ),
    (
        Cue::Twice,
        &["at least twice", "twice", "more than once", "repeatedly"],
    ),
    (
        Cue::DaysOfWeek(2),
        &["on a saturday or sunday", "saturday or sunday", "weekend"],
    ),
    (
        Cue::DaysOfWeek(1),
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
    ),
    (
        Cue::Not,
        &["not", "never", "won t", "doesn t", "without", "avoid"],
    ),
];

/// Words that name nothing, whatever else is asked.
const EMPTY: [&str; 45] = [
    "a",
    "an",
    "and",
    "any",
    "anything",
    "are",
    "at",
    "be",
    "before",
    "by",
    "do",
    "doe",
    "ever",
    "for",
    "from",
    "ha",
    "have",
    "he",
    "her",
    "hi",
    "in",
    "is",
    "it",
    "last",
    "month",
    "next",
    "no",
    "of",
    "on",
    "or",
    "she",
    "some",
    "something",
    "than",
    "that",
    "the",
    "their",
    "there",
    "these",
    "they",
    "thi",
    "to",
    "week",
    "will",
    "with",
];

/// Whether a word names nothing.
pub(super) fn says_nothing(word: &str) -> bool {
    EMPTY.contains(&word)
}

/// Every pattern.
pub(super) fn all() -> impl Iterator<Item = (Cue, &'static str)> {
    let each = CUES.iter();
    each.flat_map(|(cue, patterns)| patterns.iter().map(|pattern| (*cue, *pattern)))
}

/// Whether a pattern fits the first of some words.
pub(super) fn at(pattern: &str, words: &[String]) -> Option<Found> {
    let mut found = Found {
        words: 0,
        number: None,
    };
    for part in pattern.split(' ') {
        let word = words.get(found.words)?;
        match part {
            "#" => found.number = Some(number(word)?),
            "*" => {}
            _ if part != word => return None,
            _ => {}
        }
        found.words += 1;
    }
    Some(found)
}

/// A number in digits or in words.
fn number(word: &str) -> Option<u32> {
    const WORDS: [&str; 10] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let spelled = WORDS.iter().position(|one| *one == word);
    let spelled = spelled.map(|place| place as u32 + 1);
    spelled.or_else(|| word.parse().ok())
}
