//! Answers that were worked out by hand.

use std::collections::BTreeSet;

use super::*;
use crate::builder::compose;
use crate::snapshot::{Future, Past};
use crate::testing::{Purchase, REFERENCE, schema, shard};
use crate::thresholds::Thresholds;

/// Events on six days of the window, one event before it, and a future. The reference time is a
/// Saturday.
const PURCHASES: &[Purchase] = &[
    (-200, 10, 999.0, "CARS", "Own"),
    (-80, 10, 20.0, "FOOD", "Own"),  // Wednesday
    (-50, 10, 40.0, "FOOD", "Own"),  // Friday
    (-45, 11, 30.0, "TOYS", "Big"),  // Wednesday
    (-20, 15, 60.0, "FOOD", "Big"),  // Sunday
    (-10, 10, 10.0, "BOOKS", "Own"), // Wednesday
    (-3, 9, 90.0, "FOOD", "Own"),    // Wednesday
    (2, 12, 50.0, "FOOD", "Own"),    // Monday
    (2, 13, 5.0, "TOYS", "Own"),
    (9, 12, 25.0, "GAMES", "Big"), // Monday
    (40, 12, 70.0, "CARS", "Big"),
];

pub(super) fn thresholds() -> Thresholds {
    let mut thresholds = Thresholds::default();
    for (quantity, cuts) in [
        ("past.days.bill", [2.0, 4.0, 5.0, 8.0]),
        ("past.events.bill", [10.0, 20.0, 30.0, 40.0]),
        ("past.sum.bill.amount", [10.0, 20.0, 30.0, 40.0]),
        ("past.mean.bill.amount", [10.0, 20.0, 45.0, 90.0]),
        ("past.distinct.bill.category", [2.0, 3.0, 4.0, 5.0]),
        ("next.events.bill", [1.0, 3.0, 4.0, 5.0]),
        ("next.sum.bill.amount", [10.0, 20.0, 80.0, 90.0]),
    ] {
        thresholds.cuts.insert(quantity.into(), cuts);
    }
    thresholds.clock.insert("bill".into(), true);
    let named = |values: &[&str]| values.iter().map(|value| value.to_string()).collect();
    let categories = named(&["FOOD", "TOYS", "BOOKS", "GAMES", "CARS"]);
    thresholds.common.insert("bill.category".into(), categories);
    let brands = named(&["Own", "Big"]);
    thresholds.common.insert("bill.brand".into(), brands);
    thresholds
}

/// The answer of a family about `bill`, its category field and these values.
fn ask(purchases: &[Purchase], name: &str, value: &str, other: &str) -> Option<String> {
    ask_with(&thresholds(), purchases, name, [value, other])
}

pub(super) fn ask_with(
    thresholds: &Thresholds,
    purchases: &[Purchase],
    name: &str,
    [value, other]: [&str; 2],
) -> Option<String> {
    let schema = schema();
    let shard = shard(&[(
        "a".into(),
        purchases.to_vec(),
        vec![(-100, "Letter"), (31, "Card")],
    )]);
    let rule = rule(name).unwrap_or_else(|| panic!("no family {name}"));
    let mut target = rule.targets(&schema, Some(thresholds)).remove(0);
    if rule.needs == Needs::Overall {
        assert_eq!(target.source, None);
    } else {
        assert_eq!(target.source, Some(0), "{name}");
    }
    target.value = (!value.is_empty()).then(|| value.into());
    target.other = (!other.is_empty()).then(|| other.into());
    target.days = rule.days(&schema, &target, 30);
    let past = Past::new(&schema, thresholds, shard.history(0), REFERENCE);
    let future = Future::new(shard.history(0), REFERENCE, target.days);
    compose(rule, 0, &past, &future, &target).map(|(_, answer, _)| answer)
}

