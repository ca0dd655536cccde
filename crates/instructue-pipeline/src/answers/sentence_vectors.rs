//! Texts compared by a sentence encoder of others.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, f16};
use instructue_features::{TextVectors, WordVectors};
use instructue_fs::sha256_file;
use instructue_nn::Precision;
use instructue_schema::{DataText, Progress};

use crate::error::Result;
use crate::hub::{self, HubOptions};
use crate::pretrained::Encoder;

/// What answer scores compare texts by: the sentence encoder of this name (a directory or a hub
/// id), or without one the word vectors that come with the project.
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

/// A frozen sentence encoder. Each text is encoded once: few are distinct.
#[derive(Debug)]
struct SentenceVectors {
    name: String,
    encoder: Encoder,
    digest: String,
    known: Mutex<HashMap<String, Vec<f32>>>,
}
