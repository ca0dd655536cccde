//! The event-vector cache: what is known is not encoded again, what is damaged is
//! not trusted, and nobody meets another's vectors.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;

use burn::backend::DispatchDevice;
use burn::prelude::*;
use common::{distance, golden, tiny};
use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, TextKey, VectorCache};
use instructue_encoders::{Error, LoraConfig, Pooling, TextEncoder};

const WIDTH: usize = 3;

fn space(encoder: &str) -> CacheSpace {
    CacheSpace {
        encoder: Digest::of(encoder),
        tokenizer: Digest::of("tokenizer"),
        width: WIDTH,
    }
}

fn in_dir(dir: &Path) -> CacheConfig {
    CacheConfig::in_dir(dir)
}

fn open(dir: &Path) -> VectorCache {
    VectorCache::open(&in_dir(dir), space("a")).unwrap()
}

/// What an encoder would say of text number `i`.
fn vector(i: usize) -> [f32; WIDTH] {
    [i as f32 + 0.1, -(i as f32), 1.0 / (i as f32 + 3.0)]
}

/// Asks for texts by number; returns the vectors and how many were encoded.
fn ask(cache: &VectorCache, texts: &[usize]) -> (Vec<f32>, usize) {
    let keys: Vec<TextKey> = texts
        .iter()
        .map(|i| TextKey::of_text(&format!("text {i}")))
        .collect();
    let mut encoded = 0;
    let vectors = cache.vectors(&keys, |places| {
        encoded = places.len();
        Ok::<_, Error>(places.iter().flat_map(|&p| vector(texts[p])).collect())
    });
    (vectors.unwrap(), encoded)
}

fn expected(texts: &[usize]) -> Vec<f32> {
    texts.iter().flat_map(|&i| vector(i)).collect()
}

/// The files of a cache folder that hold entries, sorted.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for space in fs::read_dir(dir).unwrap() {
        for file in fs::read_dir(space.unwrap().path()).unwrap() {
            found.push(file.unwrap().path());
        }
    }
    found.sort();
    found
}

#[test]
fn each_distinct_text_is_encoded_once_and_order_is_kept() {
    let cache = VectorCache::open(&CacheConfig::default(), space("a")).unwrap();
    let texts = [4, 7, 4, 1, 7, 7];
    assert_eq!(ask(&cache, &texts), (expected(&texts), 3));
    let texts = [1, 9, 4, 9];
    assert_eq!(ask(&cache, &texts), (expected(&texts), 1));
    assert_eq!(ask(&cache, &[]), (vec![], 0));
    let metrics = cache.metrics();
    assert_eq!((metrics.hits, metrics.misses), (6, 4));
    assert_eq!(metrics.hit_rate(), Some(0.6));
    assert_eq!((metrics.entries, metrics.dropped), (4, 0));
}

#[test]
fn a_second_run_has_all_hits_and_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<usize> = (0..500).map(|i| i * i % 137).collect();
    let first = ask(&open(dir.path()), &texts);
    assert!(first.1 > 10);
    let again = open(dir.path());
    let second = ask(&again, &texts);
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&first.0), bits(&second.0));
    assert_eq!(second.1, 0);
    assert_eq!(again.metrics().hit_rate(), Some(1.0));
    assert!(again.faults().is_empty());
    // A run that learns nothing writes nothing.
    let before = segments(dir.path());
    drop(again);
    assert_eq!(segments(dir.path()), before);
}

#[test]
fn another_encoder_tokenizer_or_width_meets_no_old_entry() {
    let dir = tempfile::tempdir().unwrap();
    ask(&open(dir.path()), &[1, 2, 3]);
    let other_tokenizer = CacheSpace {
        tokenizer: Digest::of("another"),
        ..space("a")
    };
    for other in [space("b"), other_tokenizer] {
        let cache = VectorCache::open(&in_dir(dir.path()), other).unwrap();
        assert_eq!(cache.metrics().entries, 0);
        assert_eq!(ask(&cache, &[1, 2]).1, 2);
    }
    let wider = CacheSpace {
        width: 2 * WIDTH,
        ..space("a")
    };
    let cache = VectorCache::open(&in_dir(dir.path()), wider).unwrap();
    assert_eq!(cache.metrics().entries, 0);
    // The first one's are still there.
    assert_eq!(ask(&open(dir.path()), &[1, 2, 3]).1, 0);
}

