//! Known texts by hand.

use std::sync::Arc;

use instructue_schema::{DataText, Timestamp, UserId};

use super::*;
use crate::profile::{Profile, ProfileEvent, SourceProfile};

/// A user with texts, each with the ages of its events.
fn profile(user: usize, events: &[(&str, &[f32])]) -> Profile {
    let events = events.iter().map(|(text, days)| ProfileEvent {
        text: DataText::new(*text),
        days: (*days).into(),
        ..event()
    });
    Profile {
        user: UserId::new(format!("u{user}")).unwrap(),
        reference: Timestamp(0),
        sources: vec![SourceProfile::Events(events.collect())],
    }
}

fn event() -> ProfileEvent {
    ProfileEvent {
        text: DataText::new(""),
        features: Vec::new(),
        vector: None,
        days: [].into(),
    }
}

fn children() -> Children {
    let schema = instructue_schema::Schema::default_six();
    Children::new(&schema, 1)
}

/// Ten users with cola, eight of them with crisps, and two with soap.
fn known(min_users: usize) -> KnownTexts {
    let mut counts = TextCounts::new(min_users, 30);
    for user in 0..10 {
        let mut events: Vec<(&str, &[f32])> = vec![("drinks | SOFT DRINKS", &[3.0, 40.5])];
        if user < 8 {
            events.push(("snacks | CRISPS", &[4.0]));
        } else {
            events.push(("home | SOAP", &[100.0]));
        }
        counts.add(&profile(user, &events));
    }
    let questions = [
        "Will this user buy CRISPS in the next 30 days?",
        "Will this user buy SOAP?",
    ];
    let fitted = counts.finish(&children(), questions.into_iter());
    KnownTexts::new(fitted, WordVectors::shared())
}

#[test]
fn a_text_of_too_few_users_is_not_kept() {
    let texts = |min_users| {
        let known = known(min_users);
        let texts = known.fitted().texts.iter().map(|known| known.text.clone());
        texts.collect::<Vec<_>>()
    };
    assert_eq!(
        texts(1),
        ["drinks | SOFT DRINKS", "snacks | CRISPS", "home | SOAP"]
    );
    assert_eq!(texts(3), ["drinks | SOFT DRINKS", "snacks | CRISPS"]);
    assert!(known(11).is_empty());
}

#[test]
fn an_instruction_asks_for_what_it_names_or_means() {
    let known = known(1);
    let asks = |text: &str| known.instruction(&DataText::new(text));
    let named = asks("Will this user buy crisps in the next 30 days?");
    assert_eq!(named.about, About::OneOf(vec![(1, 1.0)]));
    let meant = asks("Will this user buy lemonade in the next 30 days?");
    let About::OneOf(shares) = meant.about else {
        panic!("{meant:?}");
    };
    assert_eq!(shares[0].0, 0, "{shares:?}");
    let sum: f32 = shares.iter().map(|(_, share)| share).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    // "Will this user buy in the next 30 days" is in the questions and asks for nothing.
    assert_eq!(asks("Will this user buy?").about, About::Anything);
}

#[test]
fn an_instruction_may_name_a_source() {
    let known = known(1);
    let schema = instructue_schema::Schema::default_six();
    let description = &schema.sources[0].description;
    let asked = known.instruction(&DataText::new(format!(
        "Will this user have no {description} any more?"
    )));
    assert_eq!(asked.about, About::Source(0), "{description}");
    assert_eq!(asked.asks, Asks::Stops);
}

#[test]
fn words_of_a_name_ask_for_nothing() {
    let mut counts = TextCounts::new(1, 30);
    for user in 0..4 {
        counts.add(&profile(user, &[("sport | LOWER BODY", &[3.0, 40.5])]));
    }
    let fitted = counts.finish(&children(), std::iter::empty());
    let known = KnownTexts::new(fitted, WordVectors::shared());
    let asks = |text: &str| known.instruction(&DataText::new(text)).asks;
    assert_eq!(asks("Will this user do lower body next week?"), Asks::Comes);
    assert_eq!(asks("Will this user stop lower body?"), Asks::Stops);
    assert_eq!(asks("Will the number be lower?"), Asks::Fewer);
}

#[test]
fn what_is_asked_is_no_part_of_what_is_named() {
    let known = known(1);
    let text = DataText::new("Will this user no longer buy crisps in the next 30 days?");
    let asked = known.instruction(&text);
    assert_eq!(asked.asks, Asks::Stops);
    assert_eq!(asked.about, About::OneOf(vec![(1, 1.0)]));
    let user = known.profile(&profile(20, &[("snacks | CRISPS", &[2.0, 2.5, 40.0])]));
    let had = HadDays {
        ever: 2,
        lately: 2,
        before: 1,
    };
    assert_eq!(user.had(&[0, 1], 30), had);
    assert_eq!(user.had(&[0], 30), HadDays::default());
    assert_eq!(user.had_of_source(0, 30), had);
}

#[test]
fn numbers_are_those_by_hand() {
    let known = known(1);
    let names = text_feature_names();
    assert_eq!(names.len(), TEXT_FEATURES);
    let user = profile(
        20,
        &[
            ("drinks | SOFT DRINKS", &[2.0, 2.5, 32.0]),
            ("other", &[1.0]),
        ],
    );
    let user = known.profile(&user);
    let of = |text: u32, name: &str| {
        let place = names.iter().position(|one| one == name).expect(name);
        known.numbers(&user, text)[place]
    };
    // Two events of a day are one day.
    assert_eq!(of(0, "own.count.0.25"), 1f32.ln_1p());
    assert_eq!(of(0, "own.count.2"), 2f32.ln_1p());
    assert_eq!(of(0, "own.days"), 2f32.ln_1p());
    assert_eq!(of(0, "own.never"), 0.0);
    assert_eq!(of(1, "own.never"), 1.0);
    // Since day 2, that is in the third day, of 30.
    assert!((of(0, "own.since") - (3.0f32 / 30.0).ln_1p()).abs() < 1e-6);
    // Days with anything, a text that is not known among them.
    assert_eq!(of(1, "all.count.2"), 3f32.ln_1p());
    let popular = &known.fitted().texts[1];
    assert_eq!((popular.popular, popular.ever), (0.8, 0.8));
    assert!(
        known
            .numbers(&user, 1)
            .iter()
            .all(|number| number.is_finite())
    );
}

#[test]
fn what_was_fitted_survives_its_own_text() {
    let known = known(1);
    let text = serde_json::to_string(known.fitted()).unwrap();
    let again: FittedTexts = serde_json::from_str(&text).unwrap();
    assert!(again.is_sound());
    let again = KnownTexts::new(again, WordVectors::shared());
    let user = profile(20, &[("snacks | CRISPS", &[2.0])]);
    for text in 0..3 {
        let numbers = |known: &KnownTexts| known.numbers(&known.profile(&user), text);
        assert_eq!(numbers(&known), numbers(&again));
    }
    let wrong = serde_json::to_string(known.fitted()).unwrap();
    let wrong = wrong.replace("\"days\":30", "\"days\":0");
    assert!(
        !serde_json::from_str::<FittedTexts>(&wrong)
            .unwrap()
            .is_sound()
    );
    let _ = Arc::new(again);
}
