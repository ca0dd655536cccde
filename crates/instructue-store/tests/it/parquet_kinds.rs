//! One table as different programs write it: the store holds the same rows, or the file is
//! refused by name.

use std::fs::{self, File};
use std::sync::Arc;

use crate::common::weblog::{
    ROWS, SCHEMA, START, batch, cast_to, error, ingest_as, of, plain, replaced, rows, rows_of,
    write,
};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
    Float64Array, Int8Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use instructue_store::{Error, RowProblem};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

#[test]
fn every_codec_is_read() {
    let expected = rows(plain());
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
    ] {
        let data = tempfile::tempdir().unwrap();
        let properties = WriterProperties::builder().set_compression(codec).build();
        write(
            &data.path().join("web/a.parquet"),
            &batch(plain()),
            Some(properties),
        );
        assert_eq!(rows_of(data.path()), expected, "{codec}");
    }
}

#[test]
fn decimals_are_ids_whole_numbers_and_floats() {
    let expected = rows(plain());
    for ty in [
        DataType::Decimal32(9, 0),
        DataType::Decimal64(18, 2),
        DataType::Decimal128(38, 0),
        DataType::Decimal128(38, 9),
        DataType::Decimal256(76, 38),
        DataType::Decimal256(50, 0),
    ] {
        for name in ["uid", "channel", "qty"] {
            assert_eq!(rows(cast_to(name, &ty)), expected, "{name} as {ty}");
        }
    }
    // The cast goes through a type to which floats are converted exactly.
    let amounts = cast(&of("amount"), &DataType::Decimal128(20, 2)).unwrap();
    for ty in [
        DataType::Decimal64(18, 2),
        DataType::Decimal128(38, 18),
        DataType::Decimal256(76, 38),
    ] {
        let amounts = cast(&amounts, &ty).unwrap();
        assert_eq!(rows(replaced("amount", amounts)), expected, "{ty}");
    }
    assert_eq!(rows(cast_to("flag", &DataType::Int8)), expected);
    // A lossy value is an error.
    let halves = Decimal128Array::from(vec![15; ROWS]).with_precision_and_scale(10, 1);
    match error(replaced("uid", Arc::new(halves.unwrap()))) {
        Error::Row {
            row: 0,
            problem: RowProblem::InexactNumber,
            found,
            ..
        } => {
            assert_eq!(found, "1.5");
        }
        error => panic!("{error}"),
    }
}

#[test]
fn dictionaries_of_anything_are_read() {
    let expected = rows(plain());
    for (name, index) in [
        ("uid", DataType::Int8),
        ("channel", DataType::Int16),
        ("qty", DataType::UInt8),
        ("amount", DataType::Int32),
        ("ts", DataType::Int64),
        ("page", DataType::Int8),
    ] {
        let ty = of(name).data_type().clone();
        let ty = DataType::Dictionary(Box::new(index), Box::new(ty));
        assert_eq!(rows(cast_to(name, &ty)), expected, "{name}");
    }
    // The decoder itself cannot rebuild a dictionary of Booleans.
    let flags = of("flag");
    let flags = flags.as_boolean();
    let keys: Int8Array = flags.iter().map(|flag| flag.map(i8::from)).collect();
    let values: ArrayRef = Arc::new(BooleanArray::from(vec![false, true]));
    let flags = DictionaryArray::try_new(keys, values).unwrap();
    let noted = batch(replaced("flag", Arc::new(flags)));
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("web/a.parquet");
    // The writer refuses such a dictionary, but stores the given Arrow schema.
    let mut options = ArrowWriterOptions::new().with_skip_arrow_metadata(true);
    let mut properties = WriterProperties::builder().build();
    add_encoded_arrow_schema_to_metadata(&noted.schema(), &mut properties);
    options = options.with_properties(properties);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let plainly = batch(plain());
    let file = File::create(&path).unwrap();
    let writer = ArrowWriter::try_new_with_options(file, plainly.schema(), options);
    let mut writer = writer.unwrap();
    writer.write(&plainly).unwrap();
    writer.close().unwrap();
    assert_eq!(rows_of(data.path()), expected);
}