#[test]
fn a_segment_of_another_encoder_in_the_wrong_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    ask(&open(dir.path()), &[1, 2, 3]);
    let [old] = &segments(dir.path())[..] else {
        panic!("one segment");
    };
    let cache = VectorCache::open(&in_dir(dir.path()), space("b")).unwrap();
    ask(&cache, &[50]);
    cache.flush().unwrap();
    let new = segments(dir.path());
    let new = new.iter().find(|path| *path != old).unwrap();
    fs::copy(old, new.parent().unwrap().join(old.file_name().unwrap())).unwrap();
    let cache = VectorCache::open(&in_dir(dir.path()), space("b")).unwrap();
    assert!(cache.faults()[0].reason.contains("another's"));
    assert_eq!(ask(&cache, &[1, 50]), (expected(&[1, 50]), 1));
}

#[test]
fn a_file_torn_at_any_length_is_reported_and_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let texts = [1, 2, 3];
    ask(&open(dir.path()), &texts);
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.len(), 48 + 3 * (32 + 4 * WIDTH) + 4);
    for length in 0..=whole.len() + 1 {
        for path in segments(dir.path()) {
            fs::remove_file(path).unwrap();
        }
        let mut bytes = whole.clone();
        bytes.resize(length, 0);
        fs::write(&path, &bytes).unwrap();
        let cache = open(dir.path());
        if length == whole.len() {
            assert!(cache.faults().is_empty());
            continue;
        }
        assert_eq!(cache.metrics().faults, 1, "{length} bytes");
        assert_eq!(cache.faults()[0].path, path);
        assert_eq!(cache.metrics().entries, 0, "{length} bytes");
        assert!(!path.exists(), "{length} bytes");
        assert_eq!(ask(&cache, &texts), (expected(&texts), 3));
        drop(cache);
        let rebuilt = open(dir.path());
        assert!(rebuilt.faults().is_empty());
        assert_eq!(ask(&rebuilt, &texts), (expected(&texts), 0));
    }
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    ask(&open(dir.path()), &[1, 2]);
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&path, &bytes).unwrap();
        let cache = open(dir.path());
        assert_eq!(cache.metrics().faults, 1, "byte {place}");
        assert_eq!(cache.metrics().entries, 0, "byte {place}");
    }
    // A wild count with its checksum in order.
    let mut bytes = whole[..whole.len() - 4].to_vec();
    bytes[40..48].fill(0xff);
    let sum = crc32c::crc32c(&bytes);
    bytes.extend(sum.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    assert!(open(dir.path()).faults()[0].reason.contains("another size"));
}

#[test]
fn files_of_others_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    ask(&open(dir.path()), &[1]);
    let space = segments(dir.path()).remove(0);
    let space = space.parent().unwrap();
    let notes = [
        dir.path().join("notes.segment"),
        space.join("notes.txt"),
        dir.path().join("more/notes.segment"),
    ];
    fs::create_dir(dir.path().join("more")).unwrap();
    for note in &notes {
        fs::write(note, [7; 4096]).unwrap();
    }
    let small = CacheConfig {
        max_bytes: 1000,
        ..in_dir(dir.path())
    };
    let cache = VectorCache::open(&small, self::space("a")).unwrap();
    let texts: Vec<usize> = (0..100).collect();
    ask(&cache, &texts);
    drop(cache);
    assert!(notes.iter().all(|note| note.exists()));
    assert!(open(dir.path()).faults().is_empty());
}

