//! Times that a broken clock, another unit or another type has written.

use crate::common;
use std::sync::Arc;

use crate::common::{Case, dump, floats, ints, text, times};
use arrow::array::{
    ArrayRef, Float64Array, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampSecondArray, UInt64Array,
};
use instructue_schema::{Schema, Timestamp};
use instructue_store::{Error, IngestOptions, RowProblem, UserStore};

const DAY: i64 = 86_400;
/// 2025-01-01.
const START: i64 = 1_735_689_600;

/// Bills of `a` to `e` on the days from 2025-01-01 on, and one row with a spoiled time.
fn bills(time: impl Fn(Vec<i64>) -> ArrayRef, spoiled: Option<i64>) -> Case {
    let case = Case::new();
    let mut at: Vec<i64> = (0..60).map(|row| START + row * DAY + 7).collect();
    let mut users: Vec<_> = (0..60)
        .map(|row| ["a", "b", "c", "d", "e"][row % 5])
        .collect();
    if let Some(spoiled) = spoiled {
        at.insert(40, spoiled);
        users.insert(40, "b");
    }
    let rows = at.len();
    case.write(
        "bill",
        vec![
            ("user", text(users.into_iter().map(Some))),
            ("time", time(at)),
            ("amount", floats(vec![Some(1.5); rows])),
            ("shop", text(vec![Some("x"); rows])),
        ],
    );
    case.write(
        "mail",
        vec![("user", text([Some("a")])), ("campaign", ints([Some(2)]))],
    );
    case.write(
        "campaigns",
        vec![
            ("campaign", ints([Some(2)])),
            ("start", times([Some(START)])),
            ("topic", text([Some("tea")])),
        ],
    );
    case
}

fn seconds(at: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampSecondArray::from(at))
}

fn int(at: Vec<i64>) -> ArrayRef {
    ints(at.into_iter().map(Some))
}

/// Stores the time column as numbers, in a unit if one is named.
fn as_numbers(case: &mut Case, unit: &str) {
    let unit = match unit {
        "" => String::new(),
        unit => format!(", unit = \"{unit}\""),
    };
    case.replace(
        "{ name = \"time\", type = \"timestamp\", role = \"time\" }",
        &format!("{{ name = \"time\", type = \"int\", role = \"time\"{unit} }}"),
    );
}