#[test]
fn answers_are_those_worked_out_by_hand() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "visit_frequency",
            "",
            "",
            "This user has purchases often, on 6 of the last 90 days.",
        ),
        (
            "event_volume",
            "",
            "",
            "The number of this user's purchases is very low: 6 in the last 90 days.",
        ),
        (
            "usual_weekday",
            "",
            "",
            "Wednesday is this user's usual weekday for purchases, with 67% of the active days.",
        ),
        (
            "usual_time_of_day",
            "",
            "",
            "This user's purchases mostly happen in the morning, 83% of them.",
        ),
        (
            "weekend_share",
            "",
            "",
            "This user has purchases mainly on working days: 17% of the active days are Saturdays or Sundays.",
        ),
        (
            "days_since_last",
            "",
            "",
            "The most recent of this user's purchases happened 2 days ago.",
        ),
        (
            "usual_gap",
            "",
            "",
            "Between two days with purchases this user typically lets 10 days pass.",
        ),
        (
            "activity_trend",
            "",
            "",
            "This user's purchases are growing: 3 in the last 30 days, after 2 in the 30 days before.",
        ),
        (
            "source_activity",
            "",
            "",
            "Yes, this user had purchases in the last 90 days, 6 times.",
        ),
        (
            "main_source",
            "",
            "",
            "This user is most active in purchases (100%).",
        ),
        (
            "total_level",
            "",
            "",
            "The total amount of this user's purchases is very high: about 250 in the last 90 days.",
        ),
        (
            "average_level",
            "",
            "",
            "The average amount of this user's purchases is medium, about 42 each.",
        ),
        (
            "total_trend",
            "",
            "",
            "The amount of this user's purchases is growing: about 160 in the last 30 days, about 70 in the 30 days before.",
        ),
        (
            "biggest_event",
            "",
            "",
            "The largest amount among this user's purchases is about 90, with category FOOD.",
        ),
        (
            "favourite_value",
            "",
            "",
            "This user's most frequent category is FOOD, 67% of the purchases.",
        ),
        (
            "top_three_values",
            "",
            "",
            "Ranked by frequency, this user's leading category values are FOOD, BOOKS and TOYS.",
        ),
        (
            "variety",
            "",
            "",
            "The variety is low: 3 different category values in 6 of this user's purchases.",
        ),
        (
            "has_value",
            "TOYS",
            "",
            "Yes, this user has bought TOYS in the last 90 days.",
        ),
        (
            "has_value",
            "CARS",
            "",
            "No, this user has not bought CARS in the last 90 days.",
        ),
        (
            "share_of_value",
            "FOOD",
            "",
            "FOOD makes up 67% of this user's purchases.",
        ),
        (
            "share_of_value",
            "CARS",
            "",
            "None of this user's purchases in the last 90 days are CARS.",
        ),
        (
            "times_value",
            "FOOD",
            "",
            "This user bought FOOD 4 times in the last 90 days.",
        ),
        (
            "times_value",
            "CARS",
            "",
            "This user bought no CARS in the last 90 days.",
        ),
        (
            "last_time_value",
            "TOYS",
            "",
            "This user last bought TOYS 44 days ago.",
        ),
        (
            "last_time_value",
            "CARS",
            "",
            "This user has not bought CARS in the last 90 days.",
        ),
        (
            "favourite_within_value",
            "FOOD",
            "",
            "For FOOD, this user's usual brand is Own, in 75% of the cases.",
        ),
        (
            "favourite_within_value",
            "CARS",
            "",
            "This user has nothing with category CARS in the profile, so no brand.",
        ),
        (
            "preference_between",
            "TOYS",
            "FOOD",
            "This user prefers FOOD (4 times in the last 90 days) to TOYS (once).",
        ),
        (
            "preference_between",
            "TOYS",
            "BOOKS",
            "This user shows no preference between TOYS and BOOKS: once each.",
        ),
        (
            "recent_novelty",
            "",
            "",
            "Yes, this user took up one new category in the last 30 days, namely BOOKS.",
        ),
        (
            "active_next",
            "",
            "",
            "Yes, this user will stay active with purchases in the next 30 days.",
        ),
        (
            "stop_next",
            "",
            "",
            "No, this user will not stop and will have purchases in the next 30 days.",
        ),
        (
            "volume_next",
            "",
            "",
            "The number of this user's purchases in the next 30 days will be low: 3.",
        ),
        (
            "busiest_week_next",
            "",
            "",
            "Week 1 of the next 30 days will bring most of this user's purchases: 2.",
        ),
        (
            "busiest_weekday_next",
            "",
            "",
            "Monday will be this user's main weekday for purchases in the next 30 days, twice.",
        ),
        (
            "first_return",
            "",
            "",
            "Yes, this user will return to purchases in 2 days.",
        ),
        (
            "source_next_quarter",
            "",
            "",
            "Yes, this user will have purchases in the next 90 days, 4 times.",
        ),
        (
            "overview_next",
            "",
            "",
            "In the next 30 days this user will have 3 purchases.",
        ),
        (
            "total_next",
            "",
            "",
            "The total amount of this user's purchases in the next 30 days will be medium, about 80.",
        ),
        (
            "total_change_next",
            "",
            "",
            "The amount of this user's purchases will fall in the next 30 days: about 80 after 160.",
        ),
        (
            "top_values_next",
            "",
            "",
            "This user will mostly buy FOOD, GAMES and TOYS in the next 30 days.",
        ),
        (
            "will_value",
            "TOYS",
            "",
            "Yes, this user will buy TOYS in the next 30 days.",
        ),
        (
            "will_value",
            "CARS",
            "",
            "No, this user will not buy CARS in the next 30 days.",
        ),
        (
            "times_value_next",
            "FOOD",
            "",
            "This user will buy FOOD once in the next 30 days.",
        ),
        (
            "times_value_next",
            "CARS",
            "",
            "This user will buy no CARS in the next 30 days.",
        ),
        (
            "total_value_next",
            "FOOD",
            "",
            "The amount for FOOD will be about 50 in the next 30 days.",
        ),
        (
            "total_value_next",
            "CARS",
            "",
            "The amount for CARS will be nothing in the next 30 days.",
        ),
        (
            "new_values_next",
            "",
            "",
            "Yes, this user will try one new category in the next 30 days, namely GAMES.",
        ),
        (
            "summary_next",
            "",
            "",
            "Coming purchases, chiefly: week 1: 2 FOOD; week 2: 1 GAMES; week 3: none; week 4: none.",
        ),
    ];
    for (name, value, other, expected) in cases {
        let answer = ask(PURCHASES, name, value, other);
        assert_eq!(answer.as_deref(), Some(*expected), "{name}");
    }
    let asked: BTreeSet<_> = cases.iter().map(|case| case.0).collect();
    let missing: Vec<_> = all()
        .map(|rule| rule.name)
        .filter(|name| !asked.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "no answer worked out by hand for {missing:?}"
    );
}

