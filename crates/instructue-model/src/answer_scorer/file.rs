//! The directory of an answer scorer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use instructue_features::{FittedTexts, KnownTexts, ProfileBuilder, TextVectors};
use instructue_fs::{Files, NewDirectory, check_replaceable, read_sealed, read_text, recover};
use instructue_metrics::LogisticRegression;
use serde::{Deserialize, Serialize};

use super::scorer::AnswerScorer;
use super::space::AnswerSpace;
use crate::error::{Error, Result};
use crate::save::to_json;

const FORMAT: u32 = 2;
const MANIFEST: &str = "manifest.json";
const SCORER: &str = "scorer.json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    files: Files,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scorer {
    /// The digest of the vectors that texts were compared by.
    vectors: String,
    /// The encoder that they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<String>,
    profiles: ProfileBuilder,
    texts: FittedTexts,
    reader: LogisticRegression,
    space: AnswerSpace,
}

/// Whether a scorer may be written to `dir`.
///
/// # Errors
/// [`Error::File`] says what else is there.
pub fn check_scorer_dir(dir: &Path) -> Result<()> {
    Ok(check_replaceable(
        dir,
        "an answer scorer",
        MANIFEST,
        |name| name == SCORER,
    )?)
}

impl AnswerScorer {
    /// Writes the scorer to `dir`, replacing one that is there. The directory appears whole or
    /// not at all.
    ///
    /// # Errors
    /// When a file cannot be written, or `dir` holds something else than a scorer.
    pub fn save(&self, dir: &Path) -> Result<()> {
        check_scorer_dir(dir)?;
        let new = NewDirectory::create(dir)?;
        let scorer = Scorer {
            vectors: self.texts().vectors().digest(),
            encoder: self.texts().vectors().encoder().map(str::to_owned),
            profiles: self.profiles().clone(),
            texts: self.texts().fitted().clone(),
            reader: self.reader().clone(),
            space: self.space().clone(),
        };
        new.write(SCORER, &to_json(&scorer)?)?;
        let manifest = Manifest {
            format: FORMAT,
            files: Files::of(new.path())?,
        };
        new.write_sealed(MANIFEST, &manifest)?;
        Ok(new.commit()?)
    }

    /// Reads the scorer of `dir`; `vectors` are the ones that it was fitted with.
    ///
    /// # Errors
    /// As [`SavedScorer::open`] and [`SavedScorer::with`].
    pub fn load(dir: &Path, vectors: Arc<dyn TextVectors>) -> Result<Self> {
        SavedScorer::open(dir)?.with(vectors)
    }
}

/// What was read of a scorer's directory, before the vectors that it compares texts by are there.
pub struct SavedScorer {
    path: PathBuf,
    scorer: Scorer,
}

impl SavedScorer {
    /// Reads the scorer of `dir`.
    ///
    /// # Errors
    /// When there is none, or a file is not what the manifest or its format says.
    pub fn open(dir: &Path) -> Result<Self> {
        recover(dir);
        let path = dir.join(MANIFEST);
        if !path.is_file() {
            return Err(Error::NotAModel {
                path: dir.into(),
                expected: MANIFEST.into(),
                found: "no answer scorer".into(),
            });
        }
        let manifest: Manifest = read_sealed(&path, "the manifest of an answer scorer")?;
        if manifest.format != FORMAT {
            let message = format!("expected format {FORMAT}, found {}", manifest.format);
            return Err(wrong(&path, message));
        }
        let path = manifest.files.path(dir, SCORER)?;
        let scorer: Scorer = serde_json::from_str(&read_text(&path)?)
            .map_err(|error| wrong(&path, error.to_string()))?;
        if !scorer.texts.is_sound() || !is_sound(&scorer.reader) {
            let message = "expected finite numbers, scales above 0, and company among the texts";
            return Err(wrong(&path, message.into()));
        }
        Ok(Self { path, scorer })
    }

    /// The name of the encoder whose vectors it compares texts by; `None` for vectors that come
    /// with the project.
    pub fn encoder(&self) -> Option<&str> {
        self.scorer.encoder.as_deref()
    }

    /// The scorer with the vectors that it was fitted with.
    ///
    /// # Errors
    /// Other vectors, or parts that do not fit each other.
    pub fn with(self, vectors: Arc<dyn TextVectors>) -> Result<AnswerScorer> {
        let Self { path, scorer } = self;
        let (own, found) = (vectors.digest(), &scorer.vectors);
        if *found != own {
            let message = format!("expected a scorer of the text vectors {own}, found {found}");
            return Err(wrong(&path, message));
        }
        let texts = KnownTexts::new(scorer.texts, vectors);
        AnswerScorer::new(scorer.profiles, texts, scorer.reader, scorer.space)
    }
}

fn wrong(path: &Path, message: String) -> Error {
    Error::Format {
        path: path.into(),
        message,
    }
}

fn is_sound(reader: &LogisticRegression) -> bool {
    let numbers = reader
        .mean
        .iter()
        .chain(&reader.weights)
        .chain([&reader.intercept]);
    let mut all = numbers.chain(&reader.scale);
    all.all(|number| number.is_finite()) && reader.scale.iter().all(|scale| *scale > 0.0)
}
