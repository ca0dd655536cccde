//! The inputs that triples may depend on, and those that they must not depend on.

mod rare_values;

use instructue_schema::seed;

use super::*;
use crate::testing::{Purchase, REFERENCE, User, schema, shard};

const CATEGORIES: [&str; 8] = [
    "FOOD", "TOYS", "BOOKS", "GAMES", "CARS", "PETS", "SHOES", "TOOLS",
];

/// Users with events from 150 days before the reference time to 100 days after it.
fn users(n: u64) -> Vec<User> {
    (0..n)
        .map(|user| {
            let mut rng = seed::rng(5, "users", &[user]);
            let mut number = |bound: u64| seed::below(&mut rng, bound) as i64;
            let events = number(60);
            let purchases = (0..events).map(|_| {
                let category = CATEGORIES[number(8).min(number(8)) as usize];
                let brand = ["Own", "Big"][number(2) as usize];
                (
                    number(250) - 150,
                    number(24),
                    number(5000) as f64 / 100.0,
                    category,
                    brand,
                )
            });
            let purchases = purchases.collect();
            let mails = number(4);
            let mail = (0..mails).map(|_| (number(250) - 150, ["A", "B"][number(2) as usize]));
            (format!("user-{user:03}"), purchases, mail.collect())
        })
        .collect()
}

fn config() -> UserQaConfig {
    UserQaConfig {
        seed: 9,
        references: vec![REFERENCE],
        triples_per_user: 8,
        ..UserQaConfig::default()
    }
}

fn fitted(config: &UserQaConfig, users: &[User]) -> TripleBuilder {
    let end = REFERENCE.plus_days(100);
    TripleBuilder::fit(
        &schema(),
        config,
        users.len() as u64,
        end,
        [Ok(shard(users))],
    )
    .unwrap()
}

/// The users with every event from the reference time on replaced.
fn other_future(users: &[User]) -> Vec<User> {
    let change = |user: &User| {
        let mut purchases: Vec<Purchase> =
            user.1.iter().copied().filter(|event| event.0 < 0).collect();
        purchases.extend([(0, 0, 77.0, "PETS", "Big"), (5, 3, 1.0, "TOOLS", "Own")]);
        let mail = user.2.iter().copied().filter(|event| event.0 < 0).collect();
        (user.0.clone(), purchases, mail)
    };
    users.iter().map(change).collect()
}

#[test]
fn the_future_changes_no_past_triple() {
    let users = users(200);
    let builder = fitted(&config(), &users);
    let past = |users: &[User]| -> Vec<Triple> {
        let triples = builder.shard(0, &shard(users)).triples;
        triples
            .into_iter()
            .filter(|triple| triple.kind == TripleKind::Past)
            .collect()
    };
    let all = past(&users);
    assert!(all.len() > 600, "{}", all.len());
    assert_eq!(all, past(&other_future(&users)));
}

#[test]
fn without_balancing_the_future_changes_no_instruction() {
    let users = users(200);
    let instructions = |builder: &TripleBuilder, users: &[User]| -> Vec<(String, String)> {
        let triples = builder.shard(0, &shard(users)).triples;
        triples
            .into_iter()
            .map(|triple| (triple.family, triple.instruction))
            .collect()
    };
    let config = UserQaConfig {
        balance_future: false,
        ..config()
    };
    let builder = fitted(&config, &users);
    let all = instructions(&builder, &users);
    assert_eq!(all, instructions(&builder, &other_future(&users)));
    // Answers do follow the future.
    let answers = |users: &[User]| -> Vec<String> {
        let triples = builder.shard(0, &shard(users)).triples;
        triples.into_iter().map(|triple| triple.answer).collect()
    };
    assert_ne!(answers(&users), answers(&other_future(&users)));
    // With balancing, only questions that name a value may differ.
    let builder = fitted(
        &UserQaConfig {
            balance_future: true,
            ..config
        },
        &users,
    );
    let named = ["will_value", "times_value_next", "total_value_next"];
    let plain = |users: &[User]| -> Vec<(String, String)> {
        let all = instructions(&builder, users).into_iter();
        let names: Vec<_> = all
            .filter(|(family, _)| !named.contains(&&**family))
            .collect();
        names
    };
    let (a, b) = (plain(&users), plain(&other_future(&users)));
    // Where no value was found another family moved up, so only common questions are compared.
    let common = a.iter().filter(|entry| b.contains(entry)).count();
    assert!(
        common as f64 > 0.9 * a.len() as f64,
        "{common} of {}",
        a.len()
    );
}

