//! Every triple of a real data set is verified against its history.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use instructue_schema::{Progress, Schema, Timestamp};
use instructue_store::{IngestOptions, UserStore};
use instructue_userqa::{
    Facts, Mismatch, Split, Triple, TripleKind, UserQa, UserQaConfig, build, families, verify,
};

fn data() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../data/complete-journey"
    ))
}

/// 2017-04-01, 2017-05-01, 2017-06-01 and, without a known future, 2017-09-15.
const REFERENCES: [Timestamp; 4] = [
    Timestamp(1_491_004_800),
    Timestamp(1_493_596_800),
    Timestamp(1_496_275_200),
    Timestamp(1_505_433_600),
];

fn store(dir: &Path) -> UserStore {
    let schema = Schema::load(&data().join("schema.toml")).unwrap();
    let options = IngestOptions {
        users_per_shard: 500,
        ..IngestOptions::default()
    };
    let ingested = UserStore::ingest(&schema, &data(), &dir.join("store"), &options, &mut |_| {});
    ingested.unwrap().0
}

#[test]
fn all_triples_hold() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let schema = store.schema();
    let config = UserQaConfig {
        triples_per_user: 8,
        seed: 1,
        references: REFERENCES.to_vec(),
        ..UserQaConfig::default()
    };
    let out = dir.path().join("userqa");
    let mut steps = Vec::new();
    let report = build(&store, &config, &out, &mut |step| steps.push(step)).unwrap();
    let all = 2 * store.shards();
    let counted = (1..=all).map(|done| Progress::of(done, all));
    assert_eq!(steps, counted.collect::<Vec<_>>());

    let userqa = UserQa::open(&out).unwrap();
    let manifest = userqa.manifest();
    assert_eq!(manifest.report, report);
    assert_eq!(manifest.store, store.fingerprint());
    assert_eq!(userqa.shards(), store.shards());
    assert_eq!(report.references_without_future, [REFERENCES[3]]);

    let mut triples = Vec::new();
    for i in 0..store.shards() {
        let shard = store.shard(i).unwrap();
        for triple in userqa.shard(i).unwrap() {
            assert_eq!(triple.shard as usize, i);
            let history = shard.history(shard.find(&triple.user).unwrap());
            verify(&triple, &history, schema, &manifest.thresholds)
                .unwrap_or_else(|mismatch| panic!("{triple:?}: {mismatch}"));
            check_text(&triple);
            triples.push(triple);
        }
    }
    assert_eq!(triples.len() as u64, report.triples);
    // A user has some 8 triples at each reference time. Users outside training have some 2 more.
    let pairs = report.users * 4 - report.without_events;
    assert!(
        (8.3..8.9).contains(&(report.triples as f64 / pairs as f64)),
        "{}",
        report.triples
    );

    // Every family that the schema allows occurs, in each of its wordings.
    for family in families(schema) {
        let counts = &report.families[&family.name];
        assert_eq!(counts.kind, family.kind);
        for (wording, count) in counts.wordings.iter().enumerate() {
            assert!(
                *count > 0,
                "{} {wording}: {}",
                family.name,
                family.wordings[wording]
            );
        }
        // A held-out family has not a single triple for training.
        assert_eq!(counts.train == 0, counts.held_out, "{}", family.name);
        assert!(counts.test > 0, "{}", family.name);
    }
    for triple in &triples {
        assert!(!(triple.held_out && triple.split == Split::Train));
        if triple.reference == REFERENCES[3] {
            assert_eq!(triple.kind, TripleKind::Past);
        }
    }
    // Yes and no are balanced where X can be chosen.
    let [yes, no] = report.families["will_value"].yes_no;
    assert!(
        (0.8..1.25).contains(&(yes as f64 / no as f64)),
        "{yes} yes, {no} no"
    );
    let auc = text_alone(&triples);
    assert!(auc < 0.58, "the value named tells the answer: AUC {auc}");
}

fn check_text(triple: &Triple) {
    for text in [&triple.instruction, &triple.answer] {
        assert!(!text.contains(['{', '}', '\n']), "{text}");
        assert!(text.ends_with(['?', '.']), "{text}");
        assert!(text.starts_with(|c: char| !c.is_lowercase()), "{text}");
    }
    assert!(
        triple.answer.split_whitespace().count() <= 32,
        "{}",
        triple.answer
    );
}

