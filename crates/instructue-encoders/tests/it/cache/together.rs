//! Threads and processes that use one folder at once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;

use instructue_encoders::cache::{CacheConfig, VectorCache};

use crate::cache::*;

/// Tells a process that it is one of three: its number and the folder.
const CHILD: &str = "INSTRUCTUE_TEST_CACHE_CHILD";

/// What this process is to do as one of [`three_processes`].
fn child() -> Option<(usize, PathBuf)> {
    let task = env::var(CHILD).ok()?;
    let (number, dir) = task.split_once(' ').unwrap();
    Some((number.parse().unwrap(), dir.into()))
}

/// Runs a test of this file in three processes at once.
fn three_processes(test: &str, dir: &Path) {
    let test = format!("cache::together::{test}");
    let processes: Vec<_> = (1..=3)
        .map(|number| {
            Command::new(env::current_exe().unwrap())
                .args(["--exact", &test])
                .env(CHILD, format!("{number} {}", dir.display()))
                .spawn()
                .unwrap()
        })
        .collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
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

#[test]
fn processes_write_at_once_and_lose_nothing() {
    if let Some((number, dir)) = child() {
        let cache = open(&dir);
        for round in 0..40 {
            let texts = [round, 1000 * number + round];
            assert_eq!(ask(&cache, &texts).0, expected(&texts));
            cache.flush().unwrap();
        }
        assert!(cache.faults().is_empty());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    three_processes("processes_write_at_once_and_lose_nothing", dir.path());
    let cache = open(dir.path());
    assert!(cache.faults().is_empty());
    assert_eq!(cache.metrics().entries, 40 + 3 * 40);
    let texts: Vec<usize> = (0..40).chain(1000..1040).chain(3000..3040).collect();
    assert_eq!(ask(&cache, &texts), (expected(&texts), 0));
}

#[test]
fn short_runs_at_once_merge_and_lose_nothing() {
    if let Some((number, dir)) = child() {
        for run in 0..60 {
            let cache = open(&dir);
            let own = 1000 * number + run;
            // What this process wrote before is there, whoever merged it.
            let before: Vec<usize> = (1000 * number..own).collect();
            assert_eq!(ask(&cache, &before), (expected(&before), 0));
            assert_eq!(ask(&cache, &[own]).1, 1);
            drop(cache);
        }
        let cache = open(&dir);
        assert!(cache.faults().is_empty(), "{:?}", cache.faults());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    three_processes("short_runs_at_once_merge_and_lose_nothing", dir.path());
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