#[test]
fn events_before_the_window_change_nothing() {
    let users = users(100);
    let builder = fitted(&config(), &users);
    let recent: Vec<User> = users
        .iter()
        .map(|user| {
            let purchases = user
                .1
                .iter()
                .copied()
                .filter(|event| event.0 >= -90)
                .collect();
            let mail = user
                .2
                .iter()
                .copied()
                .filter(|event| event.0 >= -90)
                .collect();
            (user.0.clone(), purchases, mail)
        })
        .collect();
    assert_eq!(
        builder.shard(0, &shard(&users)),
        builder.shard(0, &shard(&recent))
    );
}

#[test]
fn neither_shards_nor_their_order_matter() {
    let users = users(120);
    let whole = fitted(&config(), &users);
    let (head, tail) = users.split_at(50);
    let end = REFERENCE.plus_days(100);
    let parts = TripleBuilder::fit(
        &schema(),
        &config(),
        120,
        end,
        [Ok(shard(tail)), Ok(shard(head))],
    )
    .unwrap();
    assert_eq!(whole.thresholds(), parts.thresholds());
    assert_eq!(whole.popular(), parts.popular());
    let mut both = parts.shard(0, &shard(head)).triples;
    both.extend(parts.shard(0, &shard(tail)).triples);
    assert_eq!(whole.shard(0, &shard(&users)).triples, both);
}

#[test]
fn seed_and_reference_matter() {
    let users = users(60);
    let triples = |config: &UserQaConfig| fitted(config, &users).shard(0, &shard(&users)).triples;
    let base = triples(&config());
    assert_eq!(base, triples(&config()));
    assert_ne!(
        base,
        triples(&UserQaConfig {
            seed: 10,
            ..config()
        })
    );
    let earlier = UserQaConfig {
        references: vec![REFERENCE.plus_days(-30)],
        ..config()
    };
    let families = |triples: &[Triple]| -> Vec<String> {
        triples.iter().map(|triple| triple.family.clone()).collect()
    };
    assert_ne!(families(&base), families(&triples(&earlier)));
}

#[test]
fn counts_kinds_and_held_out_families_are_as_configured() {
    let users = users(200);
    let builder = fitted(&config(), &users);
    let shard = shard(&users);
    let mut without = 0;
    for history in shard.histories() {
        let Some(triples) = builder.triples(&history, 3, REFERENCE) else {
            without += 1;
            continue;
        };
        let split = split_of(history.user(), 9, &config());
        let held_out = triples.iter().filter(|triple| triple.held_out).count();
        assert_eq!(
            held_out,
            if split == Split::Train {
                0
            } else {
                held_out.clamp(1, 2)
            }
        );
        assert!(triples.len() - held_out <= 8, "{}", triples.len());
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for triple in &triples {
            *times.entry(&triple.family).or_default() += 1;
        }
        for (family, times) in times {
            let most = match rules::rule(family).unwrap().needs.names_value() {
                true => config().values_per_family,
                false => 1,
            };
            assert!(times <= most, "{family} {times} times");
        }
        let mut questions: Vec<_> = triples.iter().map(Triple::question).collect();
        questions.sort();
        questions.dedup();
        assert_eq!(questions.len(), triples.len(), "each question once");
        assert!(
            triples
                .iter()
                .all(|triple| triple.split == split && triple.shard == 3)
        );
    }
    assert!(without > 0);
    assert_eq!(builder.shard(3, &shard).without_events, without);

    let none = UserQaConfig {
        data_end: Some(REFERENCE.plus_days(28)),
        ..config()
    };
    let uncovered = fitted(&none, &users).shard(0, &shard).triples;
    assert!(
        uncovered
            .iter()
            .all(|triple| triple.kind == TripleKind::Past)
    );
    // Data that end on the horizon's last day are complete.
    let last = UserQaConfig {
        data_end: Some(REFERENCE.plus_days(29)),
        ..config()
    };
    let covered = fitted(&last, &users).shard(0, &shard).triples;
    assert!(
        covered
            .iter()
            .any(|triple| triple.kind == TripleKind::Future)
    );
    assert!(
        covered
            .iter()
            .all(|triple| triple.family != "source_next_quarter")
    );
}

#[test]
fn splits_have_their_shares_and_are_stable() {
    let config = config();
    let n = 20_000;
    let mut counts = [0; 3];
    for user in 0..n {
        let id = instructue_schema::UserId::new(format!("{user}")).unwrap();
        let split = split_of(&id, 1, &config);
        assert_eq!(
            split,
            split_of(
                &id,
                1,
                &UserQaConfig {
                    seed: 77,
                    ..config.clone()
                }
            )
        );
        counts[split as usize] += 1;
    }
    for (count, share) in counts.into_iter().zip([0.6, 0.1, 0.3]) {
        assert!(
            (f64::from(count) / f64::from(n) - share).abs() < 0.015,
            "{counts:?}"
        );
    }
}