#[test]
fn memory_and_folder_keep_the_bound_and_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let entry = (32 + 4 * WIDTH) as u64;
    let config = CacheConfig {
        max_bytes: 4000,
        ..in_dir(dir.path())
    };
    let size = || -> u64 {
        let files = segments(dir.path()).into_iter();
        files.map(|path| fs::metadata(path).unwrap().len()).sum()
    };
    let cache = VectorCache::open(&config, space("a")).unwrap();
    for from in (0..1000).step_by(10) {
        let texts: Vec<usize> = (from..from + 10).collect();
        assert_eq!(ask(&cache, &texts), (expected(&texts), 10));
        let metrics = cache.metrics();
        assert!(metrics.bytes <= 4000 && metrics.bytes == metrics.entries * entry);
        assert_eq!(metrics.entries + metrics.dropped, from as u64 + 10);
        assert!(size() <= 4000);
    }
    assert!(cache.metrics().dropped_files > 0);
    // More than half of what fits is there, and it is the newest.
    let texts: Vec<usize> = (955..1000).collect();
    assert_eq!(ask(&cache, &texts).1, 0);
    assert_eq!(ask(&cache, &[0]).1, 1);
    drop(cache);
    let again = VectorCache::open(&config, space("a")).unwrap();
    assert_eq!(ask(&again, &texts[10..]).1, 0);
    // Another encoder's entries count, too, and push out the older ones.
    let other = VectorCache::open(&config, space("b")).unwrap();
    for from in (0..1000).step_by(10) {
        ask(&other, &(from..from + 10).collect::<Vec<_>>());
        assert!(size() <= 4000);
    }
    drop(other);
    let again = VectorCache::open(&config, space("a")).unwrap();
    assert_eq!(again.metrics().entries, 0);
}

#[test]
fn a_smaller_bound_holds_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = |max_bytes| CacheConfig {
        max_bytes,
        ..in_dir(dir.path())
    };
    let cache = VectorCache::open(&config(100_000), space("a")).unwrap();
    for from in (0..400).step_by(10) {
        ask(&cache, &(from..from + 10).collect::<Vec<_>>());
        cache.flush().unwrap();
    }
    drop(cache);
    let cache = VectorCache::open(&config(5_000), space("a")).unwrap();
    assert!(cache.metrics().bytes <= 5_000 && cache.metrics().entries > 50);
    let texts: Vec<usize> = (350..400).collect();
    assert_eq!(ask(&cache, &texts).1, 0);
    let error = VectorCache::open(&config(100), space("a")).unwrap_err();
    assert!(error.to_string().contains("`max_bytes` is 100"), "{error}");
}

#[test]
fn two_caches_of_one_folder_write_at_once_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            let (start, dir) = (&start, dir.path());
            scope.spawn(move || {
                let cache = open(dir);
                start.wait();
                for round in 0..25 {
                    // A part that all ask for, a part of each one's own.
                    let own = 1000 * (thread + 1) + round;
                    let texts = [round, own, round + 1];
                    assert_eq!(ask(&cache, &texts).0, expected(&texts));
                    cache.flush().unwrap();
                }
                assert!(cache.faults().is_empty());
            });
        }
    });
    let cache = open(dir.path());
    assert!(cache.faults().is_empty());
    assert_eq!(cache.metrics().entries, 26 + 4 * 25);
    for thread in 0..4 {
        let texts: Vec<usize> = (0..25).map(|round| 1000 * (thread + 1) + round).collect();
        assert_eq!(ask(&cache, &texts), (expected(&texts), 0));
    }
}

#[test]
fn threads_share_one_cache() {
    let cache = VectorCache::open(&CacheConfig::default(), space("a")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..50 {
                    let texts = [round, round + thread, 7 * round];
                    assert_eq!(ask(cache, &texts).0, expected(&texts));
                }
            });
        }
    });
    let metrics = cache.metrics();
    assert_eq!(metrics.hits + metrics.misses, 4 * 50 * 3);
}

/// The other processes of the test below: this binary, told where to work.
const CHILD: &str = "INSTRUCTUE_TEST_CACHE_CHILD";

