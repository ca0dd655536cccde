//! Profiles of hand-made and of arbitrary histories.

use proptest::prelude::*;

use super::*;
use crate::counts::count_features;
use crate::testing::{Cell, Null, Number, Row, day, row, schema, shard, text};
use instructue_schema::{Shard, Timestamp};

const USERS: [&str; 3] = ["u", "v", "w"];

fn bill(user: &'static str, at: f64, product: &str, amount: f64) -> Row {
    row(
        user,
        0,
        day(at),
        &[text(product), Number(amount), text("shop"), Null],
    )
}

fn fit(shard: &Shard, reference: Timestamp) -> ProfileBuilder {
    let histories = shard.histories().map(|history| (history, reference));
    ProfileBuilder::fit(&schema(), histories, None, 1)
}

fn events(profile: &Profile, source: usize) -> &[ProfileEvent] {
    match &profile.sources[source] {
        SourceProfile::Events(events) => events,
        SourceProfile::Tabular(_) => panic!("a tabular source"),
    }
}

fn tabular(profile: &Profile) -> &TabularRow {
    match &profile.sources[2] {
        SourceProfile::Tabular(row) => row,
        SourceProfile::Events(_) => panic!("an events source"),
    }
}

/// The profile as text, in which missing numbers are equal.
fn written(profile: &Profile) -> String {
    format!("{profile:?}")
}

fn any_cell(choices: &'static [&'static str]) -> impl Strategy<Value = Cell> {
    prop_oneof![1 => Just(Null), 4 => prop::sample::select(choices).prop_map(text)]
}

fn any_number() -> impl Strategy<Value = Cell> {
    prop_oneof![1 => Just(Null), 4 => (-50.0..1e4_f64).prop_map(Number)]
}

