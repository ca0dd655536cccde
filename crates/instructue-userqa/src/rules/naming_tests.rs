//! No answer names a value that too few training users have.

use super::tests::{ask_with, thresholds};
use super::*;
use crate::testing::Purchase;

/// SECRET leads in the past and the future, FOOD follows. Every brand but Own is rare.
const PURCHASES: &[Purchase] = &[
    (-50, 10, 20.0, "FOOD", "Hidden"),
    (-9, 10, 20.0, "SECRET", "Own"),
    (-8, 10, 99.0, "SECRET", "Own"),
    (-7, 10, 10.0, "HUSHED", "Own"),
    (2, 12, 50.0, "SECRET", "Own"),
    (3, 12, 50.0, "SECRET", "Own"),
    (4, 13, 5.0, "TOYS", "Own"),
    (5, 13, 5.0, "VEILED", "Own"),
];

fn answer(name: &str, value: &str) -> Option<String> {
    ask_with(&thresholds(), PURCHASES, name, [value, "TOYS"])
}

#[test]
fn a_past_question_is_not_asked_where_its_answer_is_a_rare_value() {
    for name in ["favourite_value", "top_three_values", "biggest_event"] {
        assert_eq!(answer(name, ""), None, "{name}");
    }
    assert_eq!(answer("favourite_within_value", "FOOD"), None);
    // A number of values names no value.
    assert_eq!(
        answer("variety", "").as_deref(),
        Some("The variety is low: 3 different category values in 4 of this user's purchases.")
    );
    assert_eq!(
        answer("recent_novelty", "").as_deref(),
        Some("Yes, this user took up 2 new category values in the last 30 days.")
    );
}

#[test]
fn an_answer_about_the_future_leaves_a_rare_value_out() {
    assert_eq!(
        answer("top_values_next", "").as_deref(),
        Some("This user will mostly buy TOYS in the next 30 days.")
    );
    assert_eq!(
        answer("new_values_next", "").as_deref(),
        Some("Yes, this user will try 2 new category values in the next 30 days, such as TOYS.")
    );
    assert_eq!(
        answer("summary_next", "").as_deref(),
        Some(
            "Coming purchases, chiefly: week 1: 4 TOYS; week 2: none; week 3: none; week 4: none."
        )
    );
}

#[test]
fn nothing_is_named_where_no_value_is_common() {
    let mut thresholds = thresholds();
    thresholds.common.clear();
    for rule in all() {
        let text = ask_with(&thresholds, PURCHASES, rule.name, ["given", "other"]);
        let text = text.unwrap_or_default();
        let values = PURCHASES.iter().flat_map(|event| [event.3, event.4]);
        for value in values {
            assert!(!text.contains(value), "{}: {text}", rule.name);
        }
    }
}
