//! A reader of the scalars in a TensorBoard event file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The scalars of the one event file in `dir`: for each tag its steps and values.
pub fn scalars(dir: &Path) -> BTreeMap<String, Vec<(u64, f32)>> {
    let files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let bytes = fs::read(&files[0]).unwrap();
    let mut rest = &bytes[..];
    let mut scalars: BTreeMap<String, Vec<(u64, f32)>> = BTreeMap::new();
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let event = fields(&rest[12..12 + length]);
        rest = &rest[16 + length..];
        // The first record holds the file's version and has no summary.
        let Some(Field::Bytes(summary)) = event.get(&5) else {
            continue;
        };
        let Some(Field::Number(step)) = event.get(&2) else {
            panic!("no step")
        };
        let Some(Field::Bytes(value)) = fields(summary).remove(&1) else {
            panic!("no value")
        };
        let value = fields(value);
        match (&value[&1], &value[&2]) {
            (Field::Bytes(tag), Field::Float(value)) => {
                let tag = String::from_utf8(tag.to_vec()).unwrap();
                scalars.entry(tag).or_default().push((*step, *value));
            }
            _ => panic!("a tag and a float"),
        }
    }
    scalars
}

enum Field<'a> {
    Number(u64),
    Double,
    Float(f32),
    Bytes(&'a [u8]),
}

fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Field<'_>> {
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                bytes = &bytes[8..];
                Field::Double
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value)
            }
            5 => {
                let (value, rest) = bytes.split_at(4);
                bytes = rest;
                Field::Float(f32::from_le_bytes(value.try_into().unwrap()))
            }
            other => panic!("wire type {other}"),
        };
        fields.insert(key >> 3, field);
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}
