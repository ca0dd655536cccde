//! A soft prompt as a file of kilobytes: safetensors with `tokens`, `prototypes` and,
//! where there is one, the readout; the metadata says which model they belong to.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use instructue_fs::{digest, read};
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensors};

use super::readout::outputs;
use super::{Readout, SoftPrompt, TunedWeights};
use crate::error::{Error, Result};
use crate::passes::to_host;
use crate::session::InstructUe;

/// The version of the file's format.
const VERSION: &str = "3";
/// What the files are told from others by.
const KIND: &str = "instructue tuned";
/// The entry of the metadata with the digest of all others and of the tensors.
const DIGEST: &str = "digest";
/// A header of a handful of tensors is no longer than this, in bytes.
const MAX_HEADER: u64 = 16 << 20;
const TOKENS: &str = "tokens";
const PROTOTYPES: &str = "prototypes";
const READOUT: &str = "readout.weights";
const READOUT_BIAS: &str = "readout.bias";

impl SoftPrompt {
    /// Writes the file, replacing one that is there; it appears whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written, or `path` is something else than a file.
    pub fn save(&self, path: &Path) -> Result<()> {
        Self::check_replaceable(path)?;
        let invalid = |message: String| Error::Format {
            path: path.into(),
            message,
        };
        let classes = serde_json::to_string(&self.classes).map_err(|e| invalid(e.to_string()))?;
        let metadata: HashMap<String, String> = [
            ("kind", KIND.to_string()),
            ("version", VERSION.into()),
            ("instruction", self.instruction.clone()),
            ("classes", classes),
            ("temperature", self.temperature.to_string()),
            ("model", self.model.clone()),
            ("adapter", self.adapter.clone()),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into();
        let bytes = |param: &Param<Tensor<2>>| {
            let tensor = param.val();
            let shape = tensor.dims().to_vec();
            let values = to_host(tensor).into_iter().flat_map(f32::to_le_bytes);
            (shape, values.collect::<Vec<u8>>())
        };
        let mut tensors = vec![
            (TOKENS, bytes(&self.weights.tokens)),
            (PROTOTYPES, bytes(&self.weights.prototypes)),
        ];
        if let Some(readout) = &self.readout {
            let outputs = readout.bias.len();
            let values = |values: &[f32]| {
                let shape = vec![outputs, values.len() / outputs];
                let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                (shape, bytes.collect::<Vec<u8>>())
            };
            tensors.push((READOUT, values(&readout.weights)));
            tensors.push((READOUT_BIAS, values(&readout.bias)));
        }
        let views = tensors
            .iter()
            .map(|(name, (shape, bytes))| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                view.map(|view| (*name, view))
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| invalid(e.to_string()))?;
        let mut metadata = metadata;
        metadata.insert(DIGEST.into(), content_digest(&metadata, &tensors));
        let bytes =
            safetensors::serialize(views, Some(metadata)).map_err(|e| invalid(e.to_string()))?;
        Ok(instructue_fs::write(path, &bytes)?)
    }

    /// Whether a tuned file may be written to `path`: nothing is there, or another one.
    ///
    /// # Errors
    /// [`Error::SoftPrompt`] says what is there.
    pub fn check_replaceable(path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let ours = header_of(path).is_some_and(|header| {
            let metadata = header.metadata().as_ref();
            metadata.and_then(|entries| entries.get("kind")) == Some(&KIND.to_string())
        });
        if ours {
            return Ok(());
        }
        let expected = "nothing, or a file of tune_users to replace";
        Err(Error::tuned(
            path.display(),
            "path",
            expected,
            "another file",
        ))
    }

    /// Reads a file that was written for `model`.
    ///
    /// # Errors
    /// [`Error::SoftPrompt`] names what does not fit: another kind of file, another
    /// version, another model, a tensor of another shape or with a number that is
    /// none.
    pub fn load(path: &Path, model: &InstructUe) -> Result<Self> {
        let name = &*path.display().to_string();
        let bytes = read(path)?;
        let unreadable = |e: safetensors::SafeTensorError| {
            Error::tuned(name, "file", "safetensors of tune_users", e)
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(unreadable)?;
        let file = SafeTensors::deserialize(&bytes).map_err(unreadable)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let entry = |key: &str| {
            let found = metadata.get(key).cloned();
            found.ok_or_else(|| Error::tuned(name, key, "an entry of the metadata", "none"))
        };
        for (key, expected) in [("kind", KIND), ("version", VERSION)] {
            let found = entry(key)?;
            if found != expected {
                return Err(Error::tuned(name, key, expected, found));
            }
        }
        let text = entry("classes")?;
        let classes: Vec<String> = serde_json::from_str(&text)
            .map_err(|_| Error::tuned(name, "classes", "a list of names", &text))?;
        let text = entry("temperature")?;
        let temperature = text
            .parse()
            .map_err(|_| Error::tuned(name, "temperature", "a number", &text))?;
        // Before room is made for as many prototypes as the metadata lists names.
        let prototypes = file.tensor(PROTOTYPES).map_err(|_| {
            let key = format!("tensor `{PROTOTYPES}`");
            Error::tuned(name, &key, "one of this name", "none")
        })?;
        let rows = prototypes.shape().first().copied().unwrap_or(0);
        if rows != classes.len() {
            let expected = format!("{rows} names, one for each row of `{PROTOTYPES}`");
            return Err(Error::tuned(name, "classes", expected, classes.len()));
        }
        let mut tuned = model
            .tuned(&entry("instruction")?, classes, 0, temperature)
            .map_err(|error| match error {
                Error::Config {
                    key,
                    expected,
                    found,
                } => Error::tuned(name, &key, expected, found),
                other => other,
            })?;
        (tuned.model, tuned.adapter) = (entry("model")?, entry("adapter")?);
        model.check_tuned(&tuned, name)?;
        let device = model.device().clone().inner();
        let tensor = |key: &str, rows: Option<usize>, width: usize| {
            let named = format!("tensor `{key}`");
            let view = file
                .tensor(key)
                .map_err(|_| Error::tuned(name, &named, "one of this name", "none"))?;
            let shape = view.shape();
            let fits = shape.len() == 2
                && shape[1] == width
                && rows.is_none_or(|rows| rows == shape[0])
                && view.dtype() == Dtype::F32;
            if !fits {
                let rows = rows.map_or("any".into(), |rows| rows.to_string());
                let expected = format!("F32 of shape [{rows}, {width}]");
                let found = format!("{:?} of shape {shape:?}", view.dtype());
                return Err(Error::tuned(name, &named, expected, found));
            }
            let values = view.data().as_chunks::<4>().0.iter();
            let values: Vec<f32> = values.map(|b| f32::from_le_bytes(*b)).collect();
            if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::tuned(name, &named, "finite numbers", bad));
            }
            Ok((values, [shape[0], width]))
        };
        let param = |(values, shape): (Vec<f32>, [usize; 2])| {
            let data = TensorData::new(values, shape);
            Param::from_tensor(Tensor::from_data(data, &device)).no_grad()
        };
        let classes = tuned.classes.len();
        tuned.weights = TunedWeights {
            tokens: param(tensor(TOKENS, None, model.config().backbone.hidden_size)?),
            prototypes: param(tensor(PROTOTYPES, Some(classes), model.width())?),
        };
        if file.names().contains(&READOUT) {
            let outputs = Some(outputs(classes));
            tuned.readout = Some(Readout {
                weights: tensor(READOUT, outputs, Readout::width(model))?.0,
                bias: tensor(READOUT_BIAS, outputs, 1)?.0,
            });
        }
        // Last, so that what is wrong is named where it can be.
        let tensors: Vec<_> = file
            .iter()
            .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
            .collect();
        let (expected, found) = (entry(DIGEST)?, content_digest(&metadata, &tensors));
        if expected != found {
            return Err(Error::tuned(name, DIGEST, expected, found));
        }
        Ok(tuned)
    }
}

/// The header of a safetensors file, without what may be gigabytes behind it.
fn header_of(path: &Path) -> Option<Metadata> {
    let mut file = instructue_fs::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return None;
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).ok()?;
    serde_json::from_slice(&header).ok()
}

/// A tensor's name, shape and bytes.
type NamedTensor<'a> = (&'a str, (Vec<usize>, Vec<u8>));

/// SHA-256 of everything that a file says but this.
fn content_digest(metadata: &HashMap<String, String>, tensors: &[NamedTensor<'_>]) -> String {
    let mut metadata: Vec<_> = metadata.iter().filter(|(key, _)| *key != DIGEST).collect();
    metadata.sort();
    let mut tensors: Vec<_> = tensors.iter().collect();
    tensors.sort_by_key(|(name, _)| *name);
    // Debug output quotes texts, so that no two contents look the same.
    let mut content = format!("{metadata:?}").into_bytes();
    for (name, (shape, bytes)) in tensors {
        content.extend(format!("{name:?} {shape:?} {}", bytes.len()).bytes());
        content.extend(bytes);
    }
    digest(&content)
}
