//! Where the tests' runs compute, and with what of others.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use instructue_pipeline::Compute;

/// The device that the tests run on, with two passes at a time.
pub fn compute() -> Compute {
    Compute {
        device: Device::default(),
        replicas: 2,
    }
}

/// A file that a reference implementation made for the tests of a crate.
pub fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Copies what is in a directory, to another that may have files.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.unwrap().path(), to.to_path_buf());
        let to = to.join(from.file_name().unwrap());
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(&from, &to).unwrap()),
        }
    }
}
