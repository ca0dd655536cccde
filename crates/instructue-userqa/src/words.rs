//! Wording: numbers, values and declarations as words of questions and answers.

use instructue_schema::{Schema, Source};

use crate::triple::Facts;

/// The longest value of the data, in characters. A longer one is clipped in answers and never
/// named in instructions.
pub const MAX_VALUE_CHARS: usize = 60;

pub(crate) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// The parts of the day, six hours each, from midnight.
pub(crate) const DAY_PARTS: [&str; 4] = [
    "at night",
    "in the morning",
    "in the afternoon",
    "in the evening",
];
pub(crate) const LEVELS: [&str; 5] = ["very low", "low", "medium", "high", "very high"];
pub(crate) const OFTEN: [&str; 5] = [
    "very rarely",
    "rarely",
    "now and then",
    "often",
    "very often",
];

/// The verb for a source's values: base, third person, past, participle, progressive.
type Verb = [&'static str; 5];

const VERBS: [(&[&str], Verb); 12] = [
    (
        &["redemption", "redeem"],
        ["redeem", "redeems", "redeemed", "redeemed", "redeeming"],
    ),
    (
        &["mailing", "message", "campaign", "notification"],
        ["receive", "receives", "received", "received", "receiving"],
    ),
    (
        &["purchase", "shopping", "order", "basket"],
        ["buy", "buys", "bought", "bought", "buying"],
    ),
    (
        &["payment", "bill", "transaction", "spending"],
        [
            "spend on",
            "spends on",
            "spent on",
            "spent on",
            "spending on",
        ],
    ),
    (
        &["search", "query", "querie"],
        [
            "search for",
            "searches for",
            "searched for",
            "searched for",
            "searching for",
        ],
    ),
    (
        &["rating", "review"],
        ["rate", "rates", "rated", "rated", "rating"],
    ),
    (
        &["booking", "reservation"],
        ["book", "books", "booked", "booked", "booking"],
    ),
    (
        &["song", "track", "podcast"],
        ["play", "plays", "played", "played", "playing"],
    ),
    (
        &["view", "film", "movie", "video"],
        ["watch", "watches", "watched", "watched", "watching"],
    ),
    (
        &["visit", "navigation", "page", "browsing", "click"],
        ["visit", "visits", "visited", "visited", "visiting"],
    ),
    (
        &[
            "app",
            "mini",
            "service",
            "use",
            "usage",
            "session",
            "interaction",
        ],
        ["use", "uses", "used", "used", "using"],
    ),
    (&[], ["choose", "chooses", "chose", "chosen", "choosing"]),
];

fn verb(description: &str) -> Verb {
    let lower = description.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let is = |word: &&str, stem: &str| {
        let rest = word.strip_prefix(stem);
        matches!(rest, Some("" | "s" | "es" | "d"))
    };
    // The most telling words come first in the list. Its last entry fits any description.
    let known = VERBS.iter().find(|(stems, _)| {
        stems
            .iter()
            .any(|stem| words.iter().any(|word| is(word, stem)))
    });
    known.unwrap_or(&VERBS[VERBS.len() - 1]).1
}

/// The words that fill the gaps of instructions and answers.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    /// The source's description, or "activity" for all sources.
    pub source: String,
    pub field: String,
    pub number: String,
    pub second: String,
    pub value: String,
    pub other: String,
    pub days: i64,
    verb: Verb,
    /// The name and description of each source.
    pub sources: Vec<(String, String)>,
}

impl Words {
    /// The words for `facts`; `None` when they name a source or field that the schema lacks.
    pub fn new(schema: &Schema, facts: &Facts) -> Option<Self> {
        let source = match &facts.source {
            Some(name) => Some(schema.source(name)?.1),
            None => None,
        };
        let label = |name: &Option<String>| -> Option<String> {
            let Some(name) = name else {
                return Some(String::new());
            };
            let field = source?
                .fields()
                .into_iter()
                .find(|field| field.name == *name)?;
            Some(field.label)
        };
        let description = source.map_or("activity", |source: &Source| source.description.as_str());
        Some(Self {
            source: shown(description),
            field: label(&facts.field)?,
            number: label(&facts.number)?,
            second: label(&facts.second)?,
            value: facts.value.clone().unwrap_or_default(),
            other: facts.other.clone().unwrap_or_default(),
            days: facts.days,
            verb: verb(description),
            sources: (schema.sources.iter())
                .map(|source| (source.name.clone(), shown(&source.description)))
                .collect(),
        })
    }

    /// Fills the gaps of a template in one pass, so that a value with braces stays as it is.
    ///
    /// The gaps are `{s}` for the source, `{f}` for the category field, `{n}` for the number
    /// field, `{g}` for the second field, `{x}` and `{y}` for values, `{d}` for the time span,
    /// and `{do}` and its forms for the verb.
    pub fn fill(&self, template: &str) -> String {
        self.fill_with(template, "")
    }

