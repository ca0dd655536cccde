//! Bad rows: each is an error that names file, row and column, or is counted and left out with
//! `skip`.

use crate::common::{Case, dump, floats, ints, text, times};
use instructue_schema::Timestamp;
use instructue_store::{Error, RowProblem};

/// The expected error with `on_error = "fail"`, and with `skip` the expected number of rows left
/// out, by source (position in the report) and reason.
struct Expected {
    file: &'static str,
    row: u64,
    column: &'static str,
    problem: RowProblem,
    source: usize,
    skipped: u64,
}

fn check(mut case: Case, expected: &Expected) {
    match case.error() {
        Error::Row {
            file,
            row,
            column,
            problem,
            expected: rule,
            found,
        } => {
            assert_eq!(file, case.file(expected.file));
            assert_eq!((row, column.as_str()), (expected.row, expected.column));
            assert_eq!(problem, expected.problem);
            assert!(!rule.is_empty() && !found.is_empty());
        }
        error => panic!("{error}"),
    }
    case.skip();
    let (store, report) = case.ingest().unwrap();
    let source = &report.sources[expected.source];
    let reasons: Vec<_> = source
        .skipped
        .iter()
        .map(|(r, n)| (r.as_str(), *n))
        .collect();
    assert_eq!(reasons, [(expected.problem.as_str(), expected.skipped)]);
    assert_eq!(source.rows, source.kept + expected.skipped);
    let in_store: usize = (0..store.shards())
        .flat_map(|i| {
            let shard = store.shard(i).unwrap();
            shard
                .histories()
                .map(|h| h.events(expected.source).len())
                .collect::<Vec<_>>()
        })
        .sum();
    assert_eq!(in_store as u64, source.kept);
}

/// Four bills of which some are bad.
fn bills(users: [Option<&str>; 4], at: [Option<i64>; 4], problem: RowProblem, row: u64, n: u64) {
    let case = Case::new();
    case.bill(users, at, [Some(1.0); 4], [None; 4]);
    let column = match problem {
        RowProblem::NullTime => "time",
        _ => "user",
    };
    check(
        case,
        &Expected {
            file: "bill",
            row,
            column,
            problem,
            source: 0,
            skipped: n,
        },
    );
}

#[test]
fn null_and_empty_users_and_null_times() {
    let good = [1, 2, 3, 4].map(Some);
    bills(
        [Some("a"), None, None, Some("b")],
        good,
        RowProblem::NullUser,
        1,
        2,
    );
    bills(
        [Some("a"), Some("b"), Some(""), Some("b")],
        good,
        RowProblem::EmptyUser,
        2,
        1,
    );
    bills(
        ["a", "b", "c", "d"].map(Some),
        [Some(1), Some(2), Some(3), None],
        RowProblem::NullTime,
        3,
        1,
    );
}

#[test]
fn rows_are_counted_per_file_across_batches() {
    let case = Case::new();
    let n = 40_000;
    let users = (0..n).map(|i| (i != 33_333).then_some("a"));
    case.bill(
        users,
        (0..n).map(Some),
        (0..n).map(|_| None),
        (0..n).map(|_| None),
    );
    let problem = RowProblem::NullUser;
    check(
        case,
        &Expected {
            file: "bill",
            row: 33_333,
            column: "user",
            problem,
            source: 0,
            skipped: 1,
        },
    );
}

#[test]
fn future_dated_events() {
    let mut case = Case::new();
    case.options.latest = Some(Timestamp(199));
    // One mailing, at 200, is late. Its time comes from the lookup.
    let problem = RowProblem::FutureDated;
    check(
        case,
        &Expected {
            file: "mail",
            row: 1,
            column: "start",
            problem,
            source: 1,
            skipped: 1,
        },
    );
    let mut case = Case::new();
    case.options.latest = Some(Timestamp(200));
    case.ingest().unwrap();
}

#[test]
fn unsorted_events() {
    let sorted = "name = \"bill\"\norder = \"user_time\"";
    for (users, at, row, skipped) in [
        (["a", "a", "a", "b"], [1, 3, 2, 1], 2, 1),
        (["a", "b", "a", "a"], [1, 1, 2, 3], 2, 2),
        (["b", "a", "b", "b"], [1, 1, 0, 2], 1, 2),
    ] {
        let mut case = Case::new();
        case.replace("name = \"bill\"", sorted);
        case.bill(users.map(Some), at.map(Some), [None; 4], [None; 4]);
        let problem = RowProblem::Unsorted;
        check(
            case,
            &Expected {
                file: "bill",
                row,
                column: "user",
                problem,
                source: 0,
                skipped,
            },
        );
    }
    // Rows with equal keys are in order, and ids that are numbers are ordered as numbers.
    let mut case = Case::new();
    case.replace("name = \"bill\"", sorted);
    case.replace(
        "{ name = \"user\", type = \"text\"",
        "{ name = \"user\", type = \"int\"",
    );
    case.write(
        "bill",
        vec![
            ("user", ints([Some(9), Some(9), Some(10)])),
            ("time", times([5, 5, 1].map(Some))),
            ("amount", floats([None, None, None])),
            ("shop", text([None, None, None])),
        ],
    );
    case.ingest().unwrap();
}

#[test]
fn times_that_the_lookup_does_not_have() {
    let case = Case::new();
    case.write(
        "mail",
        vec![
            ("user", text(["a", "a", "b"].map(Some))),
            ("campaign", ints([Some(1), Some(7), None])),
        ],
    );
    let problem = RowProblem::UnmatchedTime;
    check(
        case,
        &Expected {
            file: "mail",
            row: 1,
            column: "start",
            problem,
            source: 1,
            skipped: 2,
        },
    );

    let case = Case::new();
    case.write(
        "campaigns",
        vec![
            ("campaign", ints([Some(2), Some(1)])),
            ("start", times([Some(200), None])),
            ("topic", text([None, None])),
        ],
    );
    let problem = RowProblem::NullTime;
    check(
        case,
        &Expected {
            file: "mail",
            row: 0,
            column: "start",
            problem,
            source: 1,
            skipped: 1,
        },
    );
}