/// The AUC with which the named field and value alone predict the answer of `will_value`. Rates
/// come from training users and are tested on the others.
fn text_alone(triples: &[Triple]) -> f64 {
    let mut rates: BTreeMap<(Option<String>, Option<String>), (f64, f64)> = BTreeMap::new();
    let mut test = Vec::new();
    for triple in triples
        .iter()
        .filter(|triple| triple.family == "will_value")
    {
        let facts: Facts = serde_json::from_str(&triple.facts).unwrap();
        let yes = f64::from(u8::from(triple.answer.starts_with("Yes,")));
        if triple.split == Split::Train {
            let rate = rates.entry((facts.field, facts.value)).or_default();
            *rate = (rate.0 + yes, rate.1 + 1.0);
        } else {
            test.push(((facts.field, facts.value), yes));
        }
    }
    let score = |key| {
        rates
            .get(key)
            .map_or(0.5, |(yes, all)| (yes + 1.0) / (all + 2.0))
    };
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (a, _) in test.iter().filter(|(_, yes)| *yes > 0.0) {
        for (b, _) in test.iter().filter(|(_, yes)| *yes == 0.0) {
            let (a, b): (f64, f64) = (score(a), score(b));
            pairs += 1.0;
            wins += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / pairs
}

#[test]
fn changed_triples_are_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let config = UserQaConfig {
        triples_per_user: 8,
        references: vec![REFERENCES[0]],
        ..UserQaConfig::default()
    };
    build(&store, &config, &dir.path().join("userqa"), &mut |_| {}).unwrap();
    let userqa = UserQa::open(&dir.path().join("userqa")).unwrap();
    let shard = store.shard(0).unwrap();
    let thresholds = &userqa.manifest().thresholds;
    let triples = userqa.shard(0).unwrap();
    let check =
        |triple: &Triple, user| verify(triple, &shard.history(user), store.schema(), thresholds);
    for triple in triples
        .iter()
        .filter(|triple| triple.family == "total_level")
        .take(20)
    {
        let user = shard.find(&triple.user).unwrap();
        check(triple, user).unwrap();
        let differs = |change: &dyn Fn(&mut Triple)| {
            let mut changed = triple.clone();
            change(&mut changed);
            check(&changed, user).unwrap_err()
        };
        let part = |mismatch: Mismatch| match mismatch {
            Mismatch::Differs { part, .. } => part,
            other => panic!("{other}"),
        };
        assert_eq!(part(differs(&|triple| triple.answer.push('!'))), "answer");
        assert_eq!(
            part(differs(&|triple| triple.instruction.push('!'))),
            "instruction"
        );
        assert_eq!(
            part(differs(&|triple| triple.wording = (triple.wording + 1) % 5)),
            "instruction"
        );
        assert_eq!(
            part(differs(&|triple| triple.kind = TripleKind::Future)),
            "kind"
        );
        assert_eq!(
            part(differs(
                &|triple| triple.facts = triple.facts.replace("\"days\":180", "\"days\":181")
            )),
            "days"
        );
        assert_eq!(
            part(differs(
                &|triple| triple.facts = triple.facts.replace("\"band\":", "\"band\":1")
            )),
            "facts"
        );
        let gone = differs(&|triple| triple.reference = Timestamp(0));
        assert!(matches!(gone, Mismatch::NotApplicable { .. }), "{gone}");
        let wrong = differs(&|triple| triple.wording = 99);
        assert!(matches!(wrong, Mismatch::NotApplicable { .. }), "{wrong}");
        let wrong = differs(&|triple| triple.facts = "{}".into());
        assert!(matches!(wrong, Mismatch::Facts { .. }), "{wrong}");
        let wrong = differs(&|triple| triple.facts = triple.facts.replace("\"bill\"", "\"hill\""));
        assert!(
            matches!(wrong, Mismatch::Schema { what: "source", .. }),
            "{wrong}"
        );
        let wrong = differs(&|triple| triple.family = "horoscope".into());
        assert!(matches!(wrong, Mismatch::Family { .. }), "{wrong}");
        let wrong = check(triple, (user + 1) % shard.len()).unwrap_err();
        assert!(matches!(wrong, Mismatch::User { .. }), "{wrong}");
    }
}
