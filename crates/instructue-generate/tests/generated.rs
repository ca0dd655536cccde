//! The content of the written files: it is the same for equal seeds whatever the chunks, and
//! traits show in their own sources and nowhere else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use instructue_generate::{Error, GenerateConfig, Trait, generate, traits_of};
use instructue_schema::{Progress, Schema, SourceKind, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const SOURCES: [&str; 6] = ["bill", "minipro", "spm", "app", "search", "tabular"];

fn made(config: &GenerateConfig) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    generate(config, dir.path(), &mut |_| {}).unwrap();
    dir
}

fn read(dir: &Path, name: &str) -> RecordBatch {
    let file = File::open(dir.join(format!("{name}.parquet"))).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn neither_chunks_nor_further_users_change_content() {
    let config = GenerateConfig {
        users: 230,
        seed: 11,
        hostile: 0.05,
        ..GenerateConfig::default()
    };
    let whole = made(&config);
    let parts = made(&GenerateConfig {
        chunk_users: 7,
        ..config.clone()
    });
    let fewer = made(&GenerateConfig {
        users: 100,
        ..config.clone()
    });
    let other = made(&GenerateConfig {
        seed: 12,
        ..config.clone()
    });
    for name in SOURCES.into_iter().chain(["labels"]) {
        let all = read(whole.path(), name);
        assert_eq!(all, read(parts.path(), name), "{name}");
        let head = read(fewer.path(), name);
        assert_eq!(all.slice(0, head.num_rows()), head, "{name}");
        assert_ne!(all, read(other.path(), name), "{name}");
    }
    for name in ["schema.toml", "tasks.toml", "truth.json"] {
        let text = |dir: &Path| fs::read_to_string(dir.join(name)).unwrap();
        assert_eq!(text(whole.path()), text(parts.path()), "{name}");
    }
}

#[test]
fn files_are_as_declared_sorted_and_within_the_time_range() {
    let config = GenerateConfig {
        users: 120,
        events_per_user: 60.0,
        ..GenerateConfig::default()
    };
    let dir = made(&config);
    let schema = Schema::load(&dir.path().join("schema.toml")).unwrap();
    assert_eq!(schema, Schema::default_six());
    let from = config.reference.plus_days(-i64::from(config.history_days));
    let to = config.reference.plus_days(config.future_days.into());
    for source in &schema.sources {
        let batch = read(dir.path(), &source.name);
        assert_eq!(
            batch.schema().fields(),
            source.arrow_schema().fields(),
            "{}",
            source.name
        );
        let keys: Vec<(String, Timestamp)> =
            rows(&batch).map(|(user, time, _)| (user, time)).collect();
        assert!(keys.is_sorted(), "{}", source.name);
        assert!(
            keys.iter().all(|(_, time)| (from..to).contains(time)),
            "{}",
            source.name
        );
        if source.kind == SourceKind::Events {
            assert!(
                keys.iter().any(|(_, time)| *time >= config.reference),
                "{}",
                source.name
            );
        }
    }
    // The number of events is about as configured: the shares of noise and traits add up.
    let events: usize = SOURCES[..5]
        .iter()
        .map(|name| read(dir.path(), name).num_rows())
        .sum();
    let periods = f64::from(config.history_days + config.future_days) / 90.0;
    let each = events as f64 / config.users as f64 / periods;
    // Quiet weekends remove about a tenth, leaving users some more.
    assert!((42.0..62.0).contains(&each), "{each}");
}

#[test]
fn hostile_texts_occur_as_often_as_asked() {
    let config = GenerateConfig {
        users: 60,
        hostile: 0.1,
        ..GenerateConfig::default()
    };
    let texts = |dir: &Path| -> Vec<String> {
        let batch = read(dir, "bill");
        let column = batch
            .column_by_name("counterparty")
            .unwrap()
            .as_string::<i32>()
            .clone();
        (0..column.len())
            .map(|i| column.value(i).to_owned())
            .collect()
    };
    let hostile = |texts: &[String]| {
        let odd = |text: &&String| {
            text.contains("[SEP]")
                || text.contains("</bill>")
                || text.contains("<USER>")
                || text.chars().count() == 500
        };
        texts.iter().filter(odd).count() as f64 / texts.len() as f64
    };
    let share = hostile(&texts(made(&config).path()));
    // 4 of the 19 texts.
    assert!((share - 0.1 * 4.0 / 19.0).abs() < 0.01, "{share}");
    let none = made(&GenerateConfig {
        hostile: 0.0,
        ..config
    });
    assert_eq!(hostile(&texts(none.path())), 0.0);
}

#[test]
fn each_trait_shows_in_its_sources_and_in_no_other() {
    let config = GenerateConfig {
        users: 1500,
        seed: 3,
        noise: 0.8,
        ..GenerateConfig::default()
    };
    let dir = made(&config);
    let scores = scores(dir.path(), config.reference);
    let labels: Vec<_> = (0..config.users)
        .map(|user| traits_of(config.seed, user))
        .collect();
    for (of, source, score) in &scores {
        assert!(of.info().sources.contains(source), "{of:?} in {source}");
        let values: Vec<f64> = (0..config.users)
            .map(|user| {
                score
                    .get(&instructue_generate::user_id(user))
                    .copied()
                    .unwrap_or(0.0)
            })
            .collect();
        for other in Trait::ALL {
            let holds: Vec<bool> = labels.iter().map(|traits| traits[other as usize]).collect();
            let auc = auc(&values, &holds);
            if other == *of {
                assert!(auc > 0.85, "{of:?} by {source}: {auc}");
            } else {
                // The standard error is about 0.017.
                assert!(
                    (auc - 0.5).abs() < 0.07,
                    "{other:?} by {source} for {of:?}: {auc}"
                );
            }
        }
    }
}

/// One simple rule per trait and source: a score per user from the events before the reference
/// time.
fn scores(dir: &Path, reference: Timestamp) -> Vec<(Trait, &'static str, BTreeMap<String, f64>)> {
    let share = |source: &str, holds: &dyn Fn(&str, Timestamp) -> bool| {
        let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (user, time, text) in rows(&read(dir, source)) {
            if time < reference {
                let entry = counts.entry(user).or_default();
                entry.0 += f64::from(u8::from(holds(&text, time)));
                entry.1 += 1.0;
            }
        }
        counts
            .into_iter()
            .map(|(user, (part, all))| (user, part / all))
            .collect()
    };
    let has = |words: &'static [&'static str]| {
        move |text: &str, _: Timestamp| words.iter().any(|word| text.contains(word))
    };
    let mut spent: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let bill = read(dir, "bill");
    let amounts = bill
        .column_by_name("amount")
        .unwrap()
        .as_primitive::<Float64Type>();
    for (i, (user, time, _)) in rows(&bill).enumerate() {
        if time < reference {
            let entry = spent.entry(user).or_default();
            entry.0 -= amounts.value(i).ln();
            entry.1 += 1.0;
        }
    }
    let cheap = spent
        .into_iter()
        .map(|(user, (sum, n))| (user, sum / n))
        .collect();
    let mut fading: BTreeMap<String, f64> = BTreeMap::new();
    for (user, time, _) in rows(&read(dir, "minipro")) {
        let ago = reference.days_since(time);
        if (0.0..100.0).contains(&ago) {
            *fading.entry(user).or_default() += if ago < 20.0 { -4.0 } else { 1.0 };
        }
    }
    vec![
        (Trait::PetOwner, "bill", share("bill", &has(&["Pet Care"]))),
        (
            Trait::PetOwner,
            "search",
            share("search", &has(&["dog", "cat ", "puppy", "vet", "rabbit"])),
        ),
        (
            Trait::Parent,
            "minipro",
            share(
                "minipro",
                &has(&["School Payments", "Childcare Booking", "Homework Helper"]),
            ),
        ),
        (Trait::Traveller, "spm", share("spm", &has(&["travel"]))),
        (
            Trait::NightOwl,
            "app",
            share("app", &|_, time| time.hour() < 5),
        ),
        (
            Trait::Gamer,
            "app",
            share("app", &has(&["Star", "Castle", "Puzzle", "Kart"])),
        ),
        (Trait::PriceSensitive, "bill", cheap),
        (Trait::Leaving, "minipro", fading),
        (
            Trait::Commuter,
            "minipro",
            share(
                "minipro",
                &has(&["Transit Card", "Train Timetable", "Bike Share"]),
            ),
        ),
    ]
}

