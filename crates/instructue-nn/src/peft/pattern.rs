//! Ranks and scales of single maps: `rank_pattern` and `alpha_pattern`.
//!
//! Each is an object of regular expressions and numbers. A map takes the number
//! of the first key, in the order of the file, that matches its whole path or an
//! end of it behind a dot; the number of all, if none does (peft 0.21.2,
//! `get_pattern_key`).

use std::fmt;
use std::path::Path;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::value::shown;
use crate::checkpoint::read_json;
use crate::{Error, Result};

/// What a compiled key may take; those that are names take a few kilobytes.
const MOST_BYTES: usize = 1 << 18;

/// A key and its number.
#[derive(Debug, Clone)]
struct Pattern<T> {
    key: String,
    matcher: Regex,
    value: T,
}

/// The keys and numbers of one object.
#[derive(Debug, Clone)]
pub(super) struct Patterns<T>(Vec<Pattern<T>>);

impl<T: Copy> Patterns<T> {
    /// The number for the map at `path`, if a key matches.
    pub(super) fn get(&self, path: &str) -> Option<T> {
        let found = self.0.iter().find(|p| p.matcher.is_match(path));
        found.map(|pattern| pattern.value)
    }
}

/// The two objects of the file at `path`.
pub(super) fn read(path: &Path) -> Result<(Patterns<usize>, Patterns<f64>)> {
    let file: File = read_json(path)?;
    let rank = |value: &Value| usize::try_from(u32::try_from(value.as_u64()?).ok()?).ok();
    let rank = |value: &Value| rank(value).filter(|rank| *rank > 0);
    let ranks = compile(
        path,
        "rank_pattern",
        file.rank_pattern,
        "ranks from 1",
        rank,
    )?;
    let alphas = file.alpha_pattern;
    let alphas = compile(path, "alpha_pattern", alphas, "numbers", Value::as_f64)?;
    Ok((ranks, alphas))
}

fn compile<T>(
    path: &Path,
    field: &str,
    pairs: Option<Pairs>,
    expected: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Patterns<T>> {
    let refuse = |expected: &str, found: String| Error::Peft {
        path: path.into(),
        key: field.into(),
        expected: expected.into(),
        found,
    };
    let mut patterns: Vec<Pattern<T>> = Vec::new();
    for (key, value) in pairs.map_or(Vec::new(), |pairs| pairs.0) {
        let at = format!("{key:?}: {}", shown(&value));
        let Some(value) = read(&value) else {
            return Err(refuse(expected, at));
        };
        if patterns.iter().any(|pattern| pattern.key == key) {
            return Err(refuse("each key once", format!("{key:?} again")));
        }
        let matcher = RegexBuilder::new(&format!("^(?:.*\\.)?(?:{key})$"))
            .size_limit(MOST_BYTES)
            .build();
        let Ok(matcher) = matcher else {
            let expected = "regular expressions without references and look-around";
            return Err(refuse(expected, at));
        };
        patterns.push(Pattern {
            key,
            matcher,
            value,
        });
    }
    Ok(Patterns(patterns))
}

#[derive(Deserialize)]
struct File {
    rank_pattern: Option<Pairs>,
    alpha_pattern: Option<Pairs>,
}

/// An object's pairs in the order of the file, which decides what matches.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of patterns")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str) -> Result<Patterns<usize>> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("adapter_config.json");
        std::fs::write(&path, format!("{{\"rank_pattern\": {text}}}")).expect("written");
        Ok(read(&path)?.0)
    }

    /// What peft's own rule gives for these keys and paths.
    #[test]
    fn the_first_key_that_ends_a_path_counts() {
        let all = patterns(
            r#"{"layers.1.mlp.up_proj": 1, "^model.layers.0.k_proj": 2, "up_proj": 3,
                "k_proj": 4, "layers\\.[2-3]\\..*": 5, "v|o": 6, ".*rest": 7}"#,
        );
        let all = all.expect("patterns");
        for (path, expected) in [
            ("model.layers.1.mlp.up_proj", Some(1)),
            ("model.layers.11.mlp.up_proj", Some(3)),
            ("up_proj", Some(3)),
            ("model.layers.0.up_projection", None),
            ("model.layers.0.wup_proj", None),
            ("model.layers.0.k_proj", Some(2)),
            ("base.model.layers.0.k_proj", Some(4)),
            ("model.layers.3.anything", Some(5)),
            ("model.layers.4.anything", None),
            ("x.o", Some(6)),
            ("x.v", Some(6)),
            ("x.vo", None),
            ("the.rest", Some(7)),
        ] {
            assert_eq!(all.get(path), expected, "{path}");
        }
    }

    #[test]
    fn keys_and_numbers_that_cannot_be_are_named() {
        for (text, part) in [
            (r#"{"a": 0}"#, "ranks from 1, found \"a\": 0"),
            (r#"{"a": "x"}"#, "\"a\": \"x\""),
            (r#"{"a(": 1}"#, "regular expressions"),
            (r#"{"(?=a)a": 1}"#, "look-around"),
            (r#"{"(a{1000}){1000}": 1}"#, "regular expressions"),
            (r#"{"a": 1, "a": 2}"#, "each key once"),
            ("[]", "an object of patterns"),
        ] {
            let message = patterns(text).expect_err(text).to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