#[test]
fn lookup_rows_need_one_key_each() {
    for (keys, row, problem, reason) in [
        (
            [Some(1), Some(2), Some(1)],
            2,
            RowProblem::DuplicateKey,
            "duplicate lookup key",
        ),
        (
            [Some(1), None, Some(2)],
            1,
            RowProblem::NullKey,
            "null lookup key",
        ),
    ] {
        let mut case = Case::new();
        case.write(
            "campaigns",
            vec![
                ("campaign", ints(keys)),
                ("start", times([1, 2, 3].map(Some))),
                ("topic", text([None, None, None])),
            ],
        );
        match case.error() {
            Error::Row {
                file,
                row: at,
                column,
                problem: found,
                ..
            } => {
                assert_eq!((file, at), (case.file("campaigns"), row));
                assert_eq!((column.as_str(), found), ("campaign", problem));
            }
            error => panic!("{error}"),
        }
        case.skip();
        let (_, report) = case.ingest().unwrap();
        assert_eq!(
            report.sources[1].lookups["campaigns.parquet"].skipped[reason],
            1
        );
        assert_eq!(report.sources[1].kept, 2);
    }
}

#[test]
fn tabular_users_must_be_unique() {
    let case = Case::new();
    case.write(
        "tab",
        vec![
            ("user", text(["a", "b", "a", "a"].map(Some))),
            ("age", ints([1, 2, 3, 4].map(Some))),
        ],
    );
    let problem = RowProblem::DuplicateUser;
    check(
        case,
        &Expected {
            file: "tab",
            row: 2,
            column: "user",
            problem,
            source: 2,
            skipped: 2,
        },
    );

    // In a source with times only equal times clash, and the first row is kept.
    let mut case = Case::new();
    case.replace("{ name = \"age\", type = \"int\", role = \"number\" },", "{ name = \"age\", type = \"int\", role = \"number\" },\n{ name = \"from\", type = \"timestamp\", role = \"time\" },");
    let write = |case: &Case, at: [i64; 3]| {
        case.write(
            "tab",
            vec![
                ("user", text(["a", "a", "a"].map(Some))),
                ("age", ints([1, 2, 3].map(Some))),
                ("from", times(at.map(Some))),
            ],
        );
    };
    write(&case, [5, 6, 7]);
    case.ingest().unwrap();
    std::fs::remove_dir_all(case.store()).unwrap();
    write(&case, [6, 5, 6]);
    check(
        case,
        &Expected {
            file: "tab",
            row: 2,
            column: "user",
            problem,
            source: 2,
            skipped: 1,
        },
    );
}

#[test]
fn the_first_of_equal_tabular_rows_is_kept() {
    let mut case = Case::new();
    case.skip();
    case.write(
        "tab",
        vec![
            ("user", text(["a", "a"].map(Some))),
            ("age", ints([8, 9].map(Some))),
        ],
    );
    let shard = case.ingest().unwrap().0.shard(0).unwrap();
    assert_eq!(shard.history(0).events(2).number(0, 0), Some(8.0));
}

#[test]
fn required_values_and_exact_numbers() {
    let mut case = Case::new();
    case.replace(
        "role = \"category\" }",
        "role = \"category\", required = true }",
    );
    let problem = RowProblem::MissingValue;
    check(
        case,
        &Expected {
            file: "bill",
            row: 3,
            column: "shop",
            problem,
            source: 0,
            skipped: 1,
        },
    );

    let mut case = Case::new();
    case.replace(
        "role = \"number\" }",
        "role = \"number\", required = true }",
    );
    let problem = RowProblem::MissingValue;
    check(
        case,
        &Expected {
            file: "bill",
            row: 2,
            column: "amount",
            problem,
            source: 0,
            skipped: 1,
        },
    );

    let case = Case::new();
    case.write(
        "tab",
        vec![
            ("user", text(["a", "b"].map(Some))),
            ("age", floats([Some(3.0), Some(3.5)])),
        ],
    );
    let problem = RowProblem::InexactNumber;
    check(
        case,
        &Expected {
            file: "tab",
            row: 1,
            column: "age",
            problem,
            source: 2,
            skipped: 1,
        },
    );
}

#[test]
fn a_source_may_decide_for_itself() {
    let mut case = Case::new();
    case.replace("name = \"bill\"", "name = \"bill\"\non_error = \"skip\"");
    case.bill([Some("a"), None], [Some(1), Some(2)], [None; 2], [None; 2]);
    assert_eq!(
        case.ingest().unwrap().1.sources[0].skipped["null user id"],
        1
    );
    case.write("tab", vec![("user", text([None])), ("age", ints([None]))]);
    assert!(matches!(case.ingest(), Err(Error::Row { .. })));
}

#[test]
fn a_store_of_nobody_is_a_store() {
    let mut case = Case::new();
    case.skip();
    case.bill([None], [None], [None], [None]);
    case.write("mail", vec![("user", text([])), ("campaign", ints([]))]);
    case.write("tab", vec![("user", text([])), ("age", ints([]))]);
    let (store, report) = case.ingest().unwrap();
    assert_eq!(
        (report.users, store.time_range(), store.shards()),
        (0, None, 1)
    );
    assert_eq!(dump(&store).len(), 1);
    assert!(store.shard(0).unwrap().is_empty());
}
