//! Lexical matches of hand-made profiles.

use super::*;
use crate::profile::ProfileBuilder;
use crate::testing::{Null, Number, Row, day, row, schema, shard, text};
use instructue_schema::Shard;

fn bill(user: &'static str, at: f64, product: &str) -> Row {
    row(user, 0, day(at), &[text(product), Number(1.0), Null, Null])
}

fn search(user: &'static str, at: f64, query: &str) -> Row {
    row(user, 1, day(at), &[text(query)])
}

fn users() -> Shard {
    let rows = [
        bill("a", 99.0, "DOG FOODS"),
        bill("a", 98.5, "CAT FOOD"),
        bill("a", 60.0, "DOG FOODS"),
        bill("a", 59.0, "MILK"),
        bill("b", 99.0, "BABY FOODS"),
        bill("b", 98.0, "FROZEN PIZZA"),
        search("b", 99.5, "cheap flights"),
        search("b", 99.0, "dog leash"),
    ];
    shard(&schema(), &rows, 0)
}

fn questions() -> Vec<(u64, String)> {
    let of = |x: &str| format!("Will this person buy {x} in the next 30 days?");
    ["milk", "pizza", "cat food", "flights"]
        .map(|x| (0, of(x)))
        .to_vec()
}

/// The users' profiles on day 100, and lexical matches fitted to them.
fn fitted() -> (LexicalMatches, Vec<Profile>) {
    let (schema, shard, reference) = (schema(), users(), day(100.0));
    let histories = || shard.histories().map(|history| (history, reference));
    let builder = ProfileBuilder::fit(&schema, histories(), None, 1);
    let profiles: Vec<Profile> = histories().map(|(h, r)| builder.build(&h, r)).collect();
    let lexical_matches = LexicalMatches::fit(&schema, profiles.iter().cloned(), &questions(), 1);
    (lexical_matches, profiles)
}

fn numbers(user: usize, instruction: &str) -> [f32; LEXICAL_FEATURES] {
    let (lexical_matches, profiles) = fitted();
    let words = lexical_matches.profile(&schema(), &profiles[user]);
    let query = lexical_matches.instruction(&DataText::new(instruction));
    lexical_matches.numbers(&words, Some(&query))
}

#[test]
fn the_named_events_are_counted_by_their_age() {
    let found = numbers(0, "Will this user buy dog food?");
    // Cat food shares a word and weighs less. The window is 90 days, so day 99 is in every count
    // and day 60 in the last two (half: 45 days).
    let one = (2f64.ln() * SCALE) as f32;
    let two = (3f64.ln() * SCALE) as f32;
    for count in &found[..4] {
        assert!((count - one).abs() < 0.05, "{found:?}");
    }
    for count in &found[4..6] {
        assert!((count - two).abs() < 0.05, "{found:?}");
    }
    let lately = (-6.0f64 / 90.0).exp() as f32;
    assert!((found[6] - lately).abs() < 1e-6);
    assert!((found[8] - two).abs() < 1e-6, "two days: {found:?}");
    assert_eq!(found[9], 1.0);
    assert!(found[10] > 0.0 && found[10] < 1.0);
}

#[test]
fn plurals_and_other_words_do_not_matter() {
    let asked = numbers(0, "Will this user buy dog food?");
    let other = numbers(0, "Are DOGS of this household to have FOODS?");
    assert_eq!(asked[..10], other[..10]);
}

#[test]
fn what_is_not_named_has_zeros() {
    let (lexical_matches, profiles) = fitted();
    let words = lexical_matches.profile(&schema(), &profiles[0]);
    assert_eq!(
        lexical_matches.numbers(&words, None),
        [0.0; LEXICAL_FEATURES]
    );
    let nothing = lexical_matches.instruction(&DataText::new("xyzzy? …"));
    let found = lexical_matches.numbers(&words, Some(&nothing));
    assert_eq!(found, [0.0; LEXICAL_FEATURES]);
    // The words are known, but this user has no such event. Only the feature of the instruction
    // alone is left.
    let found = numbers(0, "Will this user buy frozen pizza?");
    assert_eq!(found[..10], [0.0; 10]);
    assert!(found[10] > 0.0);
}

#[test]
fn words_that_all_questions_have_weigh_nothing() {
    let found = numbers(0, "Will this person buy in the next 30 days?");
    assert_eq!(found, [0.0; LEXICAL_FEATURES]);
}

#[test]
fn what_a_source_is_called_is_said_of_its_events() {
    let (lexical_matches, profiles) = fitted();
    let query = lexical_matches.instruction(&DataText::new("What are the searches like?"));
    let words = lexical_matches.profile(&schema(), &profiles[1]);
    let found = lexical_matches.numbers(&words, Some(&query));
    assert!(found[9] > 0.5, "{found:?}");
    let words = lexical_matches.profile(&schema(), &profiles[0]);
    assert_eq!(lexical_matches.numbers(&words, Some(&query))[9], 0.0);
}