/// The user, time and all text columns of each row.
fn rows(batch: &RecordBatch) -> impl Iterator<Item = (String, Timestamp, String)> {
    let users = batch.column_by_name("user_id").unwrap().as_string::<i32>();
    let times = batch.column_by_name("time").unwrap();
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let texts: Vec<_> = batch.columns()[1..]
        .iter()
        .filter_map(|c| c.as_string_opt::<i32>())
        .collect();
    (0..batch.num_rows()).map(move |i| {
        let text: Vec<&str> = texts.iter().map(|column| column.value(i)).collect();
        (
            users.value(i).to_owned(),
            Timestamp(times.value(i) / 1_000_000),
            text.join(" | "),
        )
    })
}

/// The area under the ROC curve. Ties count half.
fn auc(scores: &[f64], holds: &[bool]) -> f64 {
    let mut wins = 0.0;
    let mut pairs = 0.0;
    for (a, _) in scores.iter().zip(holds).filter(|(_, holds)| **holds) {
        for (b, _) in scores.iter().zip(holds).filter(|(_, holds)| !**holds) {
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
fn leaving_users_are_gone_from_the_reference_on() {
    let config = GenerateConfig {
        users: 400,
        ..GenerateConfig::default()
    };
    let dir = made(&config);
    let mut last: BTreeMap<String, Timestamp> = BTreeMap::new();
    for (user, time, _) in rows(&read(dir.path(), "bill")) {
        last.insert(user, time);
    }
    let gone = |leaving: bool| {
        let users: Vec<u64> = (0..config.users)
            .filter(|user| traits_of(config.seed, *user)[Trait::Leaving as usize] == leaving)
            .collect();
        let gone = users.iter().filter(|user| {
            last.get(&instructue_generate::user_id(**user))
                .is_none_or(|t| *t < config.reference)
        });
        gone.count() as f64 / users.len() as f64
    };
    assert!(
        gone(true) > 0.6 && gone(false) < 0.15,
        "{} {}",
        gone(true),
        gone(false)
    );
}

#[test]
fn the_manifest_comes_last_and_failures_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = GenerateConfig {
        noise: 1.0,
        ..GenerateConfig::default()
    };
    let error = generate(&wrong, dir.path(), &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, Error::Config { field, .. } if field == "noise"),
        "{error}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    let config = GenerateConfig {
        users: 10,
        chunk_users: 4,
        ..GenerateConfig::default()
    };
    let mut heard = Vec::new();
    let report = generate(&config, dir.path(), &mut |step| {
        // No file is in place before the end.
        assert!(!dir.path().join("bill.parquet").exists());
        heard.push(step);
    });
    assert_eq!(heard, [4, 8, 10].map(|done| Progress::of(done, 10)));
    let manifest = fs::read_to_string(dir.path().join("manifest.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&manifest).unwrap()["config"]["users"],
        10
    );
    assert_eq!(report.unwrap().rows["labels"], 10);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 7 + 4);

    // A file stands where the directory should be.
    let file = dir.path().join("bill.parquet");
    let error = generate(&config, &file, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("bill.parquet"), "{error}");
}

#[test]
fn evaluation_reads_the_tasks() {
    let config = GenerateConfig {
        users: 20,
        ..GenerateConfig::default()
    };
    let dir = made(&config);
    let set = instructue_eval::TaskSet::load(&dir.path().join("tasks.toml")).unwrap();
    set.check_against(&Schema::default_six()).unwrap();
    assert_eq!(set.reference, config.reference);
    assert_eq!(set.tasks.len(), Trait::ALL.len() + 4);
    let truth = fs::read_to_string(dir.path().join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    for (task, truth) in set.tasks.iter().zip(truth["tasks"].as_array().unwrap()) {
        assert_eq!(truth["task"], task.name.as_str());
        assert_eq!(truth["instructions"][0], task.instruction.as_str());
        assert!(!truth["sources"].as_array().unwrap().is_empty());
    }
    assert_eq!(truth["generated"], true);
}
