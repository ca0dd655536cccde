//! Broken model directories: one readable error each.

mod common;

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use common::{model, shard};
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
    let message = broken(|path| {
        let file = path.join("model.safetensors");
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(
        message.contains("model.safetensors") && message.contains("SHA-256"),
        "{message}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let message = broken(|path| fs::remove_file(path.join("tokenizer.json")).unwrap());
    assert!(message.contains("tokenizer.json"), "{message}");
}

/// A manifest may come from anywhere: no file elsewhere is read for it.
#[test]
fn a_manifest_names_files_of_its_directory() {
    for name in [
        "../secret",
        "/etc/hostname",
        "..",
        "sub/model.safetensors",
        "",
    ] {
        let message = broken(|path| {
            fs::write(path.with_file_name("secret"), "hunter2").unwrap();
            let file = path.join("manifest.json");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replacen("config.json", name, 1)).unwrap();
        });
        assert!(
            message.contains("manifest.json") && message.contains("plain name"),
            "{name}: {message}"
        );
    }
}

#[test]
fn another_format_is_refused() {
    let message = broken(|path| {
        let file = path.join("manifest.json");
        let text = fs::read_to_string(&file)
            .unwrap()
            .replace("\"format\": 1", "\"format\": 99");
        fs::write(&file, text).unwrap();
    });
    assert!(message.contains("expected format 1, found 99"), "{message}");
}

#[test]
fn a_model_with_merged_factors_is_not_saved() {
    let device = Device::default();
    let shard = shard();
    let preparation = common::preparation(&shard);
    let mut config = common::config(&preparation);
    config.backbone_lora = Some(instructue_model::config::LoraSettings::default());
    let model = InstructUe::new(config, preparation, 3, &device).unwrap();
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
    let preparation = common::preparation(&shard());
    let entries = preparation.tokenizer().vocab_size();
    let expected = format!("a row for each of the tokenizer's {entries} entries, found");
    let refusal = |change: &dyn Fn(&mut ModelConfig)| {
        let mut config = common::config(&preparation);
        change(&mut config);
        let result = InstructUe::new(config, preparation.clone(), 3, &device);
        result.unwrap_err().to_string()
    };
    let message = refusal(&|config| config.backbone.vocab_size = entries - 1);
    assert!(message.contains("`backbone.vocab_size`"), "{message}");
    assert!(message.contains(&expected), "{message}");
    let message = refusal(&|config| config.encoder.bert.vocab_size = 7);
    assert!(message.contains("`encoder.bert.vocab_size`"), "{message}");
    assert!(message.contains(&format!("{expected} 7")), "{message}");

    // Published tables have more rows than the tokenizer has entries.
    let mut config = common::config(&preparation);
    config.backbone.vocab_size += 64;
    InstructUe::new(config, preparation, 3, &device).unwrap();
}
