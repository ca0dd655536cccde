//! Parts of a table that lack columns or values, or have more than others.

use std::sync::Arc;

use crate::common::weblog::{
    Columns, ROWS, SCHEMA, batch, error, ingest_as, of, plain, replaced, rows, rows_of, write,
};
use arrow::array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, NullArray, StringArray};
use instructue_store::{Error, RowProblem};

#[test]
fn a_part_without_rows_fits_whatever_it_says() {
    let expected = rows(plain());
    let nulls = |columns: Columns| -> Columns {
        let null = |name| (name, Arc::new(NullArray::new(0)) as ArrayRef);
        columns.into_iter().map(|(name, _)| null(name)).collect()
    };
    let texts = |columns: Columns| -> Columns {
        let none = |name| {
            (
                name,
                Arc::new(StringArray::from(Vec::<&str>::new())) as ArrayRef,
            )
        };
        columns.into_iter().map(|(name, _)| none(name)).collect()
    };
    let other = vec![(
        "index",
        Arc::new(Int64Array::from(Vec::<i64>::new())) as ArrayRef,
    )];
    for columns in [nulls(plain()), texts(plain()), other] {
        let data = tempfile::tempdir().unwrap();
        write(
            &data.path().join("web/part-0.parquet"),
            &batch(plain()),
            None,
        );
        write(
            &data.path().join("web/part-1.parquet"),
            &batch(columns),
            None,
        );
        assert_eq!(rows_of(data.path()), expected);
    }
}

#[test]
fn a_part_without_values_fits_whatever_its_type() {
    let split = |name: &str, array: ArrayRef| {
        let data = tempfile::tempdir().unwrap();
        let half = ROWS / 2;
        let whole = batch(replaced(name, {
            let first = of(name).slice(0, half);
            let nulls = arrow::array::new_null_array(first.data_type(), ROWS - half);
            arrow::compute::concat(&[&first, &nulls]).unwrap()
        }));
        write(&data.path().join("whole/web/a.parquet"), &whole, None);
        let first = whole.slice(0, half);
        write(&data.path().join("split/web/a.parquet"), &first, None);
        let mut second: Columns = plain();
        for column in &mut second {
            column.1 = column.1.slice(half, ROWS - half);
            if column.0 == name {
                column.1 = array.slice(0, ROWS - half);
            }
        }
        write(
            &data.path().join("split/web/b.parquet"),
            &batch(second),
            None,
        );
        data
    };
    let voids: [ArrayRef; 5] = [
        Arc::new(NullArray::new(ROWS)),
        Arc::new(Float64Array::from(vec![None; ROWS])),
        Arc::new(Float64Array::from(vec![f64::NAN; ROWS])),
        Arc::new(StringArray::from(vec![None::<&str>; ROWS])),
        Arc::new(Int32Array::from(vec![None; ROWS])),
    ];
    for name in ["page", "channel", "amount", "flag", "qty"] {
        for void in &voids {
            let data = split(name, void.clone());
            let whole = rows_of(&data.path().join("whole"));
            let parts = rows_of(&data.path().join("split"));
            assert_eq!(parts, whole, "{name} as {}", void.data_type());
        }
    }
    // A missing user or time is a bad row, as in any file.
    for (name, problem) in [("uid", RowProblem::NullUser), ("ts", RowProblem::NullTime)] {
        for void in &voids {
            let data = split(name, void.clone());
            match ingest_as(SCHEMA, &data.path().join("split")).err().unwrap() {
                Error::Row {
                    file,
                    row: 0,
                    column,
                    problem: found,
                    ..
                } => {
                    assert!(file.ends_with("b.parquet"));
                    assert_eq!((column.as_str(), found), (name, problem));
                }
                error => panic!("{error}"),
            }
        }
    }
    // With a single value, the type matters.
    let one = (0..ROWS)
        .map(|row| (row == ROWS / 2 - 1).then_some("x"))
        .collect::<StringArray>();
    let data = split("amount", Arc::new(one));
    let error = ingest_as(SCHEMA, &data.path().join("split")).err().unwrap();
    assert!(matches!(error, Error::ColumnType { column, .. } if column == "amount"));
}

#[test]
fn two_columns_of_one_name_are_refused() {
    for position in [0, 3, 7] {
        let mut columns = plain();
        columns.insert(
            position,
            ("page", Arc::new(StringArray::from(vec!["other"; ROWS]))),
        );
        match error(columns) {
            Error::DuplicateColumn {
                file,
                column,
                found,
            } => {
                assert!(file.ends_with("web/a.parquet"));
                assert_eq!((column.as_str(), found), ("page", 2));
            }
            error => panic!("{error}"),
        }
    }
    // Columns of an undeclared name, or of another letter case, may repeat.
    let mut columns = plain();
    for name in ["noise", "noise", "Page"] {
        columns.insert(2, (name, Arc::new(StringArray::from(vec!["x"; ROWS]))));
    }
    assert_eq!(rows(columns), rows(plain()));
}