#[track_caller]
fn refused(case: &Case, problem: RowProblem, row: u64, words: &[&str]) {
    let error = case.error();
    let said = error.to_string();
    match error {
        Error::Row {
            file,
            row: at,
            column,
            problem: found,
            ..
        } => {
            assert_eq!(file, case.file("bill"), "{said}");
            assert_eq!(
                (at, column.as_str(), found),
                (row, "time", problem),
                "{said}"
            );
        }
        _ => panic!("{said}"),
    }
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// A bad time is refused by name. With `skip` it is left out and counted, as if it had never been
/// there. With `times = "any"` it is taken.
#[test]
fn one_bad_clock_moves_nothing() {
    let good = dump(&bills(seconds, None).ingest().unwrap().0);
    for (spoiled, problem, word) in [
        (-2_208_988_800, RowProblem::BeforeEpoch, "1900-01-01"),
        (-1, RowProblem::BeforeEpoch, "1969-12-31"),
        (i64::MIN, RowProblem::BeforeEpoch, "-292277022657-01-27"),
        (0, RowProblem::FarTime, "1970-01-01"),
        (946_684_800, RowProblem::FarTime, "2000-01-01"),
        (START - 400 * DAY, RowProblem::FarTime, "2023-11-28"),
        (4_070_908_800, RowProblem::FutureDated, "2099-01-01"),
        (253_402_300_799, RowProblem::FutureDated, "9999-12-31"),
        (i64::MAX, RowProblem::FutureDated, "292277026596-12-04"),
    ] {
        let mut case = bills(seconds, Some(spoiled));
        refused(&case, problem, 40, &[word, "times = \"any\""]);
        case.skip();
        let (store, report) = case.ingest().unwrap();
        assert_eq!(dump(&store), good, "{word}");
        let bill = &report.sources[0];
        let skipped: Vec<_> = bill.skipped.iter().map(|(r, n)| (r.as_str(), *n)).collect();
        assert_eq!(skipped, [(problem.as_str(), 1)]);
        assert_eq!((bill.rows, bill.kept), (61, 60));
        let (first, last) = (Timestamp(START + 7), Timestamp(START + 59 * DAY + 7));
        assert_eq!(bill.times, Some((first, last)));
        assert_eq!(store.time_range(), Some((Timestamp(START), last)));

        case.replace("name = \"bill\"", "name = \"bill\"\ntimes = \"any\"");
        let (store, report) = case.ingest().unwrap();
        assert_eq!(report.sources[0].kept, 61);
        let (first, last) = store.time_range().unwrap();
        assert!(first.0 == spoiled || last.0 == spoiled);
    }
}

/// A user with nothing but a spoiled event is not in the store.
#[test]
fn users_of_skipped_events_only_are_not_in_the_store() {
    for spoiled in [0, 4_070_908_800] {
        let case = bills(seconds, None);
        let at = (0..60)
            .map(|row| Some(START + row * DAY))
            .chain([Some(spoiled)]);
        let users = (0..60).map(|_| Some("a")).chain([Some("ghost")]);
        case.bill(users, at, vec![None; 61], vec![Some("x"); 61]);
        let mut case = case;
        case.skip();
        let (store, report) = case.ingest().unwrap();
        assert_eq!(report.users, store.users());
        let shard = store.shard(0).unwrap();
        assert!(shard.users.iter().all(|user| user.as_str() != "ghost"));
    }
}

#[test]
fn a_clock_of_the_callers_is_obeyed_and_names_the_store() {
    let mut case = bills(seconds, None);
    let clock = case.ingest().unwrap().0;
    assert_eq!(clock.fingerprint(), case.ingest().unwrap().0.fingerprint());
    case.options = IngestOptions {
        latest: Some(Timestamp(START + 50 * DAY + 7)),
        ..IngestOptions::default()
    };
    std::fs::remove_dir_all(case.store()).unwrap();
    refused(
        &case,
        RowProblem::FutureDated,
        51,
        &["up to 2025-02-20 00:00:07 UTC"],
    );
    case.replace("name = \"test\"", "name = \"test\"\ntimes = \"any\"");
    refused(&case, RowProblem::FutureDated, 51, &[]);
    case.skip();
    let (store, report) = case.ingest().unwrap();
    assert_eq!(report.sources[0].skipped["future-dated event"], 9);
    assert_ne!(store.fingerprint(), clock.fingerprint());
}

/// A day past the clock is tolerated, for clocks of other time zones, and no more.
#[test]
fn the_machines_clock_bounds_times() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs() as i64;
    let case = Case::new();
    let bill = |time| case.bill([Some("a")], [Some(time)], [None], [None]);
    bill(now + DAY / 2);
    case.ingest().unwrap();
    std::fs::remove_dir_all(case.store()).unwrap();
    bill(now + DAY + 3_600);
    refused(
        &case,
        RowProblem::FutureDated,
        0,
        &["a day past this machine's clock"],
    );
}

#[test]
fn a_unit_gives_the_times_that_seconds_give() {
    let good = dump(&bills(seconds, None).ingest().unwrap().0);
    for (unit, per_second, word) in [
        ("", 1, "seconds"),
        ("s", 1, "seconds"),
        ("ms", 1_000, "milliseconds"),
        ("us", 1_000_000, "microseconds"),
        ("ns", 1_000_000_000, "nanoseconds"),
    ] {
        let scaled = |at: Vec<i64>| at.into_iter().map(|s| (s * per_second, per_second - 1));
        let whole = |at: Vec<i64>| int(scaled(at).map(|(count, rest)| count + rest).collect());
        let float = |at: Vec<i64>| -> ArrayRef {
            let counts = scaled(at).map(|(count, _)| count as f64 + 0.5);
            Arc::new(counts.collect::<Float64Array>())
        };
        let unsigned = |at: Vec<i64>| -> ArrayRef {
            let counts = scaled(at).map(|(count, _)| count as u64);
            Arc::new(counts.collect::<UInt64Array>())
        };
        let arrays: [&dyn Fn(Vec<i64>) -> ArrayRef; 3] = [&whole, &float, &unsigned];
        for array in arrays {
            let mut case = bills(array, None);
            as_numbers(&mut case, unit);
            assert_eq!(dump(&case.ingest().unwrap().0), good, "{unit}");
            // A column of timestamps may hold numbers of a unit.
            if !unit.is_empty() {
                case.replace(
                    "type = \"int\", role = \"time\"",
                    "type = \"timestamp\", role = \"time\"",
                );
                assert_eq!(dump(&case.ingest().unwrap().0), good, "{unit}");
                std::fs::remove_dir_all(case.store()).unwrap();
            }
            // Read as seconds the numbers are not plausible, and the error guesses the unit.
            if per_second > 1 {
                let mut case = bills(array, None);
                as_numbers(&mut case, "");
                let say = format!("looks like {word}, say `unit = \"{unit}\"`");
                refused(&case, RowProblem::WrongUnit, 0, &["expected seconds", &say]);
            }
        }
    }
}

