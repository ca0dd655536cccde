//! Whether the fitted host side fits the configuration: tokenizers their tables, texts
//! the positions, normalisers the sources.

use instructue_features::TextTokenizer;
use instructue_schema::SourceKind;

use crate::config::ModelConfig;
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

/// Whether each encoder has a row for each entry of its tokenizer and a position for each token
/// that a source's texts may have, and each source with a tokenizer of its own an encoder.
pub(crate) fn check_encoders(config: &ModelConfig, preprocessor: &Preprocessor) -> Result<()> {
    config.check_source_encoders(&preprocessor.source_shapes())?;
    let key = |name: &str, key: &str| match config.source_encoders.contains_key(name) {
        true => format!("source_encoders.{name}.bert.{key}"),
        false => format!("encoder.bert.{key}"),
    };
    let common = &config.encoder.bert;
    let tokenizer = preprocessor.encoder_tokenizer();
    check_vocabulary("encoder.bert.vocab_size", tokenizer, common.vocab_size)?;
    for (name, encoder) in &config.source_encoders {
        let tokenizer = preprocessor.tokenizer_of(name);
        let rows = encoder.bert.vocab_size;
        check_vocabulary(&key(name, "vocab_size"), tokenizer, rows)?;
    }
    let mut tokenizers = preprocessor.source_tokenizers().keys();
    if let Some(name) = tokenizers.find(|name| !config.source_encoders.contains_key(*name)) {
        let expected = "an encoder of this source, which has a tokenizer of its own";
        return refuse(&format!("source_encoders.{name}"), expected, "none");
    }
    let shapes = preprocessor.source_shapes();
    let sources = preprocessor.schema().sources.iter().zip(&shapes);
    for (source, _) in sources.filter(|(_, shape)| shape.has_texts()) {
        let positions = config.encoder_of(&source.name).bert.max_length();
        if source.max_tokens > positions {
            let expected = format!(
                "at least {}, the `max_tokens` of source `{}`",
                source.max_tokens, source.name
            );
            return refuse(
                &key(&source.name, "max_position_embeddings"),
                expected,
                positions,
            );
        }
    }
    Ok(())
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