#[test]
fn processes_write_at_once_and_lose_nothing() {
    if let Ok(task) = std::env::var(CHILD) {
        let (number, dir) = task.split_once(' ').unwrap();
        let number: usize = number.parse().unwrap();
        let cache = open(Path::new(dir));
        for round in 0..40 {
            let texts = [round, 1000 * number + round];
            assert_eq!(ask(&cache, &texts).0, expected(&texts));
            cache.flush().unwrap();
        }
        assert!(cache.faults().is_empty());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<_> = (1..=3)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes_write_at_once_and_lose_nothing"])
                .env(CHILD, format!("{number} {}", dir.path().display()))
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let cache = open(dir.path());
    assert!(cache.faults().is_empty());
    assert_eq!(cache.metrics().entries, 40 + 3 * 40);
    let texts: Vec<usize> = (0..40).chain(1000..1040).chain(3000..3040).collect();
    assert_eq!(ask(&cache, &texts), (expected(&texts), 0));
}

#[test]
fn many_short_runs_leave_few_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut most = 0;
    for run in 0..100 {
        let cache = open(dir.path());
        assert_eq!(cache.metrics().entries, run as u64);
        assert_eq!(ask(&cache, &[run]).1, 1);
        drop(cache);
        most = most.max(segments(dir.path()).len());
    }
    assert!(most <= 17, "{most} files");
    let cache = open(dir.path());
    let texts: Vec<usize> = (0..100).collect();
    assert_eq!(ask(&cache, &texts), (expected(&texts), 0));
    assert!(cache.faults().is_empty());
}

#[test]
fn merged_files_stay_within_a_segment_and_keep_their_age() {
    let dir = tempfile::tempdir().unwrap();
    let config = |max_bytes| CacheConfig {
        max_bytes,
        ..in_dir(dir.path())
    };
    // Segments of 2,000 bytes: 44 entries.
    let bound = 16_000;
    let mut merged = 0;
    for run in 0..150usize {
        let cache = VectorCache::open(&config(bound), space("a")).unwrap();
        ask(&cache, &[2 * run, 2 * run + 1]);
        cache.flush().unwrap();
        merged += cache.metrics().merged_files;
        let files = segments(dir.path());
        let sizes = files.iter().map(|path| fs::metadata(path).unwrap().len());
        assert!(sizes.clone().all(|size| size <= bound / 8));
        assert!(
            sizes.sum::<u64>() <= bound && files.len() <= 16 + 8,
            "run {run}"
        );
    }
    assert!(merged > 100);
    // What a smaller bound drops is the oldest.
    let cache = VectorCache::open(&config(bound / 2), space("a")).unwrap();
    let entries = cache.metrics().entries as usize;
    assert!(entries > 50 && entries < 200, "{entries}");
    let newest: Vec<usize> = (300 - entries..300).collect();
    assert_eq!(ask(&cache, &newest), (expected(&newest), 0));
}

#[test]
fn a_torn_file_is_left_out_of_a_merge() {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..16 {
        ask(&open(dir.path()), &[run]);
    }
    let cache = open(dir.path());
    assert_eq!(segments(dir.path()).len(), 16);
    // Behind the back of a cache that has read it.
    let torn = segments(dir.path()).remove(7);
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();
    ask(&cache, &[16]);
    cache.flush().unwrap();
    assert_eq!(cache.metrics().merged_files, 16);
    assert_eq!(cache.faults().len(), 1);
    assert_eq!(cache.faults()[0].path, torn);
    assert_eq!(segments(dir.path()).len(), 1);
    let texts: Vec<usize> = (0..17).collect();
    let again = open(dir.path());
    assert_eq!(ask(&again, &texts), (expected(&texts), 1));
    assert!(again.faults().is_empty());
}

/// Processes that open, ask for little and end, as short runs do.
const SHORT: &str = "INSTRUCTUE_TEST_CACHE_SHORT";

