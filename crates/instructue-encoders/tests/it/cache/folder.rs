//! What is kept, for whom, and what a damaged or crowded folder does.

use std::fs;

use instructue_encoders::Error;
use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, TextKey, VectorCache};

use crate::cache::*;

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
