//! Checkpoints: the complete state of a run on disk, from which it can be resumed.
//!
//! A checkpoint is a directory such as `step-00000050` with the weights, the optimiser's state
//! and [`State`]. It is valid only once its `manifest.json` exists, and it is renamed to its name
//! once it is complete.

use std::fs;
use std::path::{Path, PathBuf};

use burn::optim::ModuleOptimizer;
use instructue_fs::{Files, NewDirectory, read_sealed_value, remove_directory};
use instructue_model::parameters::Parameter;
use instructue_model::{InstructUe, ModelConfig, Network, parameters, save};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::objective::Objective;

const WEIGHTS: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";
const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 3;

/// The state of a run without tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of this format.
    pub format: u32,
    /// The number of optimiser steps done. With the seed it determines the data position.
    pub step: usize,
    /// The seconds of training so far.
    pub seconds: f64,
    /// The lowest validation loss so far, rounded to f32, and its step.
    pub best: Option<(f64, usize)>,
    /// The number of validations since then.
    pub stale: usize,
    /// The run's configuration.
    pub config: TrainConfig,
    /// Its seed.
    pub seed: u64,
    /// The names of its losses, in order.
    pub objectives: Vec<String>,
    /// The configuration of its model.
    pub model: ModelConfig,
    /// The fingerprint of the run's data.
    pub fingerprint: String,
    /// That of its validation data.
    pub validation: Option<String>,
    /// The size and SHA-256 of the checkpoint's other files.
    pub files: Files,
}

impl State {
    /// The state before the first step.
    pub fn start(
        config: &TrainConfig,
        objectives: &[Box<dyn Objective>],
        model: &ModelConfig,
        fingerprint: &str,
        validation: Option<&str>,
    ) -> Self {
        let names = objectives
            .iter()
            .map(|objective| objective.name().to_owned());
        Self {
            format: FORMAT,
            step: 0,
            seconds: 0.0,
            best: None,
            stale: 0,
            config: config.clone(),
            seed: config.seed,
            objectives: names.collect(),
            model: model.clone(),
            fingerprint: fingerprint.into(),
            validation: validation.map(Into::into),
            files: Files::default(),
        }
    }

    /// Whether a parameter is left out of the file. These are pretrained weights that do not
    /// change. Their digests are part of the configuration, and only a model with the same
    /// weights can resume.
    fn leaves_out(&self, parameter: &Parameter) -> bool {
        self.model.begins_with(parameter)
    }
}

/// Writes a checkpoint below `dir` and removes all but the newest `keep`.
///
/// # Errors
/// A file cannot be written. No incomplete content is then left under a checkpoint's name.
pub fn write(
    dir: &Path,
    network: &Network,
    optimizer: &ModuleOptimizer,
    state: &State,
    keep: usize,
) -> Result<PathBuf> {
    let target = dir.join(format!("step-{:08}", state.step));
    let new = NewDirectory::create(&target)?;
    let weights = parameters::tensors_but(network, |parameter| state.leaves_out(parameter));
    save::write_tensors(&new.path().join(WEIGHTS), &weights)?;
    let path = new.path().join(OPTIMIZER);
    optimizer.save(&path).map_err(|e| Error::Format {
        path: path.clone(),
        message: e.to_string(),
    })?;
    let state = State {
        files: Files::of(new.path())?,
        ..state.clone()
    };
    new.write_sealed(MANIFEST, &state)?;
    new.commit()?;
    prune(dir, keep)?;
    Ok(target)
}

/// Removes all but the newest `keep` checkpoints below `dir`.
///
/// # Errors
/// A checkpoint cannot be removed.
pub(crate) fn prune(dir: &Path, keep: usize) -> Result<()> {
    for old in list(dir)?.into_iter().rev().skip(keep) {
        remove_directory(&old)?;
    }
    Ok(())
}

/// The finished checkpoints below `dir`, oldest first. Their files are checked only by [`read`].
///
/// # Errors
/// The directory cannot be read.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io(dir))? {
        let path = entry.map_err(io(dir))?.path();
        let named = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with("step-"));
        if named && path.join(MANIFEST).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a checkpoint into a model and an optimiser of the same run.
///
/// # Errors
/// A file is missing or damaged, or the checkpoint belongs to another configuration or other
/// data.
pub fn read(
    path: &Path,
    model: InstructUe,
    optimizer: ModuleOptimizer,
    expected: &State,
) -> Result<(InstructUe, ModuleOptimizer, State)> {
    let manifest = path.join(MANIFEST);
    let broken = |e: serde_json::Error| Error::Format {
        path: manifest.clone(),
        message: e.to_string(),
    };
    let found = read_sealed_value(&manifest, "the manifest of a checkpoint")?;
    // JSON may change the last bit of a number, so both sides are converted once.
    let ours: Value = serde_json::to_vec(expected)
        .and_then(|json| serde_json::from_slice(&json))
        .map_err(broken)?;
    for key in [
        "format",
        "fingerprint",
        "validation",
        "seed",
        "objectives",
        "config",
        "model",
    ] {
        if let Some((key, expected, found)) = difference(&ours[key], &found[key], key.into()) {
            return Err(Error::OtherRun {
                path: path.into(),
                key,
                expected,
                found,
            });
        }
    }
    let state: State = serde_json::from_value(found).map_err(broken)?;
    // Burn accepts a damaged optimiser file that lacks parameters; the digest does not.
    let weights = state.files.path(path, WEIGHTS)?;
    let file = state.files.path(path, OPTIMIZER)?;
    let network = parameters::load_but(
        model.network().clone(),
        save::read_tensors(&weights)?,
        &weights,
        |parameter| expected.leaves_out(parameter),
    )?;
    let optimizer = optimizer.load(&file).map_err(|e| Error::Format {
        path: file,
        message: e.to_string(),
    })?;
    let state = State {
        // The two are equal except for the last bit of numbers in JSON.
        config: expected.config.clone(),
        model: expected.model.clone(),
        best: state
            .best
            .map(|(loss, step)| (f64::from(loss as f32), step)),
        ..state
    };
    Ok((model.with_network(network), optimizer, state))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    move |error| instructue_fs::Error::io(path)(error).into()
}

/// The first key in which two configurations differ, with both values.
fn difference(ours: &Value, theirs: &Value, key: String) -> Option<(String, String, String)> {
    if ours == theirs {
        return None;
    }
    let (Value::Object(a), Value::Object(b)) = (ours, theirs) else {
        return Some((key, ours.to_string(), theirs.to_string()));
    };
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.into_iter().find_map(|name| {
        let of = |side: &Map<String, Value>| side.get(name).cloned().unwrap_or_default();
        difference(&of(a), &of(b), format!("{key}.{name}"))
    })
}