/// Rows of all three sources with times around a reference at day 100.
fn any_row() -> impl Strategy<Value = Row> {
    let user = prop::sample::select(&USERS[..]);
    let time = (0..200 * 24_i64).prop_map(|hour| Timestamp(hour * 3600));
    let product = any_cell(&["milk", "bread", "tea"]);
    let bill = (product, any_number(), any_cell(&["a", "b"]), any_number())
        .prop_map(|(a, b, c, d)| (0, vec![a, b, c, d]));
    let search = any_cell(&["maps", "news"]).prop_map(|query| (1, vec![query]));
    let person = (any_number(), any_cell(&["north", "south"])).prop_map(|(a, b)| (2, vec![a, b]));
    (user, time, prop_oneof![4 => bill, 1 => search, 1 => person]).prop_map(
        |(user, time, (source, cells))| Row {
            user,
            source,
            time,
            cells,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing at or after the reference changes what is fitted or built.
    #[test]
    fn the_future_has_no_influence(
        past in prop::collection::vec(any_row(), 1..60),
        future in prop::collection::vec(any_row(), 1..60),
        later in 0_i64..3600 * 50,
    ) {
        let schema = schema();
        let reference = day(100.0);
        let at_all: Vec<Row> = USERS.iter().map(|user| row(user, 1, day(0.0), &[Null])).collect();
        let mut rows: Vec<Row> =
            past.into_iter().filter(|row| row.time < reference).chain(at_all).collect();
        let before = shard(&schema, &rows, 0);
        // The first is exactly at the reference.
        rows.extend(future.into_iter().enumerate().map(|(i, row)| Row {
            time: Timestamp(reference.0 + i as i64 * later),
            ..row
        }));
        let after = shard(&schema, &rows, 1);

        let (fit_before, fit_after) = (fit(&before, reference), fit(&after, reference));
        prop_assert_eq!(serde_json::to_string(&fit_before).unwrap(), serde_json::to_string(&fit_after).unwrap());
        for (a, b) in before.histories().zip(after.histories()) {
            let (x, y) = (fit_before.build(&a, reference), fit_before.build(&b, reference));
            prop_assert_eq!(written(&x), written(&y));
            prop_assert_eq!(
                count_features(&schema, &a, reference),
                count_features(&schema, &b, reference)
            );
        }
    }

    /// The kept events are the newest in the window, which brute force finds here.
    #[test]
    fn keeps_the_newest_events_of_the_window(
        rows in prop::collection::vec(any_row(), 1..80),
        limit in prop::option::of(1_usize..4),
        hour in 0_i64..210 * 24,
    ) {
        let schema = schema();
        let reference = Timestamp(hour * 3600);
        let shard = shard(&schema, &rows, 0);
        let histories = shard.histories().map(|history| (history, reference));
        let builder = ProfileBuilder::fit(&schema, histories, limit, 1);
        for history in shard.histories() {
            let profile = builder.build(&history, reference);
            for (index, source) in schema.sources[..2].iter().enumerate() {
                let mut expected: Vec<_> = rows
                    .iter()
                    .filter(|row| row.user == history.user().as_str() && row.source == index)
                    .map(|row| reference.days_since(row.time))
                    .filter(|days| *days > 0.0 && *days <= f64::from(source.window_days))
                    .collect();
                expected.sort_by(f64::total_cmp);
                expected.truncate(source.slots.min(limit.unwrap_or(usize::MAX)));
                expected.reverse();
                let log_window = f64::from(source.window_days).ln_1p();
                let found = events(&profile, index);
                prop_assert_eq!(found.len(), expected.len());
                for (event, days) in found.iter().zip(expected) {
                    prop_assert_eq!(event.features.len(), crate::event_feature_width(source));
                    prop_assert!((f64::from(event.features[0]) - days.ln_1p() / log_window).abs() < 1e-6);
                }
            }
        }
    }

    /// Shares add up, counts agree, and everything has its place in the layout.
    #[test]
    fn rows_fit_their_layout(rows in prop::collection::vec(any_row(), 1..80)) {
        let shard = shard(&schema(), &rows, 0);
        let builder = fit(&shard, day(150.0));
        let layout = builder.tabular_layout(2);
        for history in shard.histories() {
            let profile = builder.build(&history, day(150.0));
            let row = tabular(&profile);
            prop_assert_eq!(row.numbers.len(), layout.numbers.len());
            prop_assert_eq!(row.categories.len(), layout.categories.len());
            for (code, (_, cardinality)) in row.categories.iter().zip(&layout.categories) {
                prop_assert!((*code as usize) < *cardinality);
            }
            let named = layout.numbers.iter().zip(&row.numbers);
            let shares: f32 = named.filter(|(name, _)| name.ends_with(".share")).map(|(_, x)| x).sum();
            prop_assert!((0.0..=1.0 + 1e-6).contains(&shares));
            let missing = |name: &str| name == "age" || name == "bill.recency";
            for (name, number) in layout.numbers.iter().zip(&row.numbers) {
                prop_assert!(number.is_finite() || (number.is_nan() && missing(name)), "{}: {}", name, number);
            }
        }
    }
}

#[test]
fn gaps_look_past_the_events_that_are_kept() {
    let rows = [1.0, 2.0, 4.0].map(|at| bill("u", at, "milk", 1.0));
    let shard = shard(&schema(), &rows, 0);
    let histories = shard.histories().map(|history| (history, day(5.0)));
    let builder = ProfileBuilder::fit(&schema(), histories, Some(1), 1);
    let profile = builder.build(&shard.history(0), day(5.0));
    let [event] = events(&profile, 0) else {
        panic!("one event")
    };
    assert!((event.features[1] - (3_f32.ln() / 91_f32.ln())).abs() < 1e-6);
}

#[test]
fn repeated_events_become_one() {
    let mut schema = schema();
    schema.sources[0].repeats = instructue_schema::Repeats::Merge;
    // The amount is part of the text, so it tells events apart. The items are summed.
    let buy = |at: f64, product: &str, items: Cell| {
        let mut row = bill("u", at, product, 1.0);
        row.cells[3] = items;
        row
    };
    let rows = [
        buy(5.0, "milk", Number(9.0)), // outside 90 days
        buy(20.0, "milk", Number(1.0)),
        buy(40.0, "bread", Null),
        buy(90.0, "milk", Number(2.0)),
        buy(92.0, "tea", Number(4.0)),
        buy(96.0, "milk", Null),
        buy(97.0, "bread", Null),
        buy(100.0, "tea", Number(8.0)), // not before
    ];
    let shard = shard(&schema, &rows, 0);
    let histories = || shard.histories().map(|history| (history, day(100.0)));
    let builder = ProfileBuilder::fit(&schema, histories(), None, 1);
    let profile = builder.build(&shard.history(0), day(100.0));
    let found = events(&profile, 0);
    let texts: Vec<_> = found.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(
        texts,
        ["tea | 1 | shop", "milk | 1 | shop", "bread | 1 | shop"]
    );

    let names = crate::event_feature_names(&schema.sources[0]);
    assert_eq!(
        names[6..9],
        ["repeats", "days_before_first", "recent_share"]
    );
    let feature = |event: usize, name: &str| {
        let at = names.iter().position(|n| n == name).unwrap();
        f64::from(found[event].features[at])
    };
    let log = |days: f64| days.ln_1p() / 90_f64.ln_1p();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    near(feature(1, "days_before"), log(4.0));
    near(feature(1, "days_since_previous"), log(6.0));
    near(feature(1, "days_before_first"), log(80.0));
    near(feature(1, "repeats"), 3_f64.ln_1p() / 50_f64.ln_1p());
    near(feature(1, "recent_share"), 2.0 / 3.0);
    near(feature(1, "items_missing"), 0.0);
    // There are one tea with 4 items, and milk with 1 + 2.
    near(
        feature(0, "items") / feature(1, "items"),
        4_f64.ln_1p() / 3_f64.ln_1p(),
    );
    near(feature(0, "days_since_previous"), 1.0);
    near(feature(0, "repeats"), 1_f64.ln_1p() / 50_f64.ln_1p());
    near(feature(2, "items_missing"), 1.0);

    // The newest events are kept.
    let two = ProfileBuilder::fit(&schema, histories(), Some(2), 1);
    let two = two.build(&shard.history(0), day(100.0));
    assert_eq!(events(&two, 0), &found[1..]);
}

#[test]
fn aggregates_of_a_known_history() {
    let mut rows = vec![
        bill("u", 5.0, "bread", 100.0), // outside 90 days
        bill("u", 50.0, "milk", 10.0),
        bill("u", 80.0, "tea", 20.0),
        bill("u", 95.0, "milk", -3.0),
        bill("u", 95.5, "bread", 5.0),
        row("u", 2, day(1.0), &[Number(40.0), text("north")]),
        row("u", 2, day(60.0), &[Number(41.0), text("south")]),
        row("u", 2, day(100.0), &[Number(42.0), text("west")]),
        row("v", 1, day(1.0), &[text("maps")]),
        row("v", 2, day(1.0), &[Null, text("east")]),
    ];
    rows[2].cells[3] = Number(7.0);
    let shard = shard(&schema(), &rows, 0);
    // "milk" and "bread" come first: each has one user, as "tea" has, so names decide.
    let train = [(shard.history(0), day(100.0))];
    let builder = ProfileBuilder::fit(&schema(), train.into_iter(), None, 1);
    let layout = builder.tabular_layout(2);
    assert_eq!(layout.categories, [("region".to_string(), 2)]);
    assert_eq!(*builder.tabular_layout(0), TabularLayout::default());

    let log = |x: f64| x.ln_1p() as f32;
    let expected = [
        ("age", 41.0),
        ("bill.recency", log(4.5)),
        ("bill.count.7d", log(2.0)),
        ("bill.active_days.7d", log(1.0)),
        ("bill.amount.sum.7d", log(2.0)),
        ("bill.items.sum.7d", 0.0),
        ("bill.count.30d", log(3.0)),
        ("bill.active_days.30d", log(2.0)),
        ("bill.amount.sum.30d", log(22.0)),
        ("bill.items.sum.30d", log(7.0)),
        ("bill.count.90d", log(4.0)),
        ("bill.active_days.90d", log(3.0)),
        ("bill.amount.sum.90d", log(32.0)),
        ("bill.items.sum.90d", log(7.0)),
        (
            "bill.change.7d.30d",
            ((2.0 + 7.0 / 30.0) / (7.0 / 30.0 * 4.0_f64)).ln() as f32,
        ),
        ("bill.product=bread.share", 0.25),
        ("bill.product=bread.count", log(1.0)),
        ("bill.product=bread.recency", 1.0 / 5.5),
        ("bill.product=milk.share", 0.5),
        ("bill.product=milk.count", log(2.0)),
        ("bill.product=milk.recency", 1.0 / 6.0),
    ];
    let profile = builder.build(&shard.history(0), day(100.0));
    let row = tabular(&profile);
    assert_eq!(layout.numbers, expected.map(|(name, _)| name));
    for ((name, expected), found) in expected.iter().zip(&row.numbers) {
        assert!(
            (expected - found).abs() < 1e-5,
            "{name}: {found} is not {expected}"
        );
    }
    assert_eq!(row.categories, [1]);

    // A user without purchases, with a region that was not fitted.
    let profile = builder.build(&shard.history(1), day(100.0));
    let row = tabular(&profile);
    assert!(row.numbers[0].is_nan() && row.numbers[1].is_nan());
    assert!(
        row.numbers[2..].iter().all(|number| *number == 0.0),
        "{:?}",
        row.numbers
    );
    assert_eq!(row.categories, [0]);

    // The time is before any row of the tabular source.
    let profile = builder.build(&shard.history(0), day(0.5));
    assert!(tabular(&profile).numbers[0].is_nan());
    assert_eq!(tabular(&profile).categories, [0]);
}

#[test]
fn groups_are_chosen_by_users_not_by_events() {
    let mut rows: Vec<Row> = (0..20)
        .map(|i| bill("u", 50.0 + f64::from(i), "tea", 1.0))
        .collect();
    for user in ["u", "v"] {
        rows.extend([
            bill(user, 60.0, "milk", 1.0),
            bill(user, 61.0, "bread", 1.0),
        ]);
    }
    let shard = shard(&schema(), &rows, 0);
    let builder = fit(&shard, day(100.0));
    let names = &builder.tabular_layout(2).numbers;
    let groups: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with(".share"))
        .collect();
    assert_eq!(
        groups,
        ["bill.product=bread.share", "bill.product=milk.share"]
    );
}

#[test]
fn the_same_history_in_other_shards_gives_the_same_profile() {
    let rows: Vec<Row> = ["milk", "bread", "tea", "milk"]
        .iter()
        .enumerate()
        .map(|(i, product)| bill("u", 90.0 + i as f64, product, i as f64))
        .chain([row("u", 2, day(1.0), &[Null, text("north")])])
        .chain([row("v", 2, day(1.0), &[Null, text("east")])])
        .collect();
    let builder = fit(&shard(&schema(), &rows, 0), day(100.0));
    // There are more shards than the cache holds. They are visited twice, each with codes of its
    // own.
    let shards: Vec<_> = (0..7).map(|salt| shard(&schema(), &rows, salt)).collect();
    let expected = written(&builder.build(&shards[0].history(0), day(100.0)));
    assert!(expected.contains("milk | 3 | shop"));
    for shard in shards.iter().chain(&shards) {
        assert_eq!(
            written(&builder.build(&shard.history(0), day(100.0))),
            expected
        );
    }
}

#[test]
fn a_saved_builder_builds_the_same() {
    let rows = [
        bill("u", 90.0, "milk", 3.25),
        bill("u", 91.0, "bread", 0.1),
        row("u", 2, day(1.0), &[Number(1.0 / 3.0), text("north")]),
    ];
    let shard = shard(&schema(), &rows, 0);
    let builder = fit(&shard, day(100.0));
    let json = serde_json::to_string(&builder).unwrap();
    let restored: ProfileBuilder = serde_json::from_str(&json).unwrap();
    assert_eq!(restored.schema(), builder.schema());
    assert_eq!(restored.tabular_layout(2), builder.tabular_layout(2));
    let build = |builder: &ProfileBuilder| builder.build(&shard.history(0), day(100.0));
    assert_eq!(build(&restored), build(&builder));

    // Scales and vocabularies of another schema are refused.
    let mut other: serde_json::Value = serde_json::from_str(&json).unwrap();
    other["sources"][0]["number_scales"] = serde_json::json!([1.0]);
    let error = serde_json::from_value::<ProfileBuilder>(other).unwrap_err();
    assert!(
        error.to_string().contains("expected vocabularies"),
        "{error}"
    );
}

#[test]
fn threads_share_a_builder() {
    let rows: Vec<Row> = USERS
        .iter()
        .flat_map(|user| (0..40).map(|i| bill(user, f64::from(i), "milk", f64::from(i))))
        .collect();
    let shard = shard(&schema(), &rows, 0);
    let builder = fit(&shard, day(50.0));
    let build = || -> Vec<_> {
        (0..90)
            .map(|i| written(&builder.build(&shard.history(i % 3), day(i as f64 / 2.0))))
            .collect()
    };
    let expected = build();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn what_fewer_users_have_is_not_kept() {
    let person = |user, region: &str| row(user, 2, day(1.0), &[Number(40.0), text(region)]);
    let mut rows = vec![
        person("u", "north"),
        person("v", "north"),
        person("w", "secret"),
    ];
    // One user has tea often, two have milk once, and one of three has a number of items.
    rows.extend([95.0, 96.0, 97.0].map(|at| bill("w", at, "tea", 5.0)));
    rows.extend(["u", "v"].map(|user| bill(user, 95.0, "milk", 5.0)));
    rows[3].cells[3] = Number(1e9);
    let shard = shard(&schema(), &rows, 0);
    let histories = || shard.histories().map(|history| (history, day(100.0)));
    let fit = |min_users| ProfileBuilder::fit(&schema(), histories(), None, min_users);
    let json = |min_users| serde_json::to_string(&fit(min_users)).unwrap();
    let builder = fit(2);
    assert_eq!(builder.min_users(), 2);
    let layout = builder.tabular_layout(2);
    assert_eq!(
        layout.categories,
        [("region".to_string(), 2)],
        "and unknown"
    );
    let groups = |name: &&String| name.contains('=');
    assert_eq!(layout.numbers.iter().filter(groups).count(), 3);
    for (word, of_two) in [
        ("north", true),
        ("milk", true),
        ("secret", false),
        ("tea", false),
    ] {
        assert_eq!(json(2).contains(word), of_two, "{word}");
        assert!(json(1).contains(word), "{word}");
    }
    let scales = |min_users| -> serde_json::Value {
        let fitted: serde_json::Value = serde_json::from_str(&json(min_users)).unwrap();
        fitted["sources"][0]["number_scales"].clone()
    };
    assert_eq!(scales(1)[0], scales(2)[0], "the amount is everyone's");
    assert_ne!(scales(1)[1], scales(2)[1], "the items are one user's");
    // A rarer value is treated as unseen.
    let of = |user| tabular(&builder.build(&shard.history(user), day(100.0))).categories[0];
    assert_eq!([of(0), of(1), of(2)], [1, 1, 0]);
}
