//! The declared tasks on the real data: labels counted independently with pandas.

use std::path::{Path, PathBuf};

use instructue_eval::{TaskSet, count_matrix, label_all, labels, parse_time};
use instructue_schema::{Schema, UserRef};
use instructue_store::{IngestOptions, UserStore};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/complete-journey")
}

#[test]
fn the_tasks_have_the_labels_that_pandas_counts() {
    let data = data();
    let schema = Schema::load(&data.join("schema.toml")).unwrap();
    let set = TaskSet::load(&data.join("tasks.toml")).unwrap();
    set.check_against(&schema).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let (store, _) = UserStore::ingest(
        &schema,
        &data,
        &path,
        &IngestOptions::default(),
        &mut |_| {},
    )
    .unwrap();
    let mut users = Vec::new();
    for shard in 0..store.shards() {
        users.extend((0..store.shard(shard).unwrap().len()).map(|index| UserRef { shard, index }));
    }
    let all = label_all(&set, &store, &users, &data).unwrap();
    let counts: Vec<(&str, usize, usize)> = set
        .tasks
        .iter()
        .zip(&all)
        .map(|(task, labels)| {
            let positives = labels.iter().flatten().filter(|&&label| label).count();
            (
                task.name.as_str(),
                labels.iter().flatten().count(),
                positives,
            )
        })
        .collect();
    // 1,841 households bought something from 2017-04-02 on and before 2017-07-01.
    let expected = [
        ("age_45_plus", 653, 341),
        ("income_75k_plus", 653, 188),
        ("has_kids", 653, 239),
        ("no_purchase_30d", 1_841, 228),
        ("redeems_coupon_92d", 1_841, 168),
        ("buys_diapers_30d", 1_841, 118),
        ("buys_dog_food_30d", 1_841, 172),
    ];
    assert_eq!(counts, expected);

    // One task alone, and users in another order.
    let some: Vec<UserRef> = users.iter().rev().step_by(7).copied().collect();
    let dog = labels(
        &set,
        set.task("buys_dog_food_30d").unwrap(),
        &store,
        &some,
        &data,
    )
    .unwrap();
    let again: Vec<_> = all[6].iter().rev().step_by(7).copied().collect();
    assert_eq!(dog, again);

    // The 92 days end with the data; a day more is not there.
    let mut later = set.clone();
    later.reference = parse_time("2017-07-03").unwrap();
    let error = label_all(&later, &store, &some, &data)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("redeems_coupon_92d") && error.contains("2017-10-03"),
        "{error}"
    );
    let stray = [UserRef {
        shard: 0,
        index: 1_000_000,
    }];
    assert!(label_all(&set, &store, &stray, &data).is_err());
    let stray = [UserRef {
        shard: 99,
        index: 0,
    }];
    let error = label_all(&set, &store, &stray, &data)
        .unwrap_err()
        .to_string();
    assert!(error.contains("user 0 of shard 99"), "{error}");

    let counts = count_matrix(&store, &some, set.reference).unwrap();
    assert_eq!(counts.rows, some.len());
    assert!(counts.columns > 10 && counts.values.iter().all(|value| value.is_finite()));
    let one = count_matrix(&store, &some[3..4], set.reference).unwrap();
    assert_eq!(one.row(0), counts.row(3));
}