#[test]
fn a_user_who_stops_gets_answers_about_nothing() {
    let past: Vec<Purchase> = PURCHASES
        .iter()
        .copied()
        .filter(|event| event.0 < 0)
        .collect();
    for (name, expected) in [
        (
            "active_next",
            "No, this user will have no purchases in the next 30 days.",
        ),
        (
            "stop_next",
            "Yes, this user will stop: no purchases in the next 30 days.",
        ),
        (
            "volume_next",
            "This user will have no purchases at all in the next 30 days.",
        ),
        (
            "busiest_week_next",
            "None: this user will have no purchases in any week of the next 30 days.",
        ),
        (
            "busiest_weekday_next",
            "On no weekday: this user will have no purchases in the next 30 days.",
        ),
        (
            "first_return",
            "No, this user will not return to purchases within 30 days.",
        ),
        (
            "source_next_quarter",
            "No, there will be no purchases from this user in the next 90 days.",
        ),
        (
            "overview_next",
            "This user will do nothing in the next 30 days.",
        ),
        (
            "total_next",
            "There will be no amount from this user's purchases in the next 30 days.",
        ),
        (
            "total_change_next",
            "The amount of this user's purchases will fall in the next 30 days: about 0 after 160.",
        ),
        (
            "top_values_next",
            "None: there will be no purchases in the next 30 days.",
        ),
        (
            "new_values_next",
            "No, this user will try no new category in the next 30 days.",
        ),
        (
            "summary_next",
            "In the next 30 days this user will have no purchases.",
        ),
    ] {
        assert_eq!(
            ask(&past, name, "", "").as_deref(),
            Some(expected),
            "{name}"
        );
    }
}

#[test]
fn no_rule_answers_about_an_empty_profile_but_the_one_about_presence() {
    let future: Vec<Purchase> = PURCHASES
        .iter()
        .copied()
        .filter(|event| event.0 >= 0)
        .collect();
    for rule in all().filter(|rule| rule.needs != Needs::Overall) {
        let answer = ask(&future, rule.name, "FOOD", "TOYS");
        let asks_presence = ["source_activity", "source_next_quarter"].contains(&rule.name);
        assert_eq!(answer.is_some(), asks_presence, "{}: {answer:?}", rule.name);
    }
}

#[test]
fn missing_values_are_no_values() {
    let purchases = [
        (-5, 10, f64::NAN, "", "Own"),
        (-4, 10, 8.0, "FOOD", ""),
        (-3, 10, f64::NAN, "", ""),
        (4, 10, f64::NAN, "", ""),
    ];
    let answer = |name, value| ask(&purchases, name, value, "").unwrap();
    assert_eq!(
        answer("average_level", ""),
        "The average amount of this user's purchases is very low, about 8 each."
    );
    assert_eq!(
        answer("favourite_value", ""),
        "This user's most frequent category is FOOD, 100% of the purchases."
    );
    assert_eq!(
        answer("top_values_next", ""),
        "The category of the purchases in the next 30 days will not be known."
    );
    assert_eq!(
        answer("total_next", ""),
        "There will be no amount from this user's purchases in the next 30 days."
    );
    assert_eq!(
        answer("summary_next", ""),
        "Coming purchases, chiefly: week 1: 1; week 2: none; week 3: none; week 4: none."
    );
}
