//! Ingest does not depend on the order of rows, and agrees with a plain grouping.

use std::collections::BTreeMap;

use crate::common::{Case, dump};
use instructue_store::IngestOptions;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Row {
    user: String,
    time: i64,
    amount: Option<f64>,
    shop: Option<String>,
}

fn row() -> impl Strategy<Value = Row> {
    // With few users and times, rows coincide; texts are arbitrary.
    (
        "[a-e]|\\PC{1,3}",
        0_i64..10,
        proptest::option::of(-1e6..1e6),
        proptest::option::of("\\PC{0,3}"),
    )
        .prop_map(|(user, time, amount, shop)| Row {
            user,
            time,
            amount,
            shop,
        })
}

fn write(case: &Case, rows: &[Row]) {
    case.bill(
        rows.iter().map(|row| Some(row.user.as_str())),
        rows.iter().map(|row| Some(row.time)),
        rows.iter().map(|row| row.amount),
        rows.iter().map(|row| row.shop.as_deref()),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn shuffled_rows_equal_sorted_rows(rows in proptest::collection::vec(row(), 1..60)) {
        let mut case = Case::new();
        case.options = IngestOptions { users_per_shard: 2, ..IngestOptions::default() };
        write(&case, &rows);
        let shuffled = case.ingest().unwrap().0;
        let shuffled = (dump(&shuffled), shuffled);

        let mut sorted = rows.clone();
        sorted.sort_by(|a, b| {
            let amounts = |a: &Row, b: &Row| match (a.amount, b.amount) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            };
            (&a.user, a.time)
                .cmp(&(&b.user, b.time))
                .then(amounts(a, b))
                .then(a.shop.cmp(&b.shop))
        });
        write(&case, &sorted);
        case.replace("name = \"bill\"", "name = \"bill\"\norder = \"user_time\"");
        let store = case.ingest().unwrap().0;
        prop_assert_eq!(&dump(&store), &shuffled.0);

        // The same rows are grouped without the store.
        let mut users: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &sorted {
            users.entry(&row.user).or_default().push(row);
        }
        let mut found = 0;
        for i in 0..store.shards() {
            let shard = store.shard(i).unwrap();
            for history in shard.histories() {
                let events = history.events(0);
                let expected = users.get(history.user().as_str()).map_or(&[][..], |rows| rows);
                prop_assert_eq!(events.len(), expected.len());
                for (i, row) in expected.iter().enumerate() {
                    prop_assert_eq!(events.time(i).0, row.time);
                    prop_assert_eq!(events.number(i, 0), row.amount);
                    prop_assert_eq!(events.text(i, 1).map(|t| &**t), row.shop.as_deref());
                    found += 1;
                }
            }
        }
        prop_assert_eq!(found, rows.len());
    }
}
