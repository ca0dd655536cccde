//! The table of word vectors against its reference in NumPy: `scripts/data/word_vectors.py` says
//! how it was made.

use instructue_features::{TextVectors, WordVectors};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    vector: Vec<f32>,
}

#[test]
fn vectors_are_those_of_the_reference() {
    let cases = include_str!("../golden/word_vectors.json");
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    let words = WordVectors::shared();
    assert!(cases.len() >= 6);
    for case in cases {
        let found = words.vector(&case.text);
        assert_eq!(found.len(), case.vector.len());
        for (found, expected) in found.iter().zip(&case.vector) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{}: {found} {expected}",
                case.text
            );
        }
    }
}

#[test]
fn synonyms_are_nearer_than_other_things() {
    let words = WordVectors::shared();
    let cosine = |a: &str, b: &str| {
        let (a, b) = (words.vector(a), words.vector(b));
        a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>()
    };
    for (query, near, other) in [
        ("soda", "SOFT DRINKS", "FROZEN PIZZA"),
        ("puppy chow", "DOG FOODS", "BEEF"),
        ("beer and ale", "BEERS/ALES", "FLUID MILK PRODUCTS"),
    ] {
        assert!(cosine(query, near) > cosine(query, other), "{query}");
    }
    // A text without a word has no direction.
    assert!(words.vector("…").iter().all(|value| *value == 0.0));
}

#[test]
fn a_table_that_does_not_fit_is_none() {
    assert!(WordVectors::read(b"no table", "a\nb\n").is_none());
    let table = include_bytes!("../../data/word_vectors.safetensors");
    assert!(WordVectors::read(table, "one piece\n").is_none());
}
