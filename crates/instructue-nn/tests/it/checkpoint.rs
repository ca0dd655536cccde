//! Safetensors files: what is written comes back, and what is broken is
//! refused with words, never with a panic.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, TensorData, bf16, f16};
use instructue_nn::checkpoint::{Checkpoint, read_json, write_safetensors};
use instructue_nn::initial::{Initialiser, Start};
use instructue_nn::source::fill;
use instructue_nn::{Error, Precision};
use tempfile::TempDir;

struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("model.safetensors")
    }

    /// Writes a file from a header and data of our choosing.
    fn raw(&self, header: &str, data: &[u8]) -> String {
        let length = (header.len() as u64).to_le_bytes();
        self.bytes(&[&length, header.as_bytes(), data].concat())
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        fs::write(self.path(), bytes).unwrap();
        let message = Checkpoint::open(self.0.path()).unwrap_err().to_string();
        assert!(message.contains("model.safetensors"), "{message}");
        message
    }
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn what_is_written_comes_back() {
    let scratch = Scratch::new();
    let device = Device::default();
    let half = vec![f16::from_f32(0.5), f16::from_f32(-2.0)];
    let brain = vec![
        bf16::from_f32(1.0),
        bf16::from_f32(256.0),
        bf16::from_f32(-3.0),
    ];
    let tensors = vec![
        ("b.half".into(), TensorData::new(half, [2])),
        ("a.brain".into(), TensorData::new(brain, [3])),
        (
            "c".into(),
            TensorData::new(vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]),
        ),
        ("d.bias".into(), TensorData::new(vec![9f32, 8.0], [2])),
        (
            "d.weight".into(),
            TensorData::new(vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]),
        ),
    ];
    write_safetensors(&scratch.path(), tensors, None).unwrap();
    // The reference reader agrees with ours.
    let bytes = fs::read(scratch.path()).unwrap();
    assert_eq!(
        safetensors::SafeTensors::deserialize(&bytes).unwrap().len(),
        5
    );
    // Nothing else is left in the directory.
    assert_eq!(fs::read_dir(scratch.0.path()).unwrap().count(), 1);

    let mut file = Checkpoint::open(scratch.0.path()).unwrap();
    assert_eq!(file.shape("c"), Some(&[2, 3][..]));
    let vec = |data: TensorData| data.try_to_vec::<f32>().unwrap();
    let half = file.take("b.half", [2], &device).unwrap();
    assert_eq!(vec(half.into_data()), [0.5, -2.0]);
    let brain = file.take("a.brain", [3], &device).unwrap();
    assert_eq!(vec(brain.into_data()), [1.0, 256.0, -3.0]);
    let turned = file.take_transposed("c", [2, 3], &device).unwrap();
    assert_eq!(turned.dims(), [3, 2]);
    assert_eq!(vec(turned.into_data()), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(file.unused(), ["d.bias", "d.weight"]);
    let new = Initialiser {
        start: Start::Blank,
        precision: Precision::F32,
        lora: None,
        device: &device,
    };
    let blank = new.linear(3, 2, true);
    let named = |path: &str| format!("d.{path}");
    let linear = fill(blank, &mut file, Precision::F32, named).unwrap();
    assert_eq!(linear.weight.dims(), [3, 2]);
    assert_eq!(vec(linear.bias.unwrap().val().into_data()), [9.0, 8.0]);
    file.finish().unwrap();
}

#[test]
fn a_write_replaces_the_file_as_a_whole() {
    let scratch = Scratch::new();
    let tensor = |x: f32| vec![("x".to_owned(), TensorData::new(vec![x], [1]))];
    write_safetensors(&scratch.path(), tensor(1.0), None).unwrap();
    let before = fs::read(scratch.path()).unwrap();
    let twice = [tensor(2.0), tensor(3.0)].concat();
    let message = write_safetensors(&scratch.path(), twice, None)
        .unwrap_err()
        .to_string();
    says(&message, &["`x`", "twice"]);
    let flags = vec![("flag".into(), TensorData::new(vec![true], [1]))];
    let message = write_safetensors(&scratch.path(), flags, None)
        .unwrap_err()
        .to_string();
    says(&message, &["`flag`", "Bool"]);
    assert_eq!(fs::read(scratch.path()).unwrap(), before);

    // A file is no directory to write into.
    let nowhere = scratch.path().join("model.safetensors");
    let message = write_safetensors(&nowhere, tensor(1.0), None)
        .unwrap_err()
        .to_string();
    says(&message, &[&scratch.path().display().to_string()]);
}

