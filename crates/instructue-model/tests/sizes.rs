//! Whatever numbers the files of a model directory declare: an answer of one line and
//! no more memory than the directory is worth. Manifests are made anew, as whoever
//! changes a file on purpose would.

#[path = "it/common/mod.rs"]
mod common;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::Module;
use burn::tensor::Device;
use common::{profiles, shard};
use instructue_fs::{Entry, read_sealed, write_sealed};
use instructue_model::LoraConfig;
use instructue_model::save::{MANIFEST, Manifest};
use instructue_model::{InstructUe, ModelConfig};
use instructue_schema::DataText;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What loading the small model and one pass may take.
const MOST: usize = 48 << 20;

/// One test at a time: the account is of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A model with everything that has a size.
fn saved(path: &Path) -> InstructUe {
    let preprocessor = common::preprocessor(&shard());
    let mut config = common::config(&preprocessor);
    let lora = LoraConfig {
        rank: 3,
        alpha: 6.0,
        dropout: 0.0,
    };
    (config.backbone_lora, config.encoder.lora) = (Some(lora), Some(lora));
    config.shared_encoder = false;
    config.backbone.tie_word_embeddings = false;
    let model = InstructUe::new(config, preprocessor, 3, &Device::default()).unwrap();
    model.save(path).unwrap();
    model
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Puts a text in the place of a file, and its digest into the manifest.
fn replace(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
    let mut manifest: Manifest = read_sealed(&dir.join(MANIFEST), "a manifest").unwrap();
    let entry = Entry::of(&dir.join(name)).unwrap();
    manifest.files.insert(name, entry);
    write_sealed(&dir.join(MANIFEST), &manifest).unwrap();
}

/// JSON pointers to all numbers, of lists to those of the first and the last element.
fn numbers(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Number(_) => out.push(at.into()),
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                numbers(value, &format!("{at}/{key}"), out);
            }
        }
        Value::Array(items) => {
            let ends = [0, items.len().saturating_sub(1)];
            for (place, item) in items.iter().enumerate() {
                if ends.contains(&place) {
                    numbers(item, &format!("{at}/{place}"), out);
                }
            }
        }
        _ => {}
    }
}

/// The text of `value` with another number at `pointer`; as text, because JSON has no
/// NaN.
fn with_number(value: &Value, pointer: &str, number: &str) -> String {
    const MARK: &str = "the number goes here";
    let mut value = value.clone();
    *value.pointer_mut(pointer).unwrap() = json!(MARK);
    value.to_string().replace(&format!("\"{MARK}\""), number)
}

/// Loads and, where that works, embeds.
fn used(dir: &Path) -> Result<(), String> {
    let model = InstructUe::load(dir, &Device::default()).map_err(|e| e.to_string())?;
    let shard = shard();
    let profiles = profiles(&model, &shard);
    let question = [Some(DataText::new("Will this user buy books?"))];
    let vectors = model.embed(&profiles[2..4], &question);
    vectors.map(drop).map_err(|e| e.to_string())
}

const NUMBERS: [&str; 13] = [
    "0",
    "1",
    "3",
    "1000000",
    "1000000000",
    "1000000000000",
    "9223372036854775807",
    "18446744073709551615",
    "-1",
    "0.5",
    "-1e300",
    "1e300",
    "NaN",
];

#[track_caller]
fn every_number(name: &str, least: usize) {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    saved(&path);
    used(&path).unwrap();
    let value = read(&path.join(name));
    let mut pointers = Vec::new();
    numbers(&value, "", &mut pointers);
    assert!(pointers.len() >= least, "{pointers:?}");
    let mut refused = 0;
    for pointer in &pointers {
        for number in NUMBERS {
            replace(&path, name, &with_number(&value, pointer, number));
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let result = catch_unwind(AssertUnwindSafe(|| used(&path)));
            let peak = MEMORY.peak_usage().saturating_sub(before);
            let case = format!("{name}{pointer} = {number}");
            let result = result.unwrap_or_else(|_| panic!("{case} panics"));
            assert!(peak < MOST, "{case} takes {peak} bytes: {result:?}");
            if let Err(message) = result {
                refused += 1;
                assert!(!message.contains('\n'), "{case}: {message}");
                assert!(message.len() < 2_000, "{case}: {message}");
            }
        }
    }
    let cases = pointers.len() * NUMBERS.len();
    assert!(refused > cases / 3, "{refused} of {cases} refused");
}

