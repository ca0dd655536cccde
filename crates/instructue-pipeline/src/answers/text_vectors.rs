//! What answer scores compare texts by, and scorers opened with it.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use instructue_encoders::cache::CacheConfig;
use instructue_features::{TextVectors, WordVectors, unit};
use instructue_model::{AnswerScorer, SavedScorer, SentenceEncoder};
use instructue_schema::{DataText, Progress};

use crate::error::Result;
use crate::hub::{self, HubOptions};

/// The sentence encoder of this name, a directory or a hub id; without a name the word vectors
/// that come with the project.
///
/// # Errors
/// When the name leads nowhere, or a file is missing or does not fit.
pub(crate) fn text_vectors(
    encoder: Option<&str>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Arc<dyn TextVectors>> {
    let Some(name) = encoder else {
        return Ok(WordVectors::shared());
    };
    let dir = hub::resolve(name, &HubOptions::from_env(), watch)?;
    Ok(Arc::new(SentenceVectors::open(name, &dir)?))
}

/// The scorer of a directory, with the vectors that it was learned with. An encoder is found by
/// the name that learning knew it by.
pub(crate) fn load_answers(dir: &Path) -> Result<AnswerScorer> {
    let saved = SavedScorer::open(dir)?;
    let vectors = text_vectors(saved.encoder(), &mut |_| {})?;
    Ok(saved.with(vectors)?)
}

/// The vectors of a frozen sentence encoder. Each text is encoded once.
#[derive(Debug)]
struct SentenceVectors {
    name: String,
    encoder: SentenceEncoder,
}

impl SentenceVectors {
    fn open(name: &str, dir: &Path) -> Result<Self> {
        // A few thousand short texts: no device is worth the way to it.
        let encoder =
            SentenceEncoder::open(dir, None, &CacheConfig::default(), &Device::default())?;
        // Weights that give no numbers are said here, where there is somebody to hear it.
        encoder.encode(&[DataText::new("a text")])?;
        Ok(Self {
            name: name.into(),
            encoder,
        })
    }
}

impl TextVectors for SentenceVectors {
    fn vector(&self, text: &str) -> Vec<f32> {
        let width = self.encoder.encoder().hidden_size();
        if !text.contains(char::is_alphanumeric) {
            return vec![0.0; width];
        }
        // Only a vector that is no number fails; it says as little as an unknown word.
        let found = self.encoder.encode(&[DataText::new(text)]);
        found.map_or_else(
            |_| vec![0.0; width],
            |vectors| unit(vectors.row(0).to_vec()),
        )
    }

    fn digest(&self) -> String {
        let space = self.encoder.cache().space();
        format!("{}-{}", space.encoder, space.tokenizer)
    }

    fn encoder(&self) -> Option<&str> {
        Some(&self.name)
    }
}
