//! The event-vector cache: what is known is not encoded again, what is damaged is
//! not trusted, and nobody meets another's vectors.

mod encoders;
mod folder;
mod merging;
mod together;

use std::fs;
use std::path::{Path, PathBuf};

use instructue_encoders::Error;
use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, TextKey, VectorCache};

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