#[test]
fn no_number_of_the_configuration_takes_more_than_the_weights() {
    every_number("config.json", 30);
}

#[test]
fn no_number_of_the_preprocessor_does() {
    every_number("preprocessor.json", 20);
}

#[test]
fn a_part_that_is_too_large_is_named_with_both_numbers() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let model = saved(&path);
    let refusal = |change: &dyn Fn(&mut ModelConfig)| {
        let mut config = model.config().clone();
        change(&mut config);
        replace(
            &path,
            "config.json",
            &serde_json::to_string(&config).unwrap(),
        );
        let error = InstructUe::load(&path, &Device::default()).unwrap_err();
        error.to_string()
    };
    for (message, key) in [
        (refusal(&|c| c.backbone.hidden_size = 65_536), "backbone"),
        (
            refusal(&|c| c.backbone.num_hidden_layers = 1_000),
            "backbone",
        ),
        (refusal(&|c| c.backbone.vocab_size = 1 << 24), "backbone"),
        (
            refusal(&|c| c.backbone.head_dim = Some(100_000)),
            "backbone",
        ),
        (
            refusal(&|c| c.encoder.bert.intermediate_size = 100_000),
            "encoder.bert",
        ),
        (
            refusal(&|c| c.encoder.bert.max_position_embeddings = 1 << 24),
            "encoder.bert",
        ),
        (refusal(&|c| c.tabular.hidden = Some(100_000)), "tabular"),
        (refusal(&|c| c.head.hidden = 100_000), "head"),
    ] {
        let key = format!("`{key}`: expected sizes of no more than the ");
        assert!(message.contains(&key), "{message}");
        assert!(message.contains("model.safetensors"), "{message}");
    }
    let message = refusal(&|c| c.backbone_lora.as_mut().unwrap().rank = 1_000_000_000);
    assert!(message.contains("lora.rank"), "{message}");
    let message = refusal(&|c| c.backbone_lora.as_mut().unwrap().rank = 4_000);
    assert!(message.contains("`backbone`"), "{message}");
    let message = refusal(&|c| c.backbone.num_hidden_layers = 1_000_000_000);
    assert!(message.contains("`num_hidden_layers`"), "{message}");
    // What is not larger, only other, is found by tensor.
    let message = refusal(&|c| c.head.output = 64);
    assert!(message.contains("tensor `head"), "{message}");
}

/// The count that sizes are compared by is that of the network.
#[test]
fn declared_weights_are_those_of_the_network() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let model = saved(&path);
    let weights = path.join("model.safetensors");
    let sources = model.preprocessor().source_shapes();
    model.config().check_weights(&sources, &weights).unwrap();
    // One weight more than there is, part by part.
    let change: [fn(&mut ModelConfig); 6] = [
        |c| c.backbone.vocab_size += 1,
        |c| c.encoder.bert.vocab_size += 1,
        |c| c.tabular.width += 1,
        |c| c.head.output += 1,
        |c| c.backbone.num_hidden_layers += 1,
        |c| c.encoder.lora.as_mut().unwrap().rank += 1,
    ];
    for change in change {
        let mut config = model.config().clone();
        change(&mut config);
        config.check_weights(&sources, &weights).unwrap_err();
    }
    let network = model.network();
    let lora = model.config().backbone_lora;
    let declared = model.config().backbone.weights(lora.as_ref());
    assert_eq!(declared, network.backbone().num_params() as u128);
    let declared = model.config().encoder.bert.weights(lora.as_ref());
    assert_eq!(declared, network.encoders()[0].num_params() as u128);
}