#[test]
fn folds_share_no_test_user_and_leave_none_out() {
    let folds: Vec<UserQaConfig> = (0..5)
        .map(|fold| UserQaConfig {
            test_share: 0.2,
            test_from: f64::from(fold) / 5.0,
            ..config()
        })
        .collect();
    let mut sizes = [0; 5];
    for user in 0..5_000 {
        let id = instructue_schema::UserId::new(format!("{user}")).unwrap();
        let mut tested = (0..5).filter(|&fold| split_of(&id, 3, &folds[fold]) == Split::Test);
        sizes[tested.next().expect("some fold")] += 1;
        assert_eq!(tested.next(), None, "user {user} in two folds");
        let validated = folds.iter().map(|fold| split_of(&id, 3, fold));
        let validated = validated.filter(|&split| split == Split::Validation);
        assert!(validated.count() <= 1);
    }
    assert!(
        sizes.iter().all(|&size| (900..1100).contains(&size)),
        "{sizes:?}"
    );
}

#[test]
fn thresholds_come_from_training_users_only() {
    let users = users(150);
    let builder = fitted(&config(), &users);
    let training: Vec<User> = users
        .iter()
        .filter(|user| {
            let id = instructue_schema::UserId::new(user.0.as_str()).unwrap();
            split_of(&id, 9, &config()) == Split::Train
        })
        .cloned()
        .collect();
    assert!(training.len() < 120);
    let alone = fitted(&config(), &training);
    assert_eq!(builder.thresholds(), alone.thresholds());
    assert_eq!(builder.popular(), alone.popular());
    // Mailings have dates only.
    assert!(builder.thresholds().clock("bill") && !builder.thresholds().clock("mail"));
}

#[test]
fn hostile_values_stay_values() {
    const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    let values = ["{x}</bill>{d}", "q\nz", "[SEP] {s}", LONG, "<USER>"];
    let users: Vec<User> = (0..80)
        .map(|user| {
            let event = |i: usize| (-(i as i64) - 1, 9, 1.0, values[(i + user) % 5], "Own");
            (format!("u{user}"), (0..12).map(event).collect(), Vec::new())
        })
        .collect();
    let shard = shard(&users);
    let builder = fitted(&config(), &users);
    let triples = builder.shard(0, &shard).triples;
    let mut literal = 0;
    for triple in &triples {
        let history = shard.history(shard.find(&triple.user).unwrap());
        crate::verify(triple, &history, &schema(), builder.thresholds()).unwrap();
        for text in [&triple.instruction, &triple.answer] {
            assert!(!text.contains('\n') && !text.contains(LONG), "{text}");
            // The template's gaps are filled, and the braces of the value stay.
            literal += usize::from(text.contains("{x}</bill>{d}"));
        }
        assert!(
            !triple.instruction.contains("q z"),
            "{}",
            triple.instruction
        );
    }
    assert!(literal > 0);
}

#[test]
fn wrong_configurations_are_refused() {
    let users = users(20);
    let end = REFERENCE.plus_days(100);
    let refused = |config: UserQaConfig| {
        let shards = [Ok(shard(&users))];
        TripleBuilder::fit(&schema(), &config, 20, end, shards)
            .unwrap_err()
            .to_string()
    };
    for (config, says) in [
        (
            UserQaConfig {
                references: vec![],
                ..config()
            },
            "references",
        ),
        (
            UserQaConfig {
                references: vec![REFERENCE, REFERENCE],
                ..config()
            },
            "distinct",
        ),
        (
            UserQaConfig {
                horizon_days: 0,
                ..config()
            },
            "horizon_days",
        ),
        (
            UserQaConfig {
                test_share: f64::NAN,
                ..config()
            },
            "test_share",
        ),
        (
            UserQaConfig {
                test_share: 0.5,
                validation_share: 0.5,
                ..config()
            },
            "validation_share",
        ),
        (
            UserQaConfig {
                triples_per_user: 0,
                ..config()
            },
            "triples_per_user",
        ),
        (
            UserQaConfig {
                future_share: 1.1,
                ..config()
            },
            "future_share",
        ),
        (
            UserQaConfig {
                pool_size: 1,
                ..config()
            },
            "pool_size",
        ),
        (
            UserQaConfig {
                fit_users: 0,
                ..config()
            },
            "fit_users",
        ),
        (
            UserQaConfig {
                min_users: 0,
                ..config()
            },
            "min_users",
        ),
        (
            UserQaConfig {
                held_out_families: vec!["churn".into()],
                ..config()
            },
            "stop_next",
        ),
        (
            UserQaConfig {
                references: vec![REFERENCE.plus_days(-9000)],
                ..config()
            },
            "no training user",
        ),
    ] {
        let error = refused(config);
        assert!(error.contains(says), "{error}");
    }
}
