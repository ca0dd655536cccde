//! What an instruction asks of the events that it names: that one comes, that none comes any
//! more, that more come than before.
//!
//! A reader that learned "does it come?" answers all of these. From the probability `p` that an
//! event comes follows the rate of days with one, `-ln(1 - p)`, and from the rate, as if days came
//! independently of each other, the probability of any number of them.

use super::cues::{self, Cue};

/// What is asked of the events that an instruction names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asks {
    /// Whether one comes.
    #[default]
    Comes,
    /// Whether none comes.
    Not,
    /// Whether one comes for the first time.
    FirstTime,
    /// Whether none comes any more, although there were some lately.
    Stops,
    /// Whether they come on more days than before.
    More,
    /// Whether they come on fewer days than before.
    Fewer,
    /// Whether they come on at least so many days.
    Days(u32),
    /// Whether one comes on a day of so many days of the week.
    DaysOfWeek(u32),
}

/// The days on which a user had what is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HadDays {
    /// At any time.
    pub ever: usize,
    /// In the last three horizons: lately.
    pub lately: usize,
    /// In the last horizon.
    pub before: usize,
}

impl HadDays {
    /// From days before the reference time, counted back from 0.
    pub(super) fn of(days: impl Iterator<Item = i64>, horizon: i64) -> Self {
        days.fold(Self::default(), |had, day| Self {
            ever: had.ever + 1,
            lately: had.lately + usize::from(day < 3 * horizon),
            before: had.before + usize::from(day < horizon),
        })
    }
}

impl Asks {
    /// Reads it from the words of an instruction, and which of the words say so: these name no
    /// event. Words that are part of a `name` say nothing else. English only.
    pub(super) fn read(words: &[String], name: &[bool]) -> (Self, Vec<bool>) {
        let mut said = vec![false; words.len()];
        let mut asks = None;
        for (cue, pattern) in cues::all() {
            for at in 0..words.len() {
                let Some(found) = cues::at(pattern, &words[at..]) else {
                    continue;
                };
                if name[at..at + found.words].contains(&true) {
                    continue;
                }
                said[at..at + found.words].fill(true);
                asks = asks.or(Some(match cue {
                    Cue::Not => Self::Not,
                    Cue::FirstTime => Self::FirstTime,
                    Cue::Stops => Self::Stops,
                    Cue::More => Self::More,
                    Cue::Fewer => Self::Fewer,
                    Cue::Twice => Self::Days(2),
                    Cue::Days => Self::Days(found.number.unwrap_or(1)),
                    Cue::DaysOfWeek(days) => Self::DaysOfWeek(days),
                }));
            }
        }
        (asks.unwrap_or_default(), said)
    }

    /// Whether the question is one about a user who had these days: who stops having something
    /// had it, and what comes for the first time was not there.
    pub fn supposes(self, had: HadDays) -> bool {
        match self {
            Self::FirstTime => had.ever == 0,
            Self::Stops => had.lately > 0,
            _ => true,
        }
    }

    /// The probability of a yes, from the probability that an event comes; 0 where the question
    /// [supposes](Self::supposes) what is not so.
    pub fn probability(self, comes: f64, had: HadDays) -> f64 {
        let comes = comes.clamp(0.0, 1.0 - 1e-9);
        let rate = -(-comes).ln_1p();
        if !self.supposes(had) {
            return 0.0;
        }
        match self {
            Self::Comes | Self::FirstTime => comes,
            Self::Not | Self::Stops => 1.0 - comes,
            Self::More => 1.0 - at_most(rate, had.before),
            Self::Fewer => match had.before {
                0 => 0.0,
                before => at_most(rate, before - 1),
            },
            Self::Days(0) => 1.0,
            Self::Days(days) => 1.0 - at_most(rate, days as usize - 1),
            Self::DaysOfWeek(days) => 1.0 - (-rate * f64::from(days) / 7.0).exp(),
        }
    }
}

/// The probability that a Poisson variable is `most` at most.
fn at_most(rate: f64, most: usize) -> f64 {
    let mut term = (-rate).exp();
    let mut sum = term;
    for n in 1..=most {
        term *= rate / n as f64;
        sum += term;
        // Whoever asks for a billion days needs no billion terms.
        if n as f64 > rate && term < 1e-18 {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexical_matches::words;

    fn read(text: &str) -> (Asks, String) {
        let words: Vec<String> = words(text).collect();
        let (asks, said) = Asks::read(&words, &vec![false; words.len()]);
        let rest = words.iter().zip(said).filter(|(_, said)| !said);
        let rest: Vec<&str> = rest.map(|(word, _)| word.as_str()).collect();
        (asks, rest.join(" "))
    }

    #[test]
    fn words_say_what_is_asked() {
        for (text, asks) in [
            ("Will this user buy milk in the next 30 days?", Asks::Comes),
            ("Will they buy milk for the first time?", Asks::FirstTime),
            (
                "Does she order something she never ordered before?",
                Asks::FirstTime,
            ),
            ("Will this user no longer buy milk?", Asks::Stops),
            ("Stops buying milk", Asks::Stops),
            ("Will he not buy milk any more?", Asks::Stops),
            ("Will she not buy milk?", Asks::Not),
            (
                "Will this user buy milk more often than before?",
                Asks::More,
            ),
            (
                "will this user cut back on food delivery next month?",
                Asks::Fewer,
            ),
            (
                "Will they buy milk on at least two days of the next 30 days?",
                Asks::Days(2),
            ),
            ("on 3 days or more in the next 30 days", Asks::Days(3)),
            ("Is milk bought twice?", Asks::Days(2)),
            ("Milk on a weekend?", Asks::DaysOfWeek(2)),
            ("Any purchase on a Friday?", Asks::DaysOfWeek(1)),
        ] {
            assert_eq!(read(text).0, asks, "{text}");
        }
    }

    #[test]
    fn such_words_name_no_event() {
        let (_, rest) = read("Will this user no longer buy first aid on weekends?");
        assert_eq!(rest, "will thi buy first aid on");
    }

    #[test]
    fn probabilities_follow_from_the_rate() {
        let had = HadDays {
            ever: 4,
            lately: 2,
            before: 1,
        };
        let comes = 1.0 - (-1.0f64).exp();
        let of = |asks: Asks, had| asks.probability(comes, had);
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
        let e = (-1.0f64).exp();
        assert!(near(of(Asks::Comes, had), comes));
        assert!(near(of(Asks::Stops, had), e));
        assert!(near(of(Asks::Stops, HadDays::default()), 0.0));
        assert!(near(of(Asks::FirstTime, had), 0.0));
        assert!(near(of(Asks::FirstTime, HadDays::default()), comes));
        assert!(near(of(Asks::More, had), 1.0 - 2.0 * e));
        assert!(near(of(Asks::Fewer, had), e));
        assert!(near(of(Asks::Days(2), had), 1.0 - 2.0 * e));
        assert!(near(
            of(Asks::DaysOfWeek(2), had),
            1.0 - (-2.0f64 / 7.0).exp()
        ));
        // However many days are asked for, the answer comes at once.
        assert!(near(of(Asks::Days(u32::MAX), had), 0.0));
        // Certain events have no infinite rate.
        assert!(Asks::More.probability(1.0, had).is_finite());
    }
}
