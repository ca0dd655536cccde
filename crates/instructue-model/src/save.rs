//! A model directory: weights, configuration and the fitted host side.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | written last; without it the directory is no model |
//! | `config.json` | [`ModelConfig`] |
//! | `schema.toml` | the declared sources |
//! | `preparation.json` | vocabularies and normalisers |
//! | `tokenizer.json`, `encoder_tokenizer.json` | tokenizers |
//! | `model.safetensors` | all weights by module path |

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{DType, Device, TensorData, bf16, f16};
use instructue_data::{Mentions, ProfileBuilder, TextTokenizer};
use instructue_encoders::{PrincipalComponents, TabularNormaliser, TextEncoder};
use instructue_nn::{Precision, temporary};
use instructue_schema::paths;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::instruct_ue::InstructUe;
use crate::parameters;
use crate::preparation::Preparation;
use crate::pretrained::Pretrained;

/// The version of the directory's format.
pub const FORMAT: u32 = 1;
/// The file that makes a directory a model.
pub const MANIFEST: &str = "manifest.json";
const WEIGHTS: &str = "model.safetensors";

/// What a finished model directory says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when written.
    pub format: u32,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Fitted {
    profiles: ProfileBuilder,
    normalisers: Vec<TabularNormaliser>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    components: Option<PrincipalComponents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mentions: Option<Mentions>,
}

impl InstructUe {
    /// Writes the model to `dir`, replacing a model that is there. The directory
    /// appears whole or not at all.
    ///
    /// # Errors
    /// When a file cannot be written, or LoRA is merged into the weights: a model
    /// that is read from them would add it once more.
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
        replace_directory(dir, |partial| self.write_files(partial))
    }

    fn write_files(&self, dir: &Path) -> Result<Manifest> {
        let preparation = self.preparation();
        let fitted = Fitted {
            profiles: preparation.profiles().clone(),
            normalisers: preparation.normalisers().to_vec(),
            components: preparation.components().cloned(),
            mentions: preparation.mentions().cloned(),
        };
        write(&dir.join("config.json"), &to_json(self.config())?)?;
        write(
            &dir.join("schema.toml"),
            preparation.schema().to_toml().as_bytes(),
        )?;
        write(&dir.join("preparation.json"), &to_json(&fitted)?)?;
        preparation.tokenizer().save(&dir.join("tokenizer.json"))?;
        preparation
            .encoder_tokenizer()
            .save(&dir.join("encoder_tokenizer.json"))?;
        write_tensors(&dir.join(WEIGHTS), &parameters::tensors(self.network()))?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(|e| Error::io(dir, e))? {
            let path = entry.map_err(|e| Error::io(dir, e))?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.insert(name, digest(&path)?);
        }
        let manifest = Manifest {
            format: FORMAT,
            files,
        };
        write(&dir.join(MANIFEST), &to_json(&manifest)?)?;
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
        for (name, expected) in &manifest.files {
            // A manifest may come from anywhere: it names files beside it and no others.
            let name = paths::file_name(name).map_err(|outside| Error::Format {
                path: dir.join(MANIFEST),
                message: format!("files: {outside}"),
            })?;
            let path = dir.join(name);
            let found = digest(&path)?;
            if &found != expected {
                return Err(Error::Format {
                    path,
                    message: format!(
                        "expected SHA-256 {expected} as in the manifest, found {found}"
                    ),
                });
            }
        }
        let mut config: ModelConfig = read_json(&dir.join("config.json"))?;
        config.precision = precision.unwrap_or(config.precision);
        let fitted: Fitted = read_json(&dir.join("preparation.json"))?;
        let preparation = Preparation::new(
            fitted.profiles,
            fitted.normalisers,
            Arc::new(TextTokenizer::from_file(
                &dir.join("encoder_tokenizer.json"),
            )?),
            Arc::new(TextTokenizer::from_file(&dir.join("tokenizer.json"))?),
            config.summaries,
        )
        .with_components(fitted.components)
        .with_mentions(fitted.mentions);
        let precision = config.precision;
        let config = config.with_precision(precision);
        let parts = Pretrained::blank(&config, device)?;
        let model = Self::with_parts(config, preparation, &parts, 0, device)?;
        drop(parts);
        let path = dir.join(WEIGHTS);
        model.try_map(|network, config| Ok((parameters::load_file(network, &path)?, config)))
    }
}

/// Puts what `write` leaves in a folder of its own in the place of `dir`, which
/// appears whole or stays as it was.
pub(crate) fn replace_directory<T>(
    dir: &Path,
    write: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let parent = dir
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
    let partial = temporary::directory_in(parent, ".model-").map_err(|e| Error::io(parent, e))?;
    let written = write(partial.path())?;
    let old = (dir.exists()).then(|| partial.path().with_extension("old"));
    if let Some(old) = &old {
        fs::rename(dir, old).map_err(|e| Error::io(dir, e))?;
    }
    fs::rename(partial.path(), dir).map_err(|e| Error::io(dir, e))?;
    // The directory has moved away from under the guard.
    let _ = partial.keep();
    if let Some(old) = old {
        fs::remove_dir_all(&old).map_err(|e| Error::io(&old, e))?;
    }
    Ok(written)
}

impl Manifest {
    /// Reads the manifest of a model directory.
    ///
    /// # Errors
    /// When there is none, or it is of another format.
    pub fn read(dir: &Path) -> Result<Self> {
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
        let manifest: Self = read_json(&path)?;
        if manifest.format != FORMAT {
            return Err(Error::Format {
                path,
                message: format!("expected format {FORMAT}, found {}", manifest.format),
            });
        }
        Ok(manifest)
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
    write(path, &bytes)
}

/// Reads tensors of type f32, f16 or bf16 by name.
///
/// # Errors
/// When the file is no safetensors file or holds another type.
pub fn read_tensors(path: &Path) -> Result<BTreeMap<String, TensorData>> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
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
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::Format {
        path: path.into(),
        message: e.to_string(),
    })
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|e| Error::io(path, e))
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(|e| Error::io(path, e))?;
        if read == 0 {
            return Ok(hasher
                .finalize()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect());
        }
        hasher.update(&buffer[..read]);
    }
}
