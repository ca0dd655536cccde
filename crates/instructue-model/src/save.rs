//! A model directory: weights, configuration and the fitted host side.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | written last, with size and digest of each file; without it the directory is no model |
//! | `config.json` | [`ModelConfig`] |
//! | `schema.toml` | the declared sources |
//! | `preprocessor.json` | vocabularies and normalisers |
//! | `tokenizer.json`, `encoder_tokenizer.json` | tokenizers |
//! | `SOURCE.encoder_tokenizer.json` | tokenizers of sources with encoders of their own |
//! | `model.safetensors` | all weights by module path |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{DType, Device, TensorData, bf16, f16};
use instructue_encoders::{PrincipalComponents, TextEncoder};
use instructue_features::{LexicalMatches, ProfileBuilder, TextTokenizer};
use instructue_fs::{
    Files, NewDirectory, check_replaceable, read, read_sealed_value, read_text, recover,
};
use instructue_nn::Precision;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::normalisers::Normalisers;
use crate::parameters;
use crate::preprocessor::Preprocessor;
use crate::pretrained::Pretrained;

/// The version of the directory's format.
pub const FORMAT: u32 = 4;
/// The file that makes a directory a model.
pub const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.json";
const SCHEMA: &str = "schema.toml";
const PREPROCESSOR: &str = "preprocessor.json";
const TOKENIZER: &str = "tokenizer.json";
const ENCODER_TOKENIZER: &str = "encoder_tokenizer.json";
const ENCODER_TOKENIZER_CONFIG: &str = "encoder_tokenizer_config.json";
const WEIGHTS: &str = "model.safetensors";
/// All files that a model directory may hold beside the manifest, those of single sources'
/// tokenizers left out. Beside a tokenizer's file stands another where special tokens are named.
const FILES: [&str; 8] = [
    CONFIG,
    SCHEMA,
    PREPROCESSOR,
    TOKENIZER,
    "tokenizer_config.json",
    ENCODER_TOKENIZER,
    ENCODER_TOKENIZER_CONFIG,
    WEIGHTS,
];

/// The file of a source's own tokenizer. No name of a source has a dot.
fn source_tokenizer(source: &str) -> String {
    format!("{source}.{ENCODER_TOKENIZER}")
}

/// What a finished model directory says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when written.
    pub format: u32,
    /// Size and SHA-256 of each file.
    pub files: Files,
}

#[derive(Serialize, Deserialize)]
struct Fitted {
    profiles: ProfileBuilder,
    normalisers: Normalisers,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    components: Option<PrincipalComponents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lexical_matches: Option<LexicalMatches>,
}

impl Model {
    /// Writes the model to `dir`, replacing a model that is there. The directory
    /// appears whole or not at all.
    ///
    /// # Errors
    /// When a file cannot be written, `dir` holds something else than a model, or LoRA is
    /// merged into the weights: a model that is read from them would add it once more.
    pub fn save(&self, dir: &Path) -> Result<Manifest> {
        let network = self.network();
        let encoders = network.encoders();
        if network.backbone().is_merged() || encoders.iter().any(TextEncoder::is_merged) {
            return Err(Error::Config {
                key: "lora".into(),
                expected: "unmerged, to be saved".into(),
                found: "merged into the weights".into(),
            });
        }
        check_model_dir(dir)?;
        let new = NewDirectory::create(dir)?;
        let manifest = self.write_files(&new)?;
        new.commit()?;
        Ok(manifest)
    }

    fn write_files(&self, dir: &NewDirectory) -> Result<Manifest> {
        let preprocessor = self.preprocessor();
        let fitted = Fitted {
            profiles: preprocessor.profiles().clone(),
            normalisers: preprocessor.normalisers().clone(),
            components: preprocessor.components().cloned(),
            lexical_matches: preprocessor.lexical_matches().cloned(),
        };
        let at = |name: &str| dir.path().join(name);
        dir.write(CONFIG, &to_json(self.config())?)?;
        dir.write(SCHEMA, preprocessor.schema().to_toml().as_bytes())?;
        dir.write(PREPROCESSOR, &to_json(&fitted)?)?;
        preprocessor.tokenizer().save(&at(TOKENIZER))?;
        let encoder_tokenizer = preprocessor.encoder_tokenizer();
        encoder_tokenizer.save(&at(ENCODER_TOKENIZER))?;
        for (source, tokenizer) in preprocessor.source_tokenizers() {
            tokenizer.save(&at(&source_tokenizer(source)))?;
        }
        write_tensors(&at(WEIGHTS), &parameters::tensors(self.network()))?;
        let manifest = Manifest {
            format: FORMAT,
            files: Files::of(dir.path())?,
        };
        dir.write_sealed(MANIFEST, &manifest)?;
        Ok(manifest)
    }

    /// Reads a model directory.
    ///
    /// # Errors
    /// When the directory is no finished model, or a file is not what the
    /// manifest or its format says.
    pub fn load(dir: &Path, device: &Device) -> Result<Self> {
        Self::read(dir, device, None)
    }

    /// As [`load`](Self::load), but in this precision rather than the one it was
    /// saved in. The weights are never in memory in another one.
    ///
    /// # Errors
    /// As [`load`](Self::load); when the device cannot compute in it.
    pub fn load_in(dir: &Path, device: &Device, precision: Precision) -> Result<Self> {
        Self::read(dir, device, Some(precision))
    }