#[test]
fn runs_are_read() {
    let expected = rows(plain());
    for name in ["uid", "page"] {
        let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
        let values = Arc::new(Field::new("values", of(name).data_type().clone(), true));
        let ty = DataType::RunEndEncoded(ends, values);
        assert_eq!(rows(cast_to(name, &ty)), expected, "{name}");
    }
}

#[test]
fn bytes_are_text_if_they_are_utf8() {
    let expected = rows(plain());
    for ty in [
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
    ] {
        assert_eq!(rows(cast_to("page", &ty)), expected, "{ty}");
    }
    let four = FixedSizeBinaryArray::try_from_iter((0..ROWS).map(|_| b"cart")).unwrap();
    let plainly = rows(replaced(
        "page",
        Arc::new(StringArray::from(vec!["cart"; ROWS])),
    ));
    assert_eq!(rows(replaced("page", Arc::new(four))), plainly);

    let bad = (0..ROWS).map(|row| if row == 7 { &b"c\xe4rt"[..] } else { b"cart" });
    let bad = arrow::array::BinaryArray::from_iter_values(bad);
    match error(replaced("page", Arc::new(bad))) {
        Error::Row {
            row: 7,
            column,
            problem: RowProblem::NotUtf8,
            ..
        } => {
            assert_eq!(column, "page");
        }
        error => panic!("{error}"),
    }
}

