//! Small files of many short runs become few.

use std::fs;

use instructue_encoders::cache::{CacheConfig, VectorCache};

use crate::cache::*;

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
