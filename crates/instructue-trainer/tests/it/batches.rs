//! The users and instructions of each step.

use std::collections::{BTreeMap, BTreeSet};

use instructue_features::Row;
use instructue_schema::seed;
use instructue_schema::{DataText, UserId};
use instructue_trainer::{BatchConfig, RowSource, TrainConfig, ahead};
use instructue_userqa::{Split, Triple, split_of};

use crate::common::data::data;
use crate::common::run::{batches, config};

fn key(user: &UserId) -> u64 {
    seed::derive(0, user.as_str(), &[])
}

/// The rows as text, in which missing numbers (NaN) are equal.
fn text(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

fn triples() -> Vec<Triple> {
    let triples = data().triples();
    (0..triples.shards())
        .flat_map(|shard| triples.shard(shard).unwrap())
        .collect()
}

/// The instruction's tokens as a segment holds them.
fn instruction(triple: &Triple) -> Vec<u32> {
    let text = DataText::new(triple.instruction.as_str());
    data().preprocessor.segment(Some(&text), None).instruction
}

#[test]
fn a_step_is_a_pure_function_of_seed_and_number() {
    let config = config();
    let mut all = batches(Split::Train, &config);
    let steps = 2 * all.steps_per_epoch() + 2;
    let walked: Vec<_> = (0..steps)
        .map(|step| text(&all.step(step).unwrap()))
        .collect();
    for step in (0..steps).rev() {
        let fresh = batches(Split::Train, &config).step(step).unwrap();
        assert_eq!(text(&fresh), walked[step], "step {step}");
    }
    let ahead: Vec<_> = ahead(batches(Split::Train, &config), 3, steps)
        .iter()
        .map(|rows| text(&rows.unwrap()))
        .collect();
    assert_eq!(ahead, walked[3..]);
    let other = TrainConfig { seed: 8, ..config };
    assert_ne!(
        text(&batches(Split::Train, &other).step(0).unwrap()),
        walked[0]
    );
}

#[test]
fn an_epoch_has_every_user_at_every_reference_once() {
    let units = data().open(Split::Train).unwrap().units();
    let per_step = (2..units)
        .find(|per_step| units.is_multiple_of(*per_step))
        .unwrap_or(units);
    let config = TrainConfig {
        batch: BatchConfig {
            users_per_step: per_step,
            event_replacement: 0.0,
            ..config().batch
        },
        ..config()
    };
    let mut tokenizer = data().preprocessor.profile_tokenizer();
    let store = data().store();
    let mut expected = BTreeSet::new();
    for triple in triples()
        .iter()
        .filter(|t| t.split == Split::Train && !t.held_out)
    {
        let shard = store.shard(triple.shard as usize).unwrap();
        let history = shard.history(shard.find(&triple.user).unwrap());
        let profile = data()
            .preprocessor
            .profiles()
            .build(&history, triple.reference);
        expected.insert(format!(
            "{} {:?}",
            key(&triple.user),
            tokenizer.tokenize(&profile)
        ));
    }
    assert_eq!(expected.len(), units, "no two units look the same");
    let mut all = batches(Split::Train, &config);
    let per_epoch = all.steps_per_epoch();
    assert_eq!(per_epoch * per_step, units);
    let mut orders = Vec::new();
    for epoch in 0..2 {
        let mut seen = Vec::new();
        for step in 0..per_epoch {
            let rows = all.step(epoch * per_epoch + step).unwrap();
            assert_eq!(rows.len(), per_step);
            seen.extend(
                rows.iter()
                    .map(|row| format!("{} {:?}", row.user_key, row.profile)),
            );
        }
        orders.push(seen.clone());
        seen.sort();
        assert!(seen.iter().eq(&expected), "epoch {epoch}");
    }
    assert_ne!(orders[0], orders[1], "each epoch has its own order");
}

/// The profiles of two epochs by user, each user's in the order of their text.
fn profiles(event_replacement: f64) -> BTreeMap<u64, Vec<String>> {
    let config = TrainConfig {
        batch: BatchConfig {
            event_replacement,
            ..config().batch
        },
        ..config()
    };
    let mut all = batches(Split::Train, &config);
    let mut out: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for step in 0..2 * all.steps_per_epoch() {
        for row in all.step(step).unwrap() {
            let of_user = out.entry(row.user_key).or_default();
            of_user.push(format!("{:?}", row.profile));
        }
    }
    out
}

#[test]
fn some_profiles_have_events_of_others() {
    let (own, mixed) = (profiles(0.0), profiles(0.8));
    let (mut same, mut changed) = (0, 0);
    for (user, profiles) in &mixed {
        for profile in profiles {
            match own.get(user).is_some_and(|own| own.contains(profile)) {
                true => same += 1,
                false => changed += 1,
            }
        }
    }
    assert!(same > 10 && changed > 10, "{same} and {changed} profiles");
}

#[test]
fn a_step_holds_only_what_its_split_allows() {
    let all = triples();
    let held_out: BTreeSet<Vec<u32>> = all.iter().filter(|t| t.held_out).map(instruction).collect();
    assert!(!held_out.is_empty(), "or the test says nothing");
    let config = TrainConfig {
        batch: BatchConfig {
            instruction_dropout: 0.3,
            ..config().batch
        },
        ..config()
    };
    for split in [Split::Train, Split::Validation] {
        let mut allowed: BTreeMap<u64, BTreeSet<Vec<u32>>> = BTreeMap::new();
        for triple in all.iter().filter(|t| t.split == split && !t.held_out) {
            assert_eq!(
                split_of(&triple.user, data().userqa.seed, &data().userqa),
                split
            );
            allowed
                .entry(key(&triple.user))
                .or_default()
                .insert(instruction(triple));
        }
        let mut batches = batches(split, &config);
        let (mut dropped, mut segments) = (0, 0);
        for step in 0..3 * batches.steps_per_epoch() {
            for row in batches.step(step).unwrap() {
                let own = allowed.get(&row.user_key).expect("a user of the split");
                assert_eq!(row.segments.len(), config.batch.instructions_per_user);
                for segment in row.segments {
                    assert!(!segment.answer.is_empty());
                    segments += 1;
                    if segment.instruction.is_empty() {
                        dropped += 1;
                        continue;
                    }
                    assert!(
                        own.contains(&segment.instruction),
                        "another user's instruction"
                    );
                    assert!(
                        !held_out.contains(&segment.instruction),
                        "a held-out family"
                    );
                }
            }
        }
        let share = f64::from(dropped) / f64::from(segments);
        assert!(
            (0.15..0.45).contains(&share),
            "{share} of {segments} instructions dropped"
        );
    }
}

#[test]
fn extra_negatives_are_other_answers_to_the_same_question() {
    let config = TrainConfig {
        batch: BatchConfig {
            extra_negatives: 3,
            instruction_dropout: 0.0,
            ..config().batch
        },
        ..config()
    };
    let rows = batches(Split::Train, &config).step(0).unwrap();
    let answer = |text: &str| data().preprocessor.answer(&DataText::new(text)).unwrap();
    let mut questions: BTreeMap<String, BTreeSet<Vec<u32>>> = BTreeMap::new();
    let mut asked: BTreeMap<Vec<u32>, BTreeSet<String>> = BTreeMap::new();
    for triple in triples() {
        let question = triple.question().unwrap();
        asked
            .entry(instruction(&triple))
            .or_default()
            .insert(question.clone());
        if triple.split == Split::Train {
            questions
                .entry(question)
                .or_default()
                .insert(answer(&triple.answer));
        }
    }
    let mut found = 0;
    for segment in rows.iter().flat_map(|row| &row.segments) {
        assert!(segment.extra_negatives.len() <= 3);
        for contrast in &segment.extra_negatives {
            assert_ne!(*contrast, segment.answer);
            let mut possible = asked[&segment.instruction].iter();
            assert!(possible.any(|question| questions[question].contains(contrast)));
            found += 1;
        }
    }
    assert!(found > rows.len(), "only {found} extra_negatives");
    let without = TrainConfig {
        batch: BatchConfig {
            extra_negatives: 0,
            ..config.batch.clone()
        },
        ..config
    };
    let rows = batches(Split::Train, &without).step(0).unwrap();
    assert!(
        rows.iter()
            .flat_map(|row| &row.segments)
            .all(|s| s.extra_negatives.is_empty())
    );
}
