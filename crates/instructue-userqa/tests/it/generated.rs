//! The whole path with six sources: generated users, a store, triples on disk.

use std::fs;
use std::path::Path;

use instructue_generate::{GenerateConfig, generate};
use instructue_schema::Schema;
use instructue_store::{IngestOptions, UserStore};
use instructue_userqa::{
    Error, MANIFEST_FILE, TRIPLES_FILE, UserQa, UserQaConfig, build, families, verify,
};

fn store(dir: &Path, config: &GenerateConfig) -> UserStore {
    let (data, store) = (dir.join("data"), dir.join("store"));
    generate(config, &data, &mut |_| {}).unwrap();
    let schema = Schema::load(&data.join("schema.toml")).unwrap();
    let options = IngestOptions {
        users_per_shard: 100,
        ..IngestOptions::default()
    };
    UserStore::ingest(&schema, &data, &store, &options, &mut |_| {})
        .unwrap()
        .0
}

fn generated() -> GenerateConfig {
    GenerateConfig {
        users: 400,
        seed: 2,
        hostile: 0.02,
        ..GenerateConfig::default()
    }
}

#[test]
fn triples_of_six_sources_hold_and_are_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &generated());
    let reference = generated().reference;
    let config = UserQaConfig {
        triples_per_user: 8,
        references: vec![reference.plus_days(-60), reference],
        ..UserQaConfig::default()
    };
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let report = build(&store, &config, &one, &mut |_| {}).unwrap();
    assert_eq!(report, build(&store, &config, &two, &mut |_| {}).unwrap());
    let read = |dir: &Path, name| fs::read(dir.join(name)).unwrap();
    assert_eq!(read(&one, TRIPLES_FILE), read(&two, TRIPLES_FILE));
    assert_eq!(read(&one, MANIFEST_FILE), read(&two, MANIFEST_FILE));

    let userqa = UserQa::open(&one).unwrap();
    let mut sources = std::collections::BTreeSet::new();
    for i in 0..store.shards() {
        let shard = store.shard(i).unwrap();
        for triple in userqa.shard(i).unwrap() {
            let history = shard.history(shard.find(&triple.user).unwrap());
            verify(
                &triple,
                &history,
                store.schema(),
                &userqa.manifest().thresholds,
            )
            .unwrap_or_else(|mismatch| panic!("{triple:?}: {mismatch}"));
            sources.extend(
                serde_json::from_str::<instructue_userqa::Facts>(&triple.facts)
                    .unwrap()
                    .source,
            );
        }
    }
    assert_eq!(sources.len(), 5, "{sources:?}");
    for family in families(store.schema()) {
        let counts = &report.families[&family.name];
        assert!(counts.triples > 0, "{}", family.name);
    }
    // Only bill has a number field, and no source has two category fields.
    assert_eq!(families(store.schema()).len(), 39);
    let error = userqa.shard(store.shards()).unwrap_err();
    assert!(matches!(error, Error::Shard { .. }), "{error}");
}

#[test]
fn unfinished_or_foreign_data_sets_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(
        dir.path(),
        &GenerateConfig {
            users: 60,
            ..generated()
        },
    );
    let config = UserQaConfig {
        triples_per_user: 8,
        references: vec![generated().reference],
        ..UserQaConfig::default()
    };
    let out = dir.path().join("userqa");
    build(&store, &config, &out, &mut |_| {}).unwrap();
    let manifest = fs::read_to_string(out.join(MANIFEST_FILE)).unwrap();

    let refused = |says: &str| {
        let error = UserQa::open(&out).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    let write = |text: &str| fs::write(out.join(MANIFEST_FILE), text).unwrap();
    write(&manifest[..manifest.len() / 2]);
    refused(MANIFEST_FILE);
    write(&manifest.replacen("\"shard_rows\": [", "\"shard_rows\": [ 7,", 1));
    refused("as under `seal`");
    // A changed manifest with a valid seal must still fit the data.
    let resigned = |key: &str, value: serde_json::Value| {
        write(&manifest);
        let path = out.join(MANIFEST_FILE);
        let mut changed: serde_json::Value = instructue_fs::read_sealed(&path, "it").unwrap();
        changed[key] = value;
        instructue_fs::write_sealed(&path, &changed).unwrap();
    };
    resigned("version", 9.into());
    refused("version is 9, expected 3");
    resigned("shard_rows", vec![7].into());
    refused("rows per row group");
    resigned("files", serde_json::json!({}));
    refused("an entry of the manifest");
    fs::remove_file(out.join(MANIFEST_FILE)).unwrap();
    refused(MANIFEST_FILE);
    write(&manifest);
    UserQa::open(&out).unwrap();
    let triples = fs::read(out.join(TRIPLES_FILE)).unwrap();
    fs::write(out.join(TRIPLES_FILE), &triples[..triples.len() - 9]).unwrap();
    refused(TRIPLES_FILE);
    for at in (0..triples.len()).step_by(triples.len().div_ceil(40)) {
        let mut changed = triples.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(out.join(TRIPLES_FILE), changed).unwrap();
        refused("SHA-256");
    }

    // A new build that fails leaves no manifest for half a file.
    fs::remove_file(out.join(TRIPLES_FILE)).unwrap();
    fs::create_dir(out.join(TRIPLES_FILE)).unwrap();
    build(&store, &config, &out, &mut |_| {}).unwrap_err();
    assert!(!out.join(MANIFEST_FILE).exists());
}