    fn read(dir: &Path, device: &Device, precision: Option<Precision>) -> Result<Self> {
        let manifest = Manifest::read(dir)?;
        let path = |name: &str| manifest.files.path(dir, name);
        // A tokenizer reads the names of special tokens from a file beside its own.
        let tokenizer = |name: &str| {
            let beside = name.replace(".json", "_config.json");
            if dir.join(&beside).exists() {
                path(&beside)?;
            }
            Ok::<_, Error>(Arc::new(TextTokenizer::from_file(&path(name)?)?))
        };
        path(SCHEMA)?;
        let mut config: ModelConfig = read_json(&path(CONFIG)?)?;
        config.precision = precision.unwrap_or(config.precision);
        let fitted: Fitted = read_json(&path(PREPROCESSOR)?)?;
        let names = config.source_encoders.keys();
        let own = names.filter(|name| manifest.files.get(&source_tokenizer(name)).is_some());
        let own = own.map(|name| Ok((name.clone(), tokenizer(&source_tokenizer(name))?)));
        let preprocessor = Preprocessor::new(
            fitted.profiles,
            fitted.normalisers,
            tokenizer(ENCODER_TOKENIZER)?,
            tokenizer(TOKENIZER)?,
            config.summaries,
        )
        .with_source_tokenizers(own.collect::<Result<_>>()?)
        .with_pca_components(fitted.components)
        .with_lexical_matches(fitted.lexical_matches);
        let precision = config.precision;
        let config = config.with_precision(precision);
        let weights = path(WEIGHTS)?;
        let parts = Pretrained::blank(&config, &preprocessor.source_shapes(), &weights, device)?;
        let model = Self::with_parts(config, preprocessor, &parts, 0, device)?;
        drop(parts);
        model.try_map(|network, config| Ok((parameters::load_file(network, &weights)?, config)))
    }
}

/// Whether a model may be written to `dir`.
///
/// # Errors
/// [`Error::File`] says what else is there.
pub fn check_model_dir(dir: &Path) -> Result<()> {
    let of_source = |name: &str| {
        let file = name.split_once('.').map(|(_, file)| file);
        file == Some(ENCODER_TOKENIZER) || file == Some(ENCODER_TOKENIZER_CONFIG)
    };
    let belongs = |name: &str| FILES.contains(&name) || of_source(name);
    Ok(check_replaceable(dir, "a model", MANIFEST, belongs)?)
}

impl Manifest {
    /// Reads the manifest of a model directory.
    ///
    /// # Errors
    /// When there is none, or it is of another format.
    pub fn read(dir: &Path) -> Result<Self> {
        recover(dir);
        let path = dir.join(MANIFEST);
        if !path.is_file() {
            let found = if dir.is_dir() {
                "a directory without it"
            } else {
                "no such directory"
            };
            return Err(Error::NotAModel {
                path: dir.into(),
                expected: MANIFEST.into(),
                found: found.into(),
            });
        }
        let value = read_sealed_value(&path, "the manifest of a model")?;
        // Before the rest: another format may have other keys.
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(FORMAT.into()) {
            let found = format.map_or("none".into(), |format| format.to_string());
            return Err(Error::Format {
                path,
                message: format!("expected format {FORMAT}, found {found}"),
            });
        }
        serde_json::from_value(value).map_err(|e| Error::Format {
            path,
            message: e.to_string(),
        })
    }
}

/// Writes tensors of type f32, f16 or bf16 by name as safetensors.
///
/// # Errors
/// When the file cannot be written, or a tensor is of another type.
pub fn write_tensors(path: &Path, tensors: &BTreeMap<String, TensorData>) -> Result<()> {
    let views = tensors
        .iter()
        .map(|(name, data)| {
            let dtype = match data.dtype() {
                DType::F32 => Dtype::F32,
                DType::F16 => Dtype::F16,
                DType::BF16 => Dtype::BF16,
                other => {
                    return Err(Error::Tensor {
                        path: path.into(),
                        name: name.clone(),
                        expected: "f32, f16 or bf16".into(),
                        found: format!("{other:?}"),
                    });
                }
            };
            TensorView::new(dtype, data.shape().to_vec(), data.as_bytes())
                .map(|view| (name.as_str(), view))
                .map_err(|e| Error::Format {
                    path: path.into(),
                    message: e.to_string(),
                })
        })
        .collect::<Result<Vec<_>>>()?;
    let bytes = safetensors::serialize(views, None).map_err(|e| Error::Format {
        path: path.into(),
        message: e.to_string(),
    })?;
    Ok(instructue_fs::write(path, &bytes)?)
}

/// Reads tensors of type f32, f16 or bf16 by name.
///
/// # Errors
/// When the file is no safetensors file or holds another type.
pub fn read_tensors(path: &Path) -> Result<BTreeMap<String, TensorData>> {
    let bytes = read(path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| Error::Format {
        path: path.into(),
        message: e.to_string(),
    })?;
    file.iter()
        .map(|(name, view)| {
            let (shape, bytes) = (view.shape().to_vec(), view.data());
            let data = match view.dtype() {
                Dtype::F32 => TensorData::new(elements(bytes, f32::from_le_bytes), shape),
                Dtype::F16 => TensorData::new(elements(bytes, f16::from_le_bytes), shape),
                Dtype::BF16 => TensorData::new(elements(bytes, bf16::from_le_bytes), shape),
                other => {
                    return Err(Error::Tensor {
                        path: path.into(),
                        name: name.into(),
                        expected: "F32, F16 or BF16".into(),
                        found: format!("{other:?}"),
                    });
                }
            };
            Ok((name.to_string(), data))
        })
        .collect()
}

/// Little-endian elements of `N` bytes.
fn elements<const N: usize, E>(bytes: &[u8], read: impl Fn([u8; N]) -> E) -> Vec<E> {
    let (elements, _) = bytes.as_chunks::<N>();
    elements.iter().map(|element| read(*element)).collect()
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|e| Error::Format {
        path: PathBuf::new(),
        message: e.to_string(),
    })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&read_text(path)?).map_err(|e| Error::Format {
        path: path.into(),
        message: e.to_string(),
    })
}
