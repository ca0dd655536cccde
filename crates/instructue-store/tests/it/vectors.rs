//! Vectors of events: which columns are read, which rows are bad, and what a store gives back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, LargeListArray,
    ListArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type};
use instructue_schema::UserId;
use instructue_store::{Error, IngestOptions, RowProblem, UserStore};

use crate::common::{Case, dump, text, times};

const SCHEMA: &str = r#"
name = "test"
[[source]]
name = "seen"
kind = "events"
description = "pictures"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "picture", type = "vector", role = "vector", width = 3 },
    { name = "place", type = "text", role = "category", render = false },
]
"#;

/// Rows of vectors, as a list of a fixed size where `fixed`.
fn lists(rows: &[Option<&[f32]>], numbers: &DataType, fixed: bool) -> ArrayRef {
    let flat: Vec<f32> = rows
        .iter()
        .flatten()
        .flat_map(|row| row.iter().copied())
        .collect();
    let flat = cast(&Float32Array::from(flat), numbers).unwrap();
    let field = Arc::new(Field::new("item", numbers.clone(), true));
    let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
    match fixed {
        true => Arc::new(FixedSizeListArray::try_new(field, 3, flat, None).unwrap()),
        false => {
            let lengths = rows.iter().map(|row| row.map_or(0, <[f32]>::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::try_new(field, offsets, flat, Some(nulls)).unwrap())
        }
    }
}

fn case(pictures: ArrayRef) -> Case {
    let mut case = Case::new();
    case.schema = SCHEMA.into();
    let rows = pictures.len();
    let users = ["b", "a", "b", "a"].map(Some).into_iter().take(rows);
    let places = ["x", "y", "y", "x"].map(Some).into_iter().take(rows);
    case.write(
        "seen",
        vec![
            ("user", text(users)),
            (
                "time",
                times([20, 10, 15, 10].map(Some).into_iter().take(rows)),
            ),
            ("picture", pictures),
            ("place", text(places)),
        ],
    );
    case
}

const GOOD: [Option<&[f32]>; 4] = [
    Some(&[1.0, 2.0, 3.0]),
    Some(&[-1.0, 0.5, 8.0]),
    Some(&[0.0, 0.0, 1.0]),
    Some(&[-1.0, 0.25, 9.0]),
];

fn vectors_of(store: &UserStore, user: &str) -> Vec<Vec<f32>> {
    let user = UserId::new(user).unwrap();
    let shard = store.shard(store.shard_of(&user)).unwrap();
    let history = shard.history(shard.find(&user).unwrap());
    let events = history.events(0);
    (0..events.len())
        .map(|i| events.vector(i, 0).unwrap().to_vec())
        .collect()
}

#[test]
fn lists_of_floats_are_read_and_kept_in_their_order() {
    let numbers = [DataType::Float32, DataType::Float64, DataType::Float16];
    let kinds = numbers.iter().flat_map(|of| [(of, true), (of, false)]);
    let mut stores = Vec::new();
    for (numbers, fixed) in kinds {
        let case = case(lists(&GOOD, numbers, fixed));
        let (store, report) = case.ingest().unwrap();
        assert_eq!(report.sources[0].kept, 4, "{numbers} {fixed}");
        // Of the same second the lesser vector comes first.
        assert_eq!(
            vectors_of(&store, "a"),
            [[-1.0, 0.25, 9.0], [-1.0, 0.5, 8.0]]
        );
        assert_eq!(vectors_of(&store, "b"), [[0.0, 0.0, 1.0], [1.0, 2.0, 3.0]]);
        let user = UserId::new("a").unwrap();
        let shard = store.shard(store.shard_of(&user)).unwrap();
        let events = shard.history(shard.find(&user).unwrap()).events(0);
        assert_eq!(
            (events.text(0, 0), events.number(0, 0), events.code(0, 0)),
            (None, None, None)
        );
        assert_eq!(events.text(0, 1).map(|text| &**text), Some("x"));
        assert_eq!(events.vector(0, 1), None);
        // Read again from its files.
        stores.push(dump(&UserStore::open(&case.store()).unwrap()));
    }
    assert!(stores.iter().all(|store| *store == stores[0]));
}

#[test]
fn a_large_list_and_a_slice_are_read() {
    let all = lists(&GOOD, &DataType::Float32, false);
    let large = DataType::LargeList(Arc::new(Field::new("item", DataType::Float32, true)));
    let large = cast(&all, &large).unwrap();
    assert!(large.as_any().is::<LargeListArray>());
    let case = case(large.slice(1, 3));
    let (store, _) = case.ingest().unwrap();
    assert_eq!(
        vectors_of(&store, "b"),
        [[-1.0, 0.25, 9.0], [-1.0, 0.5, 8.0]]
    );
}

#[test]
fn a_store_does_not_depend_on_the_order_of_rows_or_the_number_of_shards() {
    let whole = case(lists(&GOOD, &DataType::Float32, true));
    let reversed = case(lists(&GOOD, &DataType::Float32, true));
    let rows = [3, 2, 1, 0];
    let pick = |values: [&'static str; 4]| rows.map(|row| Some(values[row]));
    reversed.write(
        "seen",
        vec![
            ("user", text(pick(["b", "a", "b", "a"]))),
            ("time", times(rows.map(|row| Some([20, 10, 15, 10][row])))),
            (
                "picture",
                lists(&rows.map(|row| GOOD[row]), &DataType::Float32, true),
            ),
            ("place", text(pick(["x", "y", "y", "x"]))),
        ],
    );
    let (whole, _) = whole.ingest().unwrap();
    assert_eq!(dump(&whole), dump(&reversed.ingest().unwrap().0));

    // A row with a long vector is as large as many rows.
    let mut wide = case(lists(&GOOD, &DataType::Float32, true));
    wide.replace("width = 3", "width = 64");
    let row = [0.5; 64];
    wide.write(
        "seen",
        vec![
            ("user", text(["b", "a", "b", "a"].map(Some))),
            ("time", times([20, 10, 15, 10].map(Some))),
            (
                "picture",
                lists(&[Some(&row[..]); 4], &DataType::Float32, false),
            ),
            ("place", text([None; 4])),
        ],
    );
    wide.options = IngestOptions {
        max_rows_per_shard: 4,
        ..IngestOptions::default()
    };
    let (wide, report) = wide.ingest().unwrap();
    assert_eq!((wide.shards(), report.users), (3, 2));
    assert_eq!(vectors_of(&wide, "a"), [row; 2]);
}

#[test]
fn bad_vectors_name_their_row_or_are_left_out() {
    let numbers = DataType::Float32;
    let nan = [0.0, f32::NAN, 1.0];
    let endless = [0.0, 1.0, f32::INFINITY];
    for (bad, problem, expected, found) in [
        (None, RowProblem::NullVector, "a vector", "null"),
        (
            Some(&[1.0, 2.0][..]),
            RowProblem::VectorWidth,
            "3 numbers",
            "2",
        ),
        (
            Some(&[0.5; 4][..]),
            RowProblem::VectorWidth,
            "3 numbers",
            "4",
        ),
        (
            Some(&nan[..]),
            RowProblem::NotFinite,
            "finite numbers of 32 bits",
            "NaN at position 1",
        ),
        (
            Some(&endless[..]),
            RowProblem::NotFinite,
            "finite numbers of 32 bits",
            "inf at position 2",
        ),
    ] {
        let rows = [GOOD[0], GOOD[1], bad, GOOD[3]];
        let mut case = case(lists(&rows, &numbers, false));
        let message = case.error().to_string();
        let words = format!("{problem}: expected {expected}, found {found}");
        let place = "seen.parquet: row 2, column `picture`";
        assert!(message.ends_with(&format!("{place}: {words}")), "{message}");
        case.skip();
        let (store, report) = case.ingest().unwrap();
        assert_eq!((report.sources[0].rows, report.sources[0].kept), (4, 3));
        assert_eq!(report.sources[0].skipped[problem.as_str()], 1);
        assert_eq!(vectors_of(&store, "b"), [[1.0, 2.0, 3.0]]);
    }
}

#[test]
fn numbers_that_are_missing_or_beyond_32_bits_are_bad() {
    let field = |of| Arc::new(Field::new("item", of, true));
    let missing = Float32Array::from(vec![Some(1.0), None, Some(2.0)]);
    let missing = FixedSizeListArray::try_new(field(DataType::Float32), 3, Arc::new(missing), None);
    let message = case(Arc::new(missing.unwrap())).error().to_string();
    assert!(message.contains("found null at position 1"), "{message}");
    let vast = Float64Array::from(vec![1.0, 2.0, 1e300]);
    let vast = FixedSizeListArray::try_new(field(DataType::Float64), 3, Arc::new(vast), None);
    let message = case(Arc::new(vast.unwrap())).error().to_string();
    assert!(message.contains("found inf at position 2"), "{message}");
}

#[test]
fn a_column_of_another_type_is_refused_before_a_row_is_read() {
    let ints: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(
        [1, 2, 3].map(Some),
    )]));
    let pairs = [Some([0.5, 1.0].map(Some))];
    let pairs: ArrayRef =
        Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(pairs, 2));
    let number: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    for column in [ints, pairs, number] {
        let found = column.data_type().to_string();
        match case(column).error() {
            Error::ColumnType {
                column,
                expected,
                found: said,
                ..
            } => {
                let words = "vectors of 3 floats (a FixedSizeList or a List)";
                assert_eq!((&*column, &*expected), ("picture", words));
                assert!(!said.is_empty(), "{found}");
            }
            error => panic!("{error}"),
        }
    }
    // A column without any value may have any type; each of its rows is bad.
    let none: ArrayRef = Arc::new(Int32Array::from(vec![None, None]));
    let message = case(none).error().to_string();
    assert!(
        message.contains("row 0, column `picture`: null vector"),
        "{message}"
    );
}