#[test]
fn short_runs_at_once_merge_and_lose_nothing() {
    if let Ok(task) = std::env::var(SHORT) {
        let (number, dir) = task.split_once(' ').unwrap();
        let number: usize = number.parse().unwrap();
        for run in 0..60 {
            let cache = open(Path::new(dir));
            let own = 1000 * number + run;
            // What this process wrote before is there, whoever merged it.
            let before: Vec<usize> = (1000 * number..own).collect();
            assert_eq!(ask(&cache, &before), (expected(&before), 0));
            assert_eq!(ask(&cache, &[own]).1, 1);
            drop(cache);
        }
        let cache = open(Path::new(dir));
        assert!(cache.faults().is_empty(), "{:?}", cache.faults());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<_> = (1..=3)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "short_runs_at_once_merge_and_lose_nothing"])
                .env(SHORT, format!("{number} {}", dir.path().display()))
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let cache = open(dir.path());
    assert!(cache.faults().is_empty());
    assert_eq!(cache.metrics().entries, 3 * 60);
    assert!(segments(dir.path()).len() <= 2 * 17);
    let texts: Vec<usize> = (1..=3).flat_map(|n| 1000 * n..1000 * n + 60).collect();
    assert_eq!(ask(&cache, &texts), (expected(&texts), 0));
}

#[test]
fn one_cache_learns_from_another_by_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (open(dir.path()), open(dir.path()));
    ask(&a, &[1, 2]);
    a.flush().unwrap();
    b.flush().unwrap();
    assert_eq!(ask(&b, &[2, 1]), (expected(&[2, 1]), 0));
}

#[test]
fn what_an_encoder_does_wrong_is_not_kept() {
    let cache = VectorCache::open(&CacheConfig::default(), space("a")).unwrap();
    let keys = ["a", "b"].map(TextKey::of_text);
    let result = |values: Vec<f32>| {
        let result = cache.vectors(&keys, |_| Ok::<_, Error>(values));
        result.unwrap_err().to_string()
    };
    let error = result(vec![0.0; 5]);
    assert!(error.contains("6 values for 2 texts, found 5"), "{error}");
    let error = result(vec![0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0]);
    assert!(error.contains("NaN in text 1"), "{error}");
    assert_eq!(cache.metrics().entries, 0);
    let blocked = tempfile::tempdir().unwrap();
    let file = blocked.path().join("file");
    fs::write(&file, "").unwrap();
    let error = VectorCache::open(&in_dir(&file), space("a")).unwrap_err();
    assert!(error.to_string().contains("event-vector cache"), "{error}");
}

fn encoder(lora: Option<&LoraConfig>, device: &Device) -> TextEncoder {
    let dir = golden().join("bert");
    tiny()
        .load_weights(dir, Pooling::Mean, lora, device)
        .unwrap()
}

#[test]
fn an_encoder_behind_a_cache_gives_its_own_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<Vec<u32>> = (0..60u32)
        .map(|i| (0..1 + i % 9).map(|j| 1 + (i % 20 + 3 * j) % 63).collect())
        .chain([vec![]])
        .collect();
    for device in [Device::default(), Device::default().autodiff()] {
        let encoder = encoder(None, &device);
        let space = CacheSpace::of(&encoder, Digest::of("any"));
        let expected = encoder.forward(encoder.batch(&texts, &device).unwrap());
        let mut found = Vec::new();
        for _ in 0..2 {
            let cache = VectorCache::open(&in_dir(dir.path()), space).unwrap();
            let vectors = encoder.forward_cached(&texts, &cache, &device).unwrap();
            assert!(distance(vectors.clone(), expected.clone()) <= 1e-5);
            found.push(vectors.into_data());
            drop(cache);
        }
        assert_eq!(found[0], found[1]);
        let cache = VectorCache::open(&in_dir(dir.path()), space).unwrap();
        encoder.forward_cached(&texts, &cache, &device).unwrap();
        assert_eq!(cache.metrics().misses, 0);

        let bad = [vec![1], vec![2; 3], vec![64]];
        let error = encoder.forward_cached(&bad, &cache, &device).unwrap_err();
        assert_eq!(
            error.to_string(),
            "text 2, token 0: id 64 is outside the vocabulary of 64"
        );
        let narrow = CacheSpace { width: 5, ..space };
        let cache = VectorCache::open(&CacheConfig::default(), narrow).unwrap();
        let error = encoder.forward_cached(&texts, &cache, &device).unwrap_err();
        assert!(error.to_string().contains("width 32, found 5"), "{error}");
    }
}