    /// Like [`fill`](Self::fill), with `{e}` for a further text.
    pub fn fill_with(&self, template: &str, extra: &str) -> String {
        let mut out = String::with_capacity(template.len() + 40);
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            out.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            match &rest[start + 1..start + length] {
                "s" => out.push_str(&self.source),
                "f" => out.push_str(&self.field),
                "n" => out.push_str(&self.number),
                "g" => out.push_str(&self.second),
                "x" => out.push_str(&self.value),
                "y" => out.push_str(&self.other),
                "e" => out.push_str(extra),
                "d" if self.days == 1 => out.push_str("day"),
                "d" => out.push_str(&format!("{} days", self.days)),
                "do" => out.push_str(self.verb[0]),
                "does" => out.push_str(self.verb[1]),
                "did" => out.push_str(self.verb[2]),
                "done" => out.push_str(self.verb[3]),
                "doing" => out.push_str(self.verb[4]),
                // A test checks that wordings have no unknown gap.
                unknown => out.push_str(unknown),
            }
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        // A description or a value may be the first word of the sentence.
        capitalised(out)
    }
}

fn capitalised(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if first.is_lowercase() => first.to_uppercase().chain(chars).collect(),
        _ => text,
    }
}

/// A value of the data on one line, clipped.
pub(crate) fn shown(value: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if value.chars().nth(MAX_VALUE_CHARS).is_none() {
        return value.chars().map(clean).collect();
    }
    let kept = value.chars().take(MAX_VALUE_CHARS - 1).map(clean);
    kept.chain(['…']).collect()
}

/// Whether an instruction may name the value exactly as it is.
pub(crate) fn nameable(value: &str) -> bool {
    !value.trim().is_empty() && shown(value) == value
}

/// A number in two significant digits with thousands separated: 1234.5 → "1,200".
pub(crate) fn about(x: f64) -> String {
    let magnitude = x.abs();
    if magnitude < 0.005 {
        return "0".into();
    }
    let digits = magnitude.log10().floor() as i32;
    let unit = 10f64.powi(digits - 1);
    let rounded = (magnitude / unit).round() * unit;
    let sign = if x < 0.0 { "-" } else { "" };
    let decimals = (1 - rounded.log10().floor() as i32).clamp(0, 2) as usize;
    let text = format!("{rounded:.decimals$}");
    // "3" reads better than "3.0".
    let text = text
        .strip_suffix(".00")
        .or(text.strip_suffix(".0"))
        .unwrap_or(&text);
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(w, f)| (w, Some(f)));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// A small count exactly, a larger one rounded.
pub(crate) fn count(n: u32) -> String {
    if n <= 20 {
        n.to_string()
    } else {
        format!("about {}", about(n.into()))
    }
}

/// A number of times: "once", "twice", "7 times".
pub(crate) fn times(n: u32) -> String {
    match n {
        0 => "not once".into(),
        1 => "once".into(),
        2 => "twice".into(),
        n => format!("{} times", count(n)),
    }
}

/// A number of days: "1 day", "9 days".
pub(crate) fn days(n: u32) -> String {
    if n == 1 {
        "1 day".into()
    } else {
        format!("{n} days")
    }
}

/// A share in percent.
pub(crate) fn percent(part: u32, whole: u32) -> String {
    if whole == 0 || part == 0 {
        return "0%".into();
    }
    let percent = (100.0 * f64::from(part) / f64::from(whole)).round();
    if percent < 1.0 {
        "under 1%".into()
    } else {
        format!("{percent}%")
    }
}

/// An enumeration: "A", "A and B", "A, B and C".
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// The word for a band.
pub(crate) fn level(band: u8) -> &'static str {
    LEVELS[usize::from(band).min(4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0.0, "0"),
            (0.07, "0.07"),
            (0.999, "1"),
            (3.0, "3"),
            (3.12, "3.1"),
            (9.97, "10"),
            (12.4, "12"),
            (99.6, "100"),
            (1234.5, "1,200"),
            (-86_400.0, "-86,000"),
            (1e6, "1,000,000"),
        ];
        for (x, expected) in cases {
            assert_eq!(about(x), expected, "{x}");
        }
        assert_eq!(count(20), "20");
        assert_eq!(count(123), "about 120");
        assert_eq!(percent(1, 500), "under 1%");
        assert_eq!(percent(1, 3), "33%");
    }

    #[test]
    fn verbs_follow_the_description() {
        assert_eq!(verb("grocery purchases")[0], "buy");
        assert_eq!(verb("coupon redemptions")[0], "redeem");
        assert_eq!(verb("search queries")[0], "search for");
        assert_eq!(verb("mini-program and service interactions")[0], "use");
        // "appliances" does not contain the word "app".
        assert_eq!(verb("appliances seen")[0], "choose");
    }

    #[test]
    fn long_and_many_line_values_are_clipped_and_not_named() {
        let long = "é".repeat(500);
        assert_eq!(shown(&long).chars().count(), MAX_VALUE_CHARS);
        assert!(!nameable(&long) && !nameable("a\nb") && !nameable("  ") && nameable("DOG FOODS"));
    }
}
