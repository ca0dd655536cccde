//! Checkpoints of the whole state of a run.
//!
//! A checkpoint is a directory `step-00000050` with the weights, the
//! optimiser's state and [`State`]. It counts only once its `manifest.json` is
//! there, and it appears under its name whole, by rename.

use std::fs;
use std::path::{Path, PathBuf};

use burn::optim::ModuleOptimizer;
use instructue_model::{InstructUe, Network, parameters, save};
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::{Error, Result};

const WEIGHTS: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";
const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// Everything but tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of this format.
    pub format: u32,
    /// Optimiser steps done; with the seed this is the data position.
    pub step: usize,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Lowest validation loss so far and its step.
    pub best: Option<(f64, usize)>,
    /// Validations since then.
    pub stale: usize,
    /// The configuration of the run.
    pub config: TrainConfig,
    /// The data of the run.
    pub fingerprint: String,
}

impl State {
    /// The state before the first step.
    pub fn start(config: &TrainConfig, fingerprint: &str) -> Self {
        Self {
            format: FORMAT,
            step: 0,
            seconds: 0.0,
            best: None,
            stale: 0,
            config: config.clone(),
            fingerprint: fingerprint.into(),
        }
    }
}

/// Writes a checkpoint below `dir` and removes all but the newest `keep`.
///
/// # Errors
/// When a file cannot be written; nothing half-written is left under a
/// checkpoint's name.
pub fn write(
    dir: &Path,
    network: &Network,
    optimizer: &ModuleOptimizer,
    state: &State,
    keep: usize,
) -> Result<PathBuf> {
    fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    let partial = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(dir)
        .map_err(|e| Error::io(dir, e))?;
    save::write_tensors(&partial.path().join(WEIGHTS), &parameters::tensors(network))?;
    let path = partial.path().join(OPTIMIZER);
    optimizer.save(&path).map_err(|e| Error::Format {
        path: path.clone(),
        message: e.to_string(),
    })?;
    let path = partial.path().join(MANIFEST);
    let json = serde_json::to_vec_pretty(state).map_err(|e| Error::Format {
        path: path.clone(),
        message: e.to_string(),
    })?;
    fs::write(&path, json).map_err(|e| Error::io(&path, e))?;
    let target = dir.join(format!("step-{:08}", state.step));
    if target.exists() {
        fs::remove_dir_all(&target).map_err(|e| Error::io(&target, e))?;
    }
    fs::rename(partial.path(), &target).map_err(|e| Error::io(&target, e))?;
    let _ = partial.keep();
    for old in list(dir)?.into_iter().rev().skip(keep) {
        fs::remove_dir_all(&old).map_err(|e| Error::io(&old, e))?;
    }
    Ok(target)
}

/// The finished checkpoints below `dir`, oldest first.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| Error::io(dir, e))? {
        let path = entry.map_err(|e| Error::io(dir, e))?.path();
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
/// When a file is missing or torn, or the checkpoint belongs to another
/// configuration or other data.
pub fn read(
    path: &Path,
    model: InstructUe,
    optimizer: ModuleOptimizer,
    expected: &State,
) -> Result<(InstructUe, ModuleOptimizer, State)> {
    let manifest = path.join(MANIFEST);
    let json = fs::read(&manifest).map_err(|e| Error::io(&manifest, e))?;
    let state: State = serde_json::from_slice(&json).map_err(|e| Error::Format {
        path: manifest,
        message: e.to_string(),
    })?;
    let other = |key: &str, expected: String, found: String| Error::OtherRun {
        path: path.into(),
        key: key.into(),
        expected,
        found,
    };
    if state.format != expected.format {
        return Err(other(
            "format",
            expected.format.to_string(),
            state.format.to_string(),
        ));
    }
    if state.fingerprint != expected.fingerprint {
        return Err(other(
            "data fingerprint",
            expected.fingerprint.clone(),
            state.fingerprint,
        ));
    }
    if state.config != expected.config {
        let (key, ours, theirs) = first_difference(&expected.config, &state.config);
        return Err(other(&key, ours, theirs));
    }
    let weights = path.join(WEIGHTS);
    let network = parameters::load(
        model.network().clone(),
        save::read_tensors(&weights)?,
        &weights,
    )?;
    let file = path.join(OPTIMIZER);
    let optimizer = optimizer.load(&file).map_err(|e| Error::Format {
        path: file,
        message: e.to_string(),
    })?;
    Ok((model.with_network(network), optimizer, state))
}

/// The first key in which two configurations differ, with both values.
fn first_difference(ours: &TrainConfig, theirs: &TrainConfig) -> (String, String, String) {
    let json = |config| serde_json::to_value(config).unwrap_or_default();
    let (ours, theirs) = (json(ours), json(theirs));
    let keys = ours.as_object().into_iter().flatten();
    keys.filter(|(key, value)| theirs.get(key.as_str()) != Some(value))
        .map(|(key, value)| {
            let found = theirs
                .get(key.as_str())
                .map_or("nothing".into(), ToString::to_string);
            (key.clone(), value.to_string(), found)
        })
        .next()
        .unwrap_or_default()
}
