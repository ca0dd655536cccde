//! Where the figures of a run go.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use instructue_trainer::{Metrics, Phase};

use crate::run::{alone, finished, lines, of};

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
        // The file's version comes first and has no summary.
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

#[test]
fn both_losses_are_written_apart_to_both_sinks() {
    let _alone = alone();
    let dir = finished();
    let lines = lines(dir.path());
    let (train, validation) = (of(&lines, Phase::Train), of(&lines, Phase::Validation));
    let steps = |of: &[&Metrics]| of.iter().map(|m| m.step).collect::<Vec<_>>();
    assert_eq!(steps(&train), (1..=12).collect::<Vec<_>>());
    assert_eq!(steps(&validation), [4, 8, 12]);
    for line in &lines {
        assert!(line.losses.of("contrastive") > 0.0 && line.losses.of("next_token") > 0.0);
        assert_ne!(line.losses.of("contrastive"), line.losses.of("next_token"));
        assert!(
            (line.loss - line.losses.of("contrastive") - line.losses.of("next_token")).abs() < 1e-9
        );
    }
    for line in &train {
        assert!(line.gradient_norm.unwrap() > 0.0 && line.learning_rate.unwrap() > 0.0);
    }
    let scalars = scalars(&dir.path().join("tensorboard"));
    for (phase, lines) in [("train", train), ("validation", validation)] {
        for (name, value) in [
            (
                "contrastive",
                (|m| m.losses.of("contrastive")) as fn(&Metrics) -> f64,
            ),
            ("next_token", |m| m.losses.of("next_token")),
            ("loss", |m| m.loss),
        ] {
            let written = &scalars[&format!("{phase}/{name}")];
            assert_eq!(written.len(), lines.len());
            for ((step, found), line) in written.iter().zip(&lines) {
                assert_eq!(*step, line.step as u64);
                assert!(
                    (f64::from(*found) - value(line)).abs() < 2e-6,
                    "{phase}/{name}"
                );
            }
        }
    }
}
