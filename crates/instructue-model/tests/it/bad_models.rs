//! Broken model directories: one readable error each.

use crate::common;
use std::fs;
use std::path::Path;

use crate::common::{model, shard};
use burn::tensor::Device;
use instructue_model::{InstructUe, ModelConfig};

fn broken(spoil: impl FnOnce(&Path)) -> String {
    let device = Device::default();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    model(&shard(), &device).save(&path).unwrap();
    spoil(&path);
    InstructUe::load(&path, &device).unwrap_err().to_string()
}

#[test]
fn a_directory_without_manifest_is_no_model() {
    let message = broken(|path| fs::remove_file(path.join("manifest.json")).unwrap());
    assert!(message.contains("not a finished model") && message.contains("manifest.json"));
    let message = InstructUe::load(Path::new("no/such/model"), &Device::default())
        .unwrap_err()
        .to_string();
    assert!(message.contains("no such directory"), "{message}");
}

#[test]
fn a_changed_or_cut_file_is_found_by_its_digest() {
    for name in [
        "config.json",
        "schema.toml",
        "preprocessor.json",
        "tokenizer.json",
        "encoder_tokenizer.json",
        "model.safetensors",
    ] {
        let cut = broken(|path| {
            let bytes = fs::read(path.join(name)).unwrap();
            fs::write(path.join(name), &bytes[..bytes.len() / 2]).unwrap();
        });
        assert!(
            cut.contains(name) && cut.contains("bytes as in the manifest"),
            "{cut}"
        );
        let flipped = broken(|path| {
            let mut bytes = fs::read(path.join(name)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path.join(name), &bytes).unwrap();
        });
        assert!(
            flipped.contains(name) && flipped.contains("SHA-256"),
            "{flipped}"
        );
    }
    let flipped = broken(|path| {
        let text = fs::read_to_string(path.join("manifest.json")).unwrap();
        let changed = text.replacen("\"bytes\": ", "\"bytes\": 1", 1);
        fs::write(path.join("manifest.json"), changed).unwrap();
    });
    assert!(flipped.contains("as under `seal`"), "{flipped}");
}

/// Puts another value into the manifest, as whoever signs a change would.
fn resign(path: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let file = path.join("manifest.json");
    let mut manifest = instructue_fs::read_sealed(&file, "a manifest").unwrap();
    change(&mut manifest);
    instructue_fs::write_sealed(&file, &manifest).unwrap();
}

#[test]
fn a_manifest_without_files_vouches_for_none() {
    let message = broken(|path| resign(path, |manifest| manifest["files"] = serde_json::json!({})));
    assert!(message.contains("an entry of the manifest"), "{message}");
    // Nor is a file read that it does not name.
    let message = broken(|path| {
        fs::write(path.join("tokenizer_config.json"), "{\"eos_token\": \"x\"}").unwrap();
    });
    assert!(message.contains("tokenizer_config.json"), "{message}");
}

#[test]
fn a_missing_file_is_named() {
    let message = broken(|path| fs::remove_file(path.join("tokenizer.json")).unwrap());
    assert!(message.contains("tokenizer.json"), "{message}");
}

#[test]
fn another_format_is_refused() {
    let message = broken(|path| resign(path, |manifest| manifest["format"] = 99.into()));
    assert!(message.contains("expected format 4, found 99"), "{message}");
}

#[test]
fn a_model_takes_the_place_of_a_model_alone() {
    let message = |prepare: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        prepare(&path);
        let model = model(&shard(), &Device::default());
        let error = model.save(&path).unwrap_err().to_string();
        assert!(path.join("thesis.tex").is_file());
        error
    };
    let alone = message(&|path| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("thesis.tex"), "").unwrap();
    });
    assert!(
        alone.contains("a directory without manifest.json"),
        "{alone}"
    );
    let beside = message(&|path| {
        model(&shard(), &Device::default()).save(path).unwrap();
        fs::write(path.join("thesis.tex"), "").unwrap();
    });
    assert!(beside.contains("\"thesis.tex\" beside it"), "{beside}");
}

#[test]
fn a_model_with_merged_factors_is_not_saved() {
    let device = Device::default();
    let shard = shard();
    let preprocessor = common::preprocessor(&shard);
    let mut config = common::config(&preprocessor);
    config.backbone_lora = Some(instructue_model::LoraConfig::default());
    let model = InstructUe::new(config, preprocessor, 3, &device).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    model.save(&path).unwrap();
    let merged = model.network().backbone().clone().merge().unwrap();
    let network = model.network().clone().with_backbone(merged);
    let error = model.with_network(network).save(&path).unwrap_err();
    assert!(error.to_string().contains("unmerged"), "{error}");
    InstructUe::load(&path, &device).unwrap();
}

#[test]
fn a_tokenizer_with_more_entries_than_a_table_has_rows_is_refused() {
    let device = Device::default();
    let preprocessor = common::preprocessor(&shard());
    let entries = preprocessor.tokenizer().vocab_size();
    let expected = format!("a row for each of the tokenizer's {entries} entries, found");
    let refusal = |change: &dyn Fn(&mut ModelConfig)| {
        let mut config = common::config(&preprocessor);
        change(&mut config);
        let result = InstructUe::new(config, preprocessor.clone(), 3, &device);
        result.unwrap_err().to_string()
    };
    let message = refusal(&|config| config.backbone.vocab_size = entries - 1);
    assert!(message.contains("`backbone.vocab_size`"), "{message}");
    assert!(message.contains(&expected), "{message}");
    let message = refusal(&|config| config.encoder.bert.vocab_size = 7);
    assert!(message.contains("`encoder.bert.vocab_size`"), "{message}");
    assert!(message.contains(&format!("{expected} 7")), "{message}");

    // Published tables have more rows than the tokenizer has entries.
    let mut config = common::config(&preprocessor);
    config.backbone.vocab_size += 64;
    InstructUe::new(config, preprocessor, 3, &device).unwrap();
}