#[test]
fn a_vector_does_not_depend_on_the_texts_beside_it() {
    let device = Device::default();
    // On the CPU bit for bit.
    let cpu = matches!(device.as_dispatch(), DispatchDevice::Flex(_));
    let bound = if cpu { 0.0 } else { 1e-5 };
    for (width, layers, pooling) in [(96, 1, Pooling::Mean), (384, 2, Pooling::Cls)] {
        let config = instructue_encoders::BertConfig {
            hidden_size: width,
            num_hidden_layers: layers,
            num_attention_heads: 4,
            intermediate_size: 2 * width,
            max_position_embeddings: 50,
            vocab_size: 900,
            ..tiny()
        };
        let encoder = config.init(pooling, None, &device).unwrap();
        let texts: Vec<Vec<u32>> = (0..120u32)
            .map(|i| {
                (0..1 + i * 7 % 50)
                    .map(|j| (i * 31 + j * j) % 900)
                    .collect()
            })
            .collect();
        let open = || {
            let space = CacheSpace::of(&encoder, Digest::of("any"));
            VectorCache::open(&CacheConfig::default(), space).unwrap()
        };
        let all = encoder.forward_cached(&texts, &open(), &device).unwrap();
        for size in [1, 2, 7, 40] {
            let cache = open();
            for (at, part) in texts.chunks(size).enumerate() {
                let found = encoder.forward_cached(part, &cache, &device).unwrap();
                let expected = all.clone().narrow(0, at * size, part.len());
                let worst = distance(found, expected);
                assert!(worst <= bound, "{size} at a time: {worst}");
            }
        }
    }
}

#[test]
fn the_digest_tells_encoders_apart() {
    let device = Device::default();
    let plain = encoder(None, &device);
    assert_eq!(plain.digest(), encoder(None, &device).digest());
    let other = |change: &dyn Fn(&mut instructue_encoders::BertConfig), pooling| {
        let mut config = tiny();
        change(&mut config);
        let dir = golden().join("bert");
        config.load_weights(dir, pooling, None, &device).unwrap()
    };
    let adapted = plain.clone().load_adapter(golden().join("peft/bert"));
    let adapted = adapted.unwrap();
    let rescaled = {
        let dir = tempfile::tempdir().unwrap();
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            let from = golden().join("peft/bert").join(name);
            let text = fs::read(from).unwrap();
            fs::write(dir.path().join(name), text).unwrap();
        }
        let path = dir.path().join("adapter_config.json");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("\"lora_alpha\": 8", "\"lora_alpha\": 9");
        fs::write(&path, text).unwrap();
        plain.clone().load_adapter(dir.path()).unwrap()
    };
    let merged = adapted.clone().merge().unwrap();
    let digests = [
        plain.digest(),
        other(&|_| (), Pooling::Cls).digest(),
        other(&|config| config.num_attention_heads = 2, Pooling::Mean).digest(),
        other(&|config| config.layer_norm_eps = 1e-6, Pooling::Mean).digest(),
        tiny().init(Pooling::Mean, None, &device).unwrap().digest(),
        adapted.digest(),
        rescaled.digest(),
        merged.digest(),
        plain.clone().with_normalized(true).digest(),
    ];
    for (i, a) in digests.iter().enumerate() {
        for b in &digests[i + 1..] {
            assert_ne!(a, b, "encoder {i} and another");
        }
    }
}
