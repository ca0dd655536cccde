//! Whether the fitted host side fits the configuration: tokenizers their tables, texts
//! the positions, normalisers the sources.

use instructue_features::TextTokenizer;
use instructue_schema::SourceKind;

use crate::error::{Error, Result};
use crate::preprocessor::Preprocessor;

/// Whether each tabular source and each source of vectors has a normaliser of its width, and
/// components are of all numbers of tabular sources together.
pub(crate) fn check_numbers(preprocessor: &Preprocessor) -> Result<()> {
    let (schema, shapes) = (preprocessor.schema(), preprocessor.source_shapes());
    let tabular = shapes.iter().filter(|s| s.kind == SourceKind::Tabular);
    let expected: Vec<usize> = tabular.map(|source| source.numbers).collect();
    let normalisers = preprocessor.normalisers();
    let found = normalisers.tabular.iter().map(|n| n.mean.len());
    let found: Vec<usize> = found.collect();
    if expected != found {
        let expected = format!("one for each tabular source, of {expected:?} numbers");
        return refuse("normalisers", expected, format!("{found:?}"));
    }
    let vectors = |source: usize| normalisers.of_vectors(source).map(|n| n.mean.len());
    for (number, (source, shape)) in schema.sources.iter().zip(&shapes).enumerate() {
        if shape.vector != vectors(number) {
            let key = format!("normalisers of source {}", source.name);
            let words = |width: Option<usize>| match width {
                Some(width) => format!("one of {width} numbers, for its vectors"),
                None => "none for vectors".into(),
            };
            return refuse(&key, words(shape.vector), words(vectors(number)));
        }
    }
    let all: usize = expected.iter().sum();
    match preprocessor.components() {
        Some(components) if components.width() != all => {
            let found = components.width();
            refuse("components", format!("some of {all} numbers"), found)
        }
        _ => Ok(()),
    }
}

/// Whether the encoder has a position for each token that a source's texts may have.
pub(crate) fn check_lengths(preprocessor: &Preprocessor, positions: usize) -> Result<()> {
    let sources = preprocessor.schema().sources.iter();
    let mut texts = sources
        .filter(|source| source.kind == SourceKind::Events && source.vector_field().is_none());
    match texts.find(|source| source.max_tokens > positions) {
        None => Ok(()),
        Some(source) => Err(Error::Config {
            key: "encoder.bert.max_position_embeddings".into(),
            expected: format!(
                "at least {}, the `max_tokens` of source `{}`",
                source.max_tokens, source.name
            ),
            found: positions.to_string(),
        }),
    }
}

/// Whether each id that a tokenizer gives has a row in the table that it is for.
pub(crate) fn check_vocabulary(key: &str, tokenizer: &TextTokenizer, rows: usize) -> Result<()> {
    let ids = tokenizer.rows();
    if ids <= rows {
        return Ok(());
    }
    Err(Error::Config {
        key: key.into(),
        expected: format!("a row for each of the tokenizer's {ids} entries"),
        found: rows.to_string(),
    })
}

fn refuse<T>(key: &str, expected: impl Into<String>, found: impl ToString) -> Result<T> {
    Err(Error::Config {
        key: key.into(),
        expected: expected.into(),
        found: found.to_string(),
    })
}
