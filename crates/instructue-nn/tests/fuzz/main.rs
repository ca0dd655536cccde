//! Damaged and made-up safetensors files by the thousand: the reader answers
//! with what is in them or with one line, takes memory as the file's size allows,
//! and agrees with the format's own reader where both accept a file.
//!
//! `cargo xtask fuzz safetensors` goes on for as long as it is told; what it
//! finds is fixed and put into `found/`.

#[path = "../../../instructue-gguf/tests/fuzz/engine.rs"]
mod engine;
mod files;

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, bf16, f16};
use engine::{Random, Target, change_bytes};
use files::draw;
use instructue_nn::Result;
use instructue_nn::checkpoint::{Checkpoint, INDEX};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// One file.
struct Reader;

impl Target for Reader {
    const NAME: &str = "safetensors";
    const EXTENSION: &str = "safetensors";

    fn case(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = draw(random).bytes();
        if random.one_in(2) {
            let other = draw(random).bytes();
            for _ in 0..=random.below(4) {
                change_bytes(random, &mut bytes, &other);
            }
        }
        bytes
    }

    fn read(&self, path: &Path, errors: &mut Vec<String>) {
        match Checkpoint::open_file(path) {
            Ok(file) => take_all(file, errors),
            Err(error) => errors.push(error.to_string()),
        }
    }

    fn read_on(&self, path: &Path) {
        let Ok(mut ours) = Checkpoint::open_file(path) else {
            return;
        };
        let bytes = fs::read(path).unwrap();
        // It looks into the free map of strings too, which is passed over here.
        let Ok(theirs) = SafeTensors::deserialize(&bytes) else {
            return;
        };
        let mut names = theirs.names();
        names.sort_unstable();
        assert!(ours.names().eq(names));
        for (name, view) in theirs.iter() {
            let Some(Ok(read)) = take(&mut ours, name) else {
                continue;
            };
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(read), bits(values(&view)), "{name}");
        }
    }
}

fn values(view: &TensorView<'_>) -> Vec<f32> {
    let halves = || view.data().as_chunks::<2>().0.iter().copied();
    match view.dtype() {
        Dtype::F16 => halves().map(|x| f16::from_le_bytes(x).to_f32()).collect(),
        Dtype::BF16 => halves().map(|x| bf16::from_le_bytes(x).to_f32()).collect(),
        _ => {
            let (words, _) = view.data().as_chunks::<4>();
            words.iter().map(|x| f32::from_le_bytes(*x)).collect()
        }
    }
}

/// A tensor in its own shape; nothing if it has more axes than are taken.
fn take(file: &mut Checkpoint, name: &str) -> Option<Result<Vec<f32>>> {
    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }
    let device = Device::default();
    let shape = file.shape(name).unwrap().to_vec();
    Some(match *shape {
        [a] => file.take(name, [a], &device).map(values),
        [a, b] => file.take(name, [a, b], &device).map(values),
        [a, b, c] => file.take(name, [a, b, c], &device).map(values),
        _ => return None,
    })
}

fn take_all(mut file: Checkpoint, errors: &mut Vec<String>) {
    let device = Device::default();
    let names: Vec<String> = file.names().map(Into::into).collect();
    let mut keep = |result: Result<()>| {
        if let Err(error) = result {
            errors.push(error.to_string());
        }
    };
    for name in &names {
        let shape = file.shape(name).unwrap().to_vec();
        if let Some(result) = take(&mut file, name) {
            keep(result.map(drop));
        }
        if let [rows, columns] = *shape {
            let turned = file.take_transposed(name, [rows, columns], &device);
            if let Ok(turned) = &turned {
                assert_eq!(turned.dims(), [columns, rows]);
            }
            keep(turned.map(drop));
        }
        assert!(file.take(name, [3, 5, 7, 11], &device).is_err());
    }
    assert!(file.take("no such tensor", [1], &device).is_err());
    keep(file.finish());
}

/// The index of a sharded directory, whose shards are as they should be.
struct Index(tempfile::TempDir);

impl Index {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (number, shard) in files::shards().into_iter().enumerate() {
            let name = format!("model-{number}.safetensors");
            fs::write(dir.path().join(name), shard.bytes()).unwrap();
        }
        Self(dir)
    }
}

impl Target for Index {
    const NAME: &str = "index";
    const EXTENSION: &str = "json";

    fn case(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = files::index(random).into_bytes();
        if random.one_in(2) {
            let other = files::index(random).into_bytes();
            for _ in 0..=random.below(4) {
                change_bytes(random, &mut bytes, &other);
            }
        }
        bytes
    }

    fn read(&self, path: &Path, errors: &mut Vec<String>) {
        // A new file: to replace one costs a wait for the disk on some systems.
        let index = self.0.path().join(INDEX);
        let _ = fs::remove_file(&index);
        fs::copy(path, index).unwrap();
        match Checkpoint::open(self.0.path()) {
            Ok(file) => take_all(file, errors),
            Err(error) => errors.push(error.to_string()),
        }
    }
}

#[test]
fn a_short_run_finds_nothing() {
    engine::short(&Reader, 3000);
    engine::short(&Index::new(), 1000);
}

#[test]
#[ignore = "cargo xtask fuzz"]
fn a_long_run_over_safetensors_files() {
    engine::long(&Reader);
}

#[test]
#[ignore = "cargo xtask fuzz"]
fn a_long_run_over_indices() {
    engine::long(&Index::new());
}

#[test]
fn what_was_found_is_fixed() {
    engine::found(&Reader);
    engine::found(&Index::new());
}