#[test]
fn uuids_are_text_in_their_usual_form() {
    let bytes = |row: usize| {
        let mut id = [0xab; 16];
        id[0] = row as u8;
        id
    };
    let ids = FixedSizeBinaryArray::try_from_iter((0..ROWS).map(bytes)).unwrap();
    let texts = (0..ROWS).map(|row| format!("{row:02x}ababab-abab-abab-abab-abababababab"));
    let expected = rows(replaced(
        "page",
        Arc::new(StringArray::from_iter_values(texts)),
    ));

    // Arrow's extension type marks the UUID.
    let columns = replaced("page", Arc::new(ids.clone()));
    let fields = columns.iter().map(|(name, array)| {
        let field = Field::new(*name, array.data_type().clone(), true);
        match *name {
            "page" => field.with_metadata(
                [("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into(),
            ),
            _ => field,
        }
    });
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let marked = RecordBatch::try_new(schema, arrays).unwrap();
    let data = tempfile::tempdir().unwrap();
    write(&data.path().join("web/a.parquet"), &marked, None);
    assert_eq!(rows_of(data.path()), expected);

    // Without the extension type the values are bytes, which are no text.
    assert!(matches!(
        error(replaced("page", Arc::new(ids))),
        Error::Row {
            problem: RowProblem::NotUtf8,
            ..
        }
    ));
}

#[test]
fn whole_floats_are_ids_and_nan_is_nobody() {
    let expected = rows(plain());
    for ty in [DataType::Float64, DataType::Float32, DataType::Float16] {
        assert_eq!(rows(cast_to("uid", &ty)), expected, "{ty}");
    }
    let floats = cast(&of("uid"), &DataType::Float64).unwrap();
    let floats = floats.as_primitive::<arrow::datatypes::Float64Type>();
    let mut some: Vec<f64> = floats.values().to_vec();
    (some[3], some[40]) = (f64::NAN, f64::NAN);
    let columns = || replaced("uid", Arc::new(Float64Array::from(some.clone())));
    assert!(matches!(
        error(columns()),
        Error::Row {
            row: 3,
            problem: RowProblem::NullUser,
            ..
        }
    ));
    let data = tempfile::tempdir().unwrap();
    write(&data.path().join("web/a.parquet"), &batch(columns()), None);
    let skipping = SCHEMA.replace(
        "name = \"weblog\"",
        "name = \"weblog\"\non_error = \"skip\"",
    );
    let (_, report, _directory) = ingest_as(&skipping, data.path()).unwrap();
    assert_eq!(report.sources[0].skipped["null user id"], 2);

    // In these floats several ids become one.
    let narrow = arrow::array::Float32Array::from(vec![16_777_217_000_f32; ROWS]);
    match error(replaced("uid", Arc::new(narrow))) {
        Error::ColumnType { column, found, .. } => {
            assert_eq!(column, "uid");
            assert!(found.contains("2^24"), "{found}");
        }
        error => panic!("{error}"),
    }
    for (bad, found) in [
        (1_000.5, "1000.5"),
        (f64::INFINITY, "inf"),
        (1e16, "10000000000000000"),
    ] {
        some[3] = bad;
        match error(replaced("uid", Arc::new(Float64Array::from(some.clone())))) {
            Error::Row {
                row: 3,
                problem: RowProblem::InexactNumber,
                found: said,
                ..
            } => {
                assert_eq!(said, found);
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn times_are_read_from_text() {
    let expected = rows(plain());
    let seconds = |row: usize| START + row as i64 * 3_601;
    let written = |row: usize, offset: i64| {
        let local = (seconds(row) + offset) * 1_000_000;
        let local: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![local]));
        let text = cast(&local, &DataType::Utf8).unwrap();
        text.as_string::<i32>().value(0).to_owned()
    };
    let forms: [fn(String) -> String; 6] = [
        |text| text,
        |text| text.replace('T', " "),
        |text| text + "Z",
        |text| text.replace('T', " ") + ".999",
        |text| text.replace('T', " ") + " UTC",
        |text| text + "+00:00",
    ];
    for form in forms {
        let texts: Vec<String> = (0..ROWS).map(|row| form(written(row, 0))).collect();
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        assert_eq!(rows(replaced("ts", texts.clone())), expected);
        let bytes = cast(&texts, &DataType::LargeBinary).unwrap();
        assert_eq!(rows(replaced("ts", bytes)), expected);
    }
    let there = (0..ROWS).map(|row| written(row, 19_800) + "+05:30");
    assert_eq!(
        rows(replaced(
            "ts",
            Arc::new(StringArray::from_iter_values(there))
        )),
        expected
    );

    for bad in ["31/01/2024", "", "1680398475", "2024-02-30"] {
        let texts = (0..ROWS).map(|row| {
            if row == 9 {
                bad.into()
            } else {
                written(row, 0)
            }
        });
        match error(replaced(
            "ts",
            Arc::new(StringArray::from_iter_values(texts)),
        )) {
            Error::Row {
                row: 9,
                column,
                problem: RowProblem::UnreadableTime,
                expected,
                found,
                ..
            } => {
                assert_eq!((column.as_str(), found), ("ts", format!("{bad:?}")));
                assert!(expected.contains("2024-01-31T12:00:00"), "{expected}");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn other_units_and_zones_are_the_same_times() {
    let expected = rows(plain());
    for unit in [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Nanosecond,
    ] {
        let ty = DataType::Timestamp(unit, None);
        assert_eq!(rows(cast_to("ts", &ty)), expected, "{ty}");
    }
    for zone in ["UTC", "+05:30", "Europe/Berlin"] {
        let times = of("ts");
        let times = times.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        let times = times.clone().with_timezone(zone);
        assert_eq!(rows(replaced("ts", Arc::new(times))), expected, "{zone}");
    }
    // Snowflake writes seconds this way.
    let data = tempfile::tempdir().unwrap();
    let seconds = (0..ROWS).map(|row| Some(i128::from(START) + row as i128 * 3_601));
    let seconds = seconds
        .collect::<Decimal128Array>()
        .with_precision_and_scale(38, 0);
    let columns = replaced("ts", Arc::new(seconds.unwrap()));
    write(&data.path().join("web/a.parquet"), &batch(columns), None);
    let numbers = SCHEMA.replace(
        "name = \"ts\", type = \"timestamp\"",
        "name = \"ts\", type = \"int\"",
    );
    let (store, ..) = ingest_as(&numbers, data.path()).unwrap();
    assert_eq!(store.time_range().unwrap().0.0, START);
}
