//! The same rows give the same store, bit by bit, in any order and any files.

use crate::common;
use std::fs;

use crate::common::{Case, dump, floats, ints, text, times};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Row {
    user: &'static str,
    time: i64,
    campaign: Option<i64>,
    amount: Option<f64>,
    shop: Option<&'static str>,
}

fn row() -> impl Strategy<Value = Row> {
    use proptest::option::of;
    use proptest::sample::select;
    // With few values, users, times and whole rows coincide.
    (
        select(vec!["a", "b", "c"]),
        0_i64..3,
        of(0_i64..4),
        of(select(vec![0.0, -0.0, 1.5, -2.0, 1e300])),
        of(select(vec!["", "x", "y", "ä", "Z"])),
    )
        .prop_map(|(user, time, campaign, amount, shop)| Row {
            user,
            time,
            campaign,
            amount,
            shop,
        })
}

/// Bills whose topic comes from a lookup. The lookup's rows may also be in any order.
fn case(rows: &[Row], files: usize, prefix: &str, topics: &[i64]) -> Case {
    let mut case = Case::new();
    let columns = "    { name = \"shop\", type = \"text\", role = \"category\" },\n]\n";
    case.replace(
        columns,
        "    { name = \"shop\", type = \"text\", role = \"category\" },
    { name = \"campaign\", type = \"int\", role = \"key\" },
]
[[source.lookup]]
file = \"topics.parquet\"
key = \"campaign\"
column = [{ name = \"topic\", type = \"text\", role = \"category\" }]
",
    );
    case.replace("name = \"bill\"", "name = \"bill\"\nfile = \"parts\"");
    let name = |topic: i64| ["tea", "coffee", "tea"][topic as usize];
    case.write(
        "topics",
        vec![
            ("campaign", ints(topics.iter().copied().map(Some))),
            ("topic", text(topics.iter().map(|topic| Some(name(*topic))))),
        ],
    );
    fs::create_dir(case.data().join("parts")).unwrap();
    let size = rows.len().div_ceil(files);
    for (number, part) in rows.chunks(size).enumerate() {
        common::write(
            &case.data().join(format!("parts/{prefix}{number}.parquet")),
            vec![
                ("user", text(part.iter().map(|row| Some(row.user)))),
                ("time", times(part.iter().map(|row| Some(row.time)))),
                ("campaign", ints(part.iter().map(|row| row.campaign))),
                ("amount", floats(part.iter().map(|row| row.amount))),
                ("shop", text(part.iter().map(|row| row.shop))),
            ],
        );
    }
    case
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_file_decides_an_order(
        (rows, shuffled) in proptest::collection::vec(row(), 1..50)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        files in 1_usize..5,
        topics in Just(vec![0, 1, 2]).prop_shuffle(),
    ) {
        let plain = case(&rows, 1, "part-", &[0, 1, 2]);
        let other = case(&shuffled, files, "z", &topics);
        let stores = [plain, other].map(|case| dump(&case.ingest().unwrap().0));
        prop_assert_eq!(&stores[0], &stores[1]);
    }
}

/// Missing values come first, then numbers and texts in their order.
#[test]
fn events_of_one_second_are_ordered_by_their_fields() {
    let case = Case::new();
    case.bill(
        vec![Some("a"); 6],
        vec![Some(9); 6],
        [Some(2.0), None, Some(0.0), Some(-0.0), None, Some(2.0)],
        [Some("b"), Some("c"), None, None, None, Some("B")],
    );
    let shard = case.ingest().unwrap().0.shard(0).unwrap();
    let events = shard.history(0).events(0);
    let found: Vec<_> = (0..6)
        .map(|i| {
            let amount = events.number(i, 0).map(|n| format!("{n:?}"));
            (amount, events.text(i, 1).map(|text| text.to_string()))
        })
        .collect();
    let expected = [
        (None, None),
        (None, Some("c")),
        (Some("-0.0"), None),
        (Some("0.0"), None),
        (Some("2.0"), Some("B")),
        (Some("2.0"), Some("b")),
    ];
    let expected = expected.map(|(n, t)| (n.map(String::from), t.map(String::from)));
    assert_eq!(found, expected);
    // Codes are assigned in that order.
    let dictionary = events.dictionary(1).unwrap();
    let texts: Vec<_> = dictionary.iter().map(|text| &**text).collect();
    assert_eq!(texts, ["c", "B", "b"]);
}
