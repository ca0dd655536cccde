//! Every triple of a real data set, checked against the histories it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use instructue_data::{IngestOptions, UserStore};
use instructue_schema::{Schema, Timestamp};
use instructue_userqa::{Facts, Finding, Split, TripleKind, UserQa, UserQaConfig, build, families, verify};

fn data() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/complete-journey"))
}

/// 2017-04-01, 2017-05-01 and 2017-06-01: their horizons end before July.
const REFERENCES: [Timestamp; 3] =
    [Timestamp(1_491_004_800), Timestamp(1_493_596_800), Timestamp(1_496_275_200)];

#[test]
fn all_triples_hold() {
    let dir = tempfile::tempdir().unwrap();
    let schema = Schema::load(&data().join("schema.toml")).unwrap();
    let options = IngestOptions { users_per_shard: 500, ..IngestOptions::default() };
    let (store, _) =
        UserStore::ingest(&schema, &data(), &dir.path().join("store"), &options, &mut |_| {})
            .unwrap();
    let config =
        UserQaConfig { seed: 1, references: REFERENCES.to_vec(), ..UserQaConfig::default() };
    let out = dir.path().join("userqa");
    let started = std::time::Instant::now();
    let report = build(&store, &config, &out, &mut |_, _| {}).unwrap();
    println!("{:?} for {} triples, {} without", started.elapsed(), report.triples, report.without_events);
    let userqa = UserQa::open(&out).unwrap();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut longest = (0, String::new());
    for i in 0..store.shards() {
        let shard = store.shard(i).unwrap();
        for triple in userqa.shard(i).unwrap() {
            let history = shard.history(shard.find(&triple.user).unwrap());
            verify(&triple, &history, &schema, &userqa.manifest().thresholds).unwrap();
            let n = seen.entry(triple.family.clone()).or_default();
            *n += 1;
            if *n % 97 < 3 {
                println!("{} | {} | {}", triple.family, triple.instruction, triple.answer);
            }
            let words = triple.answer.split_whitespace().count();
            if words > longest.0 {
                longest = (words, triple.answer.clone());
            }
        }
    }
    println!("{longest:?}");
    for (name, counts) in &report.families {
        println!("{name} {} {:?} {:?}", counts.triples, counts.yes_no, counts.wordings);
    }
}