#[test]
fn a_text_that_was_never_seen_counts_as_well() {
    let (lexical_matches, mut profiles) = fitted();
    let SourceProfile::Events(events) = &mut profiles[1].sources[1] else {
        panic!("searches are events");
    };
    events[0].text = DataText::new("used dog kennel");
    let words = lexical_matches.profile(&schema(), &profiles[1]);
    let query = lexical_matches.instruction(&DataText::new("Does this user look for a dog?"));
    let found = lexical_matches.numbers(&words, Some(&query));
    assert!(
        found[9] > 0.1 && found.iter().all(|x| x.is_finite()),
        "{found:?}"
    );
}

#[test]
fn saved_and_read_it_is_the_same() {
    let (lexical_matches, profiles) = fitted();
    let json = serde_json::to_string(&lexical_matches).unwrap();
    let read: LexicalMatches = serde_json::from_str(&json).unwrap();
    let query = |m: &LexicalMatches| {
        let words = m.profile(&schema(), &profiles[0]);
        m.numbers(
            &words,
            Some(&m.instruction(&DataText::new("dog food, milk"))),
        )
    };
    assert_eq!(query(&lexical_matches), query(&read));
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
}

/// Users who all buy milk, some of them together with something rarer.
fn many(rare: &[(usize, &'static str)]) -> (LexicalMatches, Vec<Profile>) {
    const USERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let mut rows: Vec<Row> = USERS.iter().map(|user| bill(user, 99.0, "MILK")).collect();
    rows.extend(
        rare.iter()
            .map(|&(user, text)| search(USERS[user], 99.0, text)),
    );
    let (schema, reference) = (schema(), day(100.0));
    let shard = shard(&schema, &rows, 0);
    let histories = || shard.histories().map(|history| (history, reference));
    let builder = ProfileBuilder::fit(&schema, histories(), None, 3);
    let profiles: Vec<Profile> = histories().map(|(h, r)| builder.build(&h, r)).collect();
    let asked = user_key(&profiles[0].user);
    let questions = [(asked, "Will this user buy Xyzzy?".to_string())];
    let lexical_matches = LexicalMatches::fit(&schema, profiles.iter().cloned(), &questions, 3);
    (lexical_matches, profiles)
}

fn kept(lexical_matches: &LexicalMatches, word: &str) -> bool {
    let id = words::word_ids(word)[0].to_string();
    serde_json::to_string(lexical_matches)
        .unwrap()
        .contains(&id)
}

#[test]
fn a_word_of_few_users_leaves_no_hash() {
    let (lexical_matches, profiles) = many(&[
        (0, "xyzzy milk"),
        (1, "xyzzy"),
        (0, "plugh"),
        (1, "plugh"),
        (2, "plugh"),
    ]);
    assert!(kept(&lexical_matches, "milk") && kept(&lexical_matches, "plugh"));
    // The questions contain the word, too.
    assert!(!kept(&lexical_matches, "xyzzy") && !kept(&lexical_matches, "buy"));
    // The word weighs nothing, in a text and in an instruction.
    let numbers = |text: &str| {
        let words = lexical_matches.profile(&schema(), &profiles[0]);
        lexical_matches.numbers(
            &words,
            Some(&lexical_matches.instruction(&DataText::new(text))),
        )
    };
    assert_eq!(numbers("xyzzy"), [0.0; LEXICAL_FEATURES]);
    assert_eq!(numbers("xyzzy milk"), numbers("milk"));
    assert_eq!(numbers("plugh")[9], 1.0);
}

#[test]
fn words_that_only_one_text_has_together_are_not_kept_together() {
    let (lexical_matches, _) = many(&[
        (0, "john smith"),
        (1, "john"),
        (2, "john"),
        (3, "smith"),
        (4, "smith"),
        (5, "anna smith"),
    ]);
    let [john, smith, anna] = ["john", "smith", "anna"].map(|word| words::word_ids(word)[0]);
    let with = |word| {
        let texts = lexical_matches.fitted.texts.iter();
        texts.filter(move |text| text.contains(&word)).count()
    };
    // "john" is a text of two users, and so is "smith". Both are known, each alone.
    assert_eq!((with(john), with(smith), with(anna)), (1, 1, 0));
    let both = |text: &&Vec<u64>| text.contains(&john) && text.contains(&smith);
    assert_eq!(lexical_matches.fitted.texts.iter().filter(both).count(), 0);
    assert_eq!(lexical_matches.fitted.known[&john], 2, "texts that have it");
}
