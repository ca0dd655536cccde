//! Whatever the format can hold comes back.

use crate::common;
use crate::common::{ARRAY, BOOL, U8, U32, Writer, array, string, strings};
use instructue_gguf::{Array, TensorType, Value};

#[test]
fn every_kind_of_value_comes_back() {
    let writer = Writer::default()
        .key("u8", 0, [200])
        .key("i8", 1, [0x80])
        .key("u16", 2, 60_000_u16.to_le_bytes())
        .key("i16", 3, (-3_i16).to_le_bytes())
        .key("u32", 4, u32::MAX.to_le_bytes())
        .key("i32", 5, (-4_i32).to_le_bytes())
        .key("f32", 6, 0.1_f32.to_le_bytes())
        .key("bool", 7, [1])
        .key("string", 8, string("grün"))
        .key("u64", 10, u64::MAX.to_le_bytes())
        .key("i64", 11, i64::MIN.to_le_bytes())
        .key("f64", 12, 0.1_f64.to_le_bytes());
    let file = writer.open().unwrap();
    let expected = [
        ("bool", Value::Bool(true)),
        ("f32", Value::F32(0.1)),
        ("f64", Value::F64(0.1)),
        ("i16", Value::I16(-3)),
        ("i32", Value::I32(-4)),
        ("i64", Value::I64(i64::MIN)),
        ("i8", Value::I8(-128)),
        ("string", Value::String("grün".into())),
        ("u16", Value::U16(60_000)),
        ("u32", Value::U32(u32::MAX)),
        ("u64", Value::U64(u64::MAX)),
        ("u8", Value::U8(200)),
    ];
    let found = file.metadata().iter().map(|(key, x)| (key.as_str(), x));
    assert!(found.eq(expected.iter().map(|(key, x)| (*key, x))));
    assert_eq!(file.float("f32").unwrap(), Some(0.1));
    assert_eq!(file.float("f64").unwrap(), Some(0.1));
    assert_eq!(file.size("u16").unwrap(), Some(60_000));
}

#[test]
fn every_kind_of_array_comes_back() {
    let numbers = |kind, elements: &[Vec<u8>]| array(kind, elements);
    let inner = [array(U8, &[vec![1], vec![2]]), strings(&["x"])];
    let writer = Writer::default()
        .key("u8", ARRAY, numbers(0, &[vec![1], vec![255]]))
        .key("i8", ARRAY, numbers(1, &[vec![255]]))
        .key("u16", ARRAY, numbers(2, &[vec![1, 1]]))
        .key("i16", ARRAY, numbers(3, &[vec![255, 255]]))
        .key("u32", ARRAY, numbers(4, &[]))
        .key("i32", ARRAY, numbers(5, &[(-7_i32).to_le_bytes().into()]))
        .key("f32", ARRAY, numbers(6, &[1.5_f32.to_le_bytes().into()]))
        .key("bool", ARRAY, numbers(BOOL, &[vec![0], vec![1]]))
        .key("string", ARRAY, strings(&["a", "", "ö"]))
        .key("array", ARRAY, array(ARRAY, &inner))
        .key("u64", ARRAY, numbers(10, &[u64::MAX.to_le_bytes().into()]))
        .key("i64", ARRAY, numbers(11, &[(-1_i64).to_le_bytes().into()]))
        .key("f64", ARRAY, numbers(12, &[2.5_f64.to_le_bytes().into()]));
    let file = writer.open().unwrap();
    let array = |key: &str| match &file.metadata()[key] {
        Value::Array(array) => array.clone(),
        other => panic!("{key}: {other}"),
    };
    assert_eq!(array("u8"), Array::U8(vec![1, 255]));
    assert_eq!(array("i8"), Array::I8(vec![-1]));
    assert_eq!(array("u16"), Array::U16(vec![257]));
    assert_eq!(array("i16"), Array::I16(vec![-1]));
    assert_eq!(array("u32"), Array::U32(vec![]));
    assert_eq!(array("i32"), Array::I32(vec![-7]));
    assert_eq!(array("f32"), Array::F32(vec![1.5]));
    assert_eq!(array("bool"), Array::Bool(vec![false, true]));
    assert_eq!(array("u64"), Array::U64(vec![u64::MAX]));
    assert_eq!(array("i64"), Array::I64(vec![-1]));
    assert_eq!(array("f64"), Array::F64(vec![2.5]));
    let texts = file.strings("string").unwrap().unwrap();
    assert!(texts.iter().eq(["a", "", "ö"]));
    let Array::Array(inner) = array("array") else {
        panic!("not nested");
    };
    assert_eq!(inner[0], Array::U8(vec![1, 2]));
    assert_eq!(inner[1].len(), 1);
    assert_eq!(file.integers("i32").unwrap(), Some(vec![-7]));
    let message = file.integers("u64").unwrap_err().to_string();
    common::says(&message, &["`u64`", "whole numbers", "1 × u64"]);
}

#[test]
fn versions_and_alignments_are_read() {
    for (version, alignment) in [(2, 32), (3, 64), (3, 8), (3, 1)] {
        let writer = Writer {
            version,
            alignment,
            ..Writer::default()
        };
        let writer = writer
            .key("general.alignment", U32, (alignment as u32).to_le_bytes())
            .floats("a", &[3], &[1.0, 2.0, 3.0])
            .floats("b", &[2, 1, 2], &[4.0, 5.0, 6.0, 7.0]);
        let mut file = writer.open().unwrap();
        assert_eq!(file.version(), version);
        assert_eq!(file.tensor("b").unwrap().kind, TensorType::F32);
        assert_eq!(file.read("b", &[2, 1, 2]).unwrap(), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(file.read("a", &[3]).unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(file.read_row("b", 1).unwrap(), [6.0, 7.0]);
    }
}

#[test]
fn a_tensor_of_several_chunks_is_whole() {
    let values: Vec<f32> = (0..700_000).map(|i| i as f32).collect();
    let writer = Writer::default().floats("x", &[1000, 700], &values);
    let read = writer.open().unwrap().read("x", &[700, 1000]).unwrap();
    assert!(read == values);
}

#[test]
fn a_file_may_hold_nothing() {
    let file = Writer::default().open().unwrap();
    assert!(file.metadata().is_empty() && file.tensors().is_empty());
}