#[test]
fn headers_that_lie_are_refused() {
    let scratch = Scratch::new();
    let one = |info: &str| format!(r#"{{"x":{info}}}"#);
    let data = [0u8; 16];

    says(&scratch.bytes(b"short"), &["5 bytes"]);
    says(
        &scratch.bytes(&u64::MAX.to_le_bytes()),
        &["claims", "0 follow"],
    );
    says(
        &scratch.bytes(&[9, 0, 0, 0, 0, 0, 0, 0, b'{']),
        &["claims 9", "1 follow"],
    );
    says(&scratch.raw("not json", &data), &["not as specified"]);
    says(&scratch.raw("[]", &data), &["an object of tensors"]);
    says(
        &scratch.raw(&one(r#"{"dtype":"F32","shape":[4]}"#), &data),
        &["data_offsets"],
    );
    says(
        &scratch.raw(
            &one(r#"{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}"#),
            &data,
        ),
        &["-4"],
    );
    let longer = one(r#"{"dtype":"F32","shape":[8],"data_offsets":[0,32]}"#);
    says(&scratch.raw(&longer, &data), &["need 32 bytes", "holds 16"]);
    let shorter = one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#);
    says(&scratch.raw(&shorter, &data), &["need 8 bytes", "holds 16"]);
    let shape = one(r#"{"dtype":"F32","shape":[5],"data_offsets":[0,16]}"#);
    says(
        &scratch.raw(&shape, &data),
        &["`x`", "[5]", "claims 16 bytes"],
    );
    let overflow = one(r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}"#);
    says(&scratch.raw(&overflow, &data), &["`x`", "claims 16 bytes"]);
    let backwards = one(r#"{"dtype":"F32","shape":[4],"data_offsets":[16,0]}"#);
    says(&scratch.raw(&backwards, &data), &["`x`", "16 to 0"]);
    let unknown = one(r#"{"dtype":"Q4","shape":[4],"data_offsets":[0,16]}"#);
    says(&scratch.raw(&unknown, &data), &["`x`", "Q4"]);

    let info = r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let next = r#"{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#;
    let overlap = format!(r#"{{"x":{info},"y":{info}}}"#);
    says(
        &scratch.raw(&overlap, &data[..8]),
        &["expected to start at 8"],
    );
    let repeated = format!(r#"{{"x":{info},"x":{next}}}"#);
    says(&scratch.raw(&repeated, &data), &["`x`", "twice"]);
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let scratch = Scratch::new();
    let tensors = vec![("x".to_owned(), TensorData::new(vec![1f32; 6], [2, 3]))];
    write_safetensors(&scratch.path(), tensors, None).unwrap();
    let whole = fs::read(scratch.path()).unwrap();
    for length in 0..whole.len() {
        scratch.bytes(&whole[..length]);
    }
}

#[test]
fn json_errors_name_the_place() {
    let scratch = Scratch::new();
    let path = scratch.0.path().join("config.json");
    let message = read_json::<u32>(&path).unwrap_err().to_string();
    says(&message, &["config.json"]);
    fs::write(&path, "{\n oops").unwrap();
    let message = read_json::<u32>(&path).unwrap_err().to_string();
    says(&message, &["config.json", "line"]);
}

#[test]
fn numbers_of_a_configuration_keep_their_last_bit() {
    let scratch = Scratch::new();
    let path = scratch.0.path().join("config.json");
    // Each is the shortest decimal of its f64, and one that a fast parser misses.
    for (text, expected) in [
        ("0.00012219513740112413", 0.00012219513740112413_f64),
        ("0.0017561959097665359", 0.0017561959097665359),
        ("14.206588035885689", 14.206588035885689),
    ] {
        fs::write(&path, text).unwrap();
        let read: f64 = read_json(&path).unwrap();
        assert_eq!(read.to_bits(), expected.to_bits(), "{text} became {read}");
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

/// A file whose data begin where the header of `padding` spaces ends.
fn padded(path: &Path, dtype: &str, data: &[u8], padding: usize) {
    let elements = data.len() / if dtype == "F32" { 4 } else { 2 };
    let header = format!(
        r#"{{"x":{{"dtype":"{dtype}","shape":[2,{}],"data_offsets":[0,{}]}}}}"#,
        elements / 2,
        data.len()
    ) + &" ".repeat(padding);
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length, header.as_bytes(), data].concat()).unwrap();
}

#[test]
fn tensors_are_the_same_in_their_file_and_copied() {
    let scratch = Scratch::new();
    let device = Device::default();
    // Large enough for several threads to look at it, with a part left over.
    let columns = (5 << 20) / 8 + 3;
    let values: Vec<f32> = (0..2 * columns).map(|i| (i % 251) as f32 - 125.0).collect();
    let bytes = |half: bool| -> Vec<u8> {
        let element = |&x: &f32| match half {
            true => bf16::from_f32(x).to_le_bytes().to_vec(),
            false => x.to_le_bytes().to_vec(),
        };
        values.iter().flat_map(element).collect()
    };
    for (dtype, half) in [("F32", false), ("BF16", true)] {
        // At least one of four headers in a row is not aligned for the type.
        for padding in 0..4 {
            padded(&scratch.path(), dtype, &bytes(half), padding);
            for precision in [Precision::F32, Precision::Bf16] {
                if precision.check(&device).is_err() {
                    continue;
                }
                let mut file = Checkpoint::open(scratch.0.path()).unwrap();
                let x = file.take_in(precision, "x", [2, columns], &device).unwrap();
                assert_eq!(x.dtype(), precision.dtype());
                let x = x.into_data().convert::<f32>();
                assert!(
                    x.try_to_vec::<f32>().unwrap() == values,
                    "{dtype} {padding} {precision}"
                );
            }
            let mut file = Checkpoint::open(scratch.0.path()).unwrap();
            let turned = file.take_transposed("x", [2, columns], &device).unwrap();
            let back = turned.transpose().into_data();
            assert!(
                back.try_to_vec::<f32>().unwrap() == values,
                "{dtype} {padding}"
            );
        }
    }
}

#[test]
fn a_value_that_is_not_finite_is_named_wherever_it_stands() {
    let scratch = Scratch::new();
    let device = Device::default();
    let count = (9 << 20) / 4 + 2;
    for at in [0, count / 2, count - 1] {
        let mut values = vec![0.5f32; count];
        values[at] = f32::NAN;
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        for padding in 0..2 {
            padded(&scratch.path(), "F32", &bytes, padding);
            let mut file = Checkpoint::open(scratch.0.path()).unwrap();
            let error = file.take("x", [2, count / 2], &device).unwrap_err();
            let found = matches!(error, Error::NotFinite { index, .. } if index == at);
            assert!(found, "{error}");
        }
    }
}

#[test]
fn what_is_computed_from_a_mapped_tensor_leaves_its_file_alone() {
    let scratch = Scratch::new();
    let device = Device::default();
    let tensors = vec![(
        "x".to_owned(),
        TensorData::new(vec![1f32, 2.0, 3.0, 4.0], [2, 2]),
    )];
    write_safetensors(&scratch.path(), tensors, None).unwrap();
    let before = fs::read(scratch.path()).unwrap();
    let mut file = Checkpoint::open(scratch.0.path()).unwrap();
    let x = file.take("x", [2, 2], &device).unwrap();
    drop(file);
    // The only owner: a backend may reuse the memory for the result.
    let x = x.add_scalar(1.0).mul_scalar(2.0);
    let x = x.slice_fill([0..1, 0..1], 7.0);
    let vec = |data: TensorData| data.try_to_vec::<f32>().unwrap();
    assert_eq!(vec(x.into_data()), [7.0, 6.0, 8.0, 10.0]);
    assert_eq!(fs::read(scratch.path()).unwrap(), before);

    // Replaced while in use: who took a tensor keeps the old one.
    let mut file = Checkpoint::open(scratch.0.path()).unwrap();
    let x = file.take("x", [2, 2], &device).unwrap();
    let tensors = vec![("x".to_owned(), TensorData::new(vec![0f32; 4], [2, 2]))];
    write_safetensors(&scratch.path(), tensors, None).unwrap();
    assert_eq!(vec(x.into_data()), [1.0, 2.0, 3.0, 4.0]);
}
