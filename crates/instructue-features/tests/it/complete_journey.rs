//! The real data of `data/complete-journey` with its schema.

use std::path::Path;

use instructue_schema::{Schema, Timestamp, UserId};
use instructue_store::{IngestOptions, UserStore};

#[test]
fn the_whole_journey_is_kept() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/complete-journey");
    let schema = Schema::load(&data.join("schema.toml")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let options = IngestOptions::default();
    let (store, report) = UserStore::ingest(&schema, &data, &store, &options, &mut |_| {}).unwrap();

    // One household got mailings but bought nothing.
    assert_eq!((report.users, store.users()), (1_953, 1_953));
    let counts: Vec<_> = report
        .sources
        .iter()
        .map(|s| (s.name.as_str(), s.rows, s.kept))
        .collect();
    assert_eq!(
        counts,
        [
            ("bill", 885_544, 885_544),
            ("app", 3_349, 3_349),
            ("minipro", 1_031, 1_031)
        ]
    );
    let unmatched = report.sources[0].lookups["products.parquet"].unmatched;
    assert_eq!(unmatched, 2_760);
    assert!(report.sources[1].lookups.is_empty());
    assert_eq!(store.shards(), 4);

    let (mut buyers, mut lines) = (0, 0);
    let mut amount = 0.0;
    for i in 0..store.shards() {
        let shard = store.shard(i).unwrap();
        for history in shard.histories() {
            let bill = history.events(0);
            assert!(bill.times().is_sorted());
            buyers += usize::from(!bill.is_empty());
            lines += bill.len();
            amount += (0..bill.len())
                .filter_map(|i| bill.number(i, 0))
                .sum::<f64>();
        }
    }
    assert_eq!((buyers, lines), (1_952, 885_544));
    assert!((amount - 2_741_913.22).abs() < 0.01, "{amount}");

    // Household 1's first lines have the same second, so they are ordered by amount. One of them
    // is checked as in the files.
    let user = UserId::new("1").unwrap();
    let shard = store.shard(store.shard_of(&user)).unwrap();
    let history = shard.history(shard.find(&user).unwrap());
    let bill = history.events(0);
    let first = Timestamp(1_483_815_324);
    assert_eq!((bill.len(), bill.time(0)), (722, first));
    let basket = bill
        .times()
        .iter()
        .take_while(|time| **time == first)
        .count();
    assert!((0..basket).is_sorted_by(|a, b| bill.number(*a, 0) <= bill.number(*b, 0)));
    let is_cheese = |line: &usize| bill.text(*line, 5).is_some_and(|text| &**text == "CHEESE");
    let line = (0..basket).find(is_cheese).unwrap();
    let numbers: Vec<_> = (0..4).map(|field| bill.number(line, field)).collect();
    assert_eq!(numbers, [Some(2.99), Some(1.0), Some(0.0), Some(0.0)]);
    let texts: Vec<_> = (4..7)
        .filter_map(|field| bill.text(line, field))
        .map(|t| &**t)
        .collect();
    assert_eq!(texts, ["GROCERY", "CHEESE", "National"]);
    let mailings = history.events(1);
    assert_eq!(mailings.len(), 4);
    assert_eq!(mailings.text(3, 0).map(|t| &**t), Some("Type A"));
    assert_eq!(
        store.time_range(),
        Some((Timestamp(1_479_081_600), Timestamp(1_506_815_995))),
        "from the first mailing to the last purchase"
    );
}
