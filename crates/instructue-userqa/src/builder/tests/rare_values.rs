//! Values that few training users have are neither fitted nor named.

use super::*;

/// Users with two rare categories. Nine training users and everybody outside training have one,
/// ten training users have the other.
fn with_rare_values() -> Vec<User> {
    let mut users = users(300);
    let (mut nine, mut ten) = (0, 0);
    for user in &mut users {
        let id = instructue_schema::UserId::new(user.0.as_str()).unwrap();
        let training = split_of(&id, 9, &config()) == Split::Train;
        let mut give = |value| user.1.extend([(-3, 9, 5.0, value, "Own"); 40]);
        if !training || nine < 9 {
            nine += usize::from(training);
            give("QUILLFEATHER");
        } else if ten < 10 {
            ten += 1;
            give("ELMGROVE");
        }
    }
    users
}

#[test]
fn values_of_few_training_users_are_in_no_triple() {
    let users = with_rare_values();
    let named = |min_users| {
        let config = UserQaConfig {
            min_users,
            ..config()
        };
        let builder = fitted(&config, &users);
        let triples = builder.shard(0, &shard(&users)).triples;
        assert!(triples.len() > 1000);
        let shard = shard(&users);
        for triple in &triples {
            let history = shard.history(shard.find(&triple.user).unwrap());
            crate::verify(triple, &history, &schema(), builder.thresholds()).unwrap();
        }
        let all = format!(
            "{triples:?} {:?} {:?}",
            builder.thresholds(),
            builder.popular()
        );
        ["QUILLFEATHER", "ELMGROVE"].map(|value| all.contains(value))
    };
    assert_eq!(named(10), [false, true]);
    assert_eq!(named(9), [true, true]);
}

#[test]
fn a_threshold_of_few_training_users_is_not_fitted() {
    let mut users = users(200);
    let mut mails = 0;
    for user in &mut users {
        let id = instructue_schema::UserId::new(user.0.as_str()).unwrap();
        let training = split_of(&id, 9, &config()) == Split::Train;
        // Nine training users have mailings, and so has every user outside training.
        if training && mails == 9 {
            user.2.clear();
        } else if training {
            mails += 1;
            user.2 = vec![(-10, "A"), (-9, "B")];
        }
    }
    let cuts = |min_users| {
        let config = UserQaConfig {
            min_users,
            ..config()
        };
        let builder = fitted(&config, &users);
        let cuts = &builder.thresholds().cuts;
        ["past.days.mail", "past.days.bill"].map(|name| cuts.contains_key(name))
    };
    assert_eq!(cuts(10), [false, true]);
    assert_eq!(cuts(9), [true, true]);
}
