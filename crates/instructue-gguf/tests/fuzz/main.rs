//! Damaged and made-up GGUF files by the thousand: the reader answers with what
//! is in them or with one line, and takes memory as the file's size allows.
//!
//! `cargo xtask fuzz gguf` goes on for as long as it is told; what it finds is
//! fixed and put into `found/`.

mod engine;
mod files;
#[path = "../it/common/writer.rs"]
mod writer;

use std::path::Path;

use engine::{Random, Target, change_bytes};
use files::Files;
use instructue_gguf::{Gguf, Result};

struct Reader(Files);

impl Target for Reader {
    const NAME: &str = "gguf";
    const EXTENSION: &str = "gguf";

    fn case(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.0.draw(random);
        // Half of the made-up files stay as they were made.
        if random.one_in(2) {
            let other = self.0.draw(random);
            for _ in 0..=random.below(4) {
                change_bytes(random, &mut bytes, &other);
            }
        }
        bytes
    }

    fn read(&self, path: &Path, errors: &mut Vec<String>) {
        if let Err(error) = read_all(path, errors) {
            errors.push(error.to_string());
        }
    }

    fn read_on(&self, path: &Path) {
        if let Ok(tokenizer) = Gguf::open(path).and_then(|file| file.tokenizer()) {
            // Some vocabularies are refused there, such as one without bytes.
            if let Ok(tokenizer) = tokenizers::Tokenizer::from_bytes(tokenizer.json) {
                let _ = tokenizer.encode("Some text, 12 e\u{301} \u{1f600}", true);
            }
        }
    }
}

/// Uses everything that a file offers; errors of its parts are kept.
fn read_all(path: &Path, errors: &mut Vec<String>) -> Result<()> {
    let mut keep = |result: Result<()>| {
        if let Err(error) = result {
            errors.push(error.to_string());
        }
    };
    let mut file = Gguf::open(path)?;
    assert!(matches!(file.version(), 2 | 3));
    let names: Vec<String> = file.tensors().keys().cloned().collect();
    for name in &names {
        let info = file.tensor(name)?.clone();
        assert_eq!(info.elements, info.shape.iter().product::<usize>());
        let columns = info.shape[info.shape.len() - 1];
        let rows = info.elements / columns;
        let whole = file.read(name, &info.shape);
        if let Ok(values) = &whole {
            assert_eq!(values.len(), info.elements);
            let last = file.read_row(name, rows - 1)?;
            assert_eq!(last, values[values.len() - columns..]);
        }
        keep(whole.map(drop));
        assert!(file.read_row(name, rows).is_err());
        let mut other = info.shape;
        other.push(1);
        assert!(file.read(name, &other).is_err());
    }
    assert!(file.read("no such tensor", &[1]).is_err());
    for (key, value) in file.metadata() {
        assert!(value.to_string().len() < 1000);
        let readings = [
            file.text(key).is_ok(),
            file.size(key).is_ok(),
            file.float(key).is_ok(),
            file.flag(key).is_ok(),
            file.strings(key).is_ok(),
            file.integers(key).is_ok(),
        ];
        assert!(readings.iter().filter(|ok| **ok).count() <= 1, "{value}");
        if let Err(error) = file.text(key) {
            // Asked for as something else, it is described: that is a line too.
            let text = error.to_string();
            assert!(
                text.len() < 2000 && !text.contains(char::is_control),
                "{text}"
            );
        }
    }
    keep(file.tokenizer().map(drop));
    Ok(())
}

#[test]
fn a_short_run_finds_nothing() {
    engine::short(&Reader(Files::new()), 4000);
}

#[test]
#[ignore = "cargo xtask fuzz"]
fn a_long_run_over_gguf_files() {
    engine::long(&Reader(Files::new()));
}

#[test]
fn what_was_found_is_fixed() {
    engine::found(&Reader(Files::new()));
}