#[test]
fn seconds_in_a_finer_unit_are_guessed_too() {
    for (unit, factor, guess) in [
        ("ms", 1, "s"),
        ("us", 1, "s"),
        ("ns", 1, "s"),
        ("us", 1_000, "ms"),
        ("ms", 1_000_000, "us"),
    ] {
        let mut case = bills(|at| int(at.iter().map(|s| s * factor).collect()), None);
        as_numbers(&mut case, unit);
        let say = format!("say `unit = \"{guess}\"`");
        refused(&case, RowProblem::WrongUnit, 0, &[&say]);
        case.skip();
        let (_, report) = case.ingest().unwrap();
        assert_eq!(report.sources[0].skipped["time in another unit"], 60);
    }
}

/// The unit of a file's own timestamps is not overruled.
#[test]
fn a_unit_must_agree_with_the_files_type() {
    let millis = |at: Vec<i64>| -> ArrayRef {
        let counts = at.into_iter().map(|s| Some(s * 1_000 + 999));
        Arc::new(
            counts
                .collect::<TimestampMillisecondArray>()
                .with_timezone("+02:00"),
        )
    };
    let micros = |at: Vec<i64>| -> ArrayRef {
        let counts = at.into_iter().map(|s| Some(s * 1_000_000));
        Arc::new(counts.collect::<TimestampMicrosecondArray>())
    };
    let with_unit = |case: &mut Case| {
        let column = "{ name = \"time\", type = \"timestamp\", role = \"time\" }";
        case.replace(column, &column.replace(" }", ", unit = \"ms\" }"));
    };
    let good = dump(&bills(seconds, None).ingest().unwrap().0);
    let mut case = bills(millis, None);
    assert_eq!(dump(&case.ingest().unwrap().0), good);
    with_unit(&mut case);
    assert_eq!(dump(&case.ingest().unwrap().0), good);
    let mut case = bills(micros, None);
    with_unit(&mut case);
    let error = case.error();
    assert!(matches!(error, Error::ColumnType { .. }), "{error}");
    assert!(
        error.to_string().contains("of the column's unit"),
        "{error}"
    );
    let case = bills(int, None);
    let error = case.error().to_string();
    assert!(error.contains("unit = \"s\""), "{error}");
}

/// 96-bit timestamps reach from the year -4712 to 11,000,000 without wrapping.
#[test]
fn old_timestamps_do_not_wrap() {
    let write = |case: &Case, times: &[(i64, u64)]| {
        let users: Vec<_> = times.iter().map(|_| "a").collect();
        let shops: Vec<_> = times.iter().map(|_| "x").collect();
        common::write_int96(&case.file("bill"), &users, times, &shops);
    };
    let case = Case::new();
    // The times are 2025-01-01 12:00:00.999999999 and two days later.
    let noon = 43_200_999_999_999;
    write(&case, &[(20_089, noon), (20_091, 0)]);
    let store = case.ingest().unwrap().0;
    let shard = store.shard(0).unwrap();
    let times = shard.history(0).events(0).times().to_vec();
    assert_eq!(
        times,
        [Timestamp(START + DAY / 2), Timestamp(START + 2 * DAY)]
    );
    for (day, problem, word) in [
        (2_932_896, RowProblem::FutureDated, "9999-12-31"),
        (106_752, RowProblem::FutureDated, "2262-04-12"),
        (-25_567, RowProblem::BeforeEpoch, "1900-01-01"),
        (-106_752, RowProblem::BeforeEpoch, "1677-09-21"),
        (
            4_000_000_000_i64.min(i64::from(i32::MAX) - 2_440_588),
            RowProblem::FutureDated,
            "UTC",
        ),
    ] {
        let case = Case::new();
        write(&case, &[(20_089, 0), (day, 0)]);
        refused(&case, problem, 1, &[word]);
    }
}

/// If the times of all bills are bad, the store has no bill.
#[test]
fn everything_skipped_leaves_no_events() {
    let mut case = bills(|at| seconds(at.iter().map(|s| s * 1_000).collect()), None);
    case.skip();
    let (store, report) = case.ingest().unwrap();
    assert_eq!(report.sources[0].kept, 0);
    assert_eq!(report.sources[0].times, None);
    assert_eq!(
        store.time_range(),
        Some((Timestamp(START), Timestamp(START)))
    );
    let schema = Schema::from_toml(&case.schema).unwrap();
    assert_eq!(UserStore::open(&case.store()).unwrap().schema(), &schema);
}
