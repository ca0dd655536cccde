//! Metrics of a run: `metrics.jsonl` and TensorBoard events.

use std::path::Path;

use instructue_fs::{AppendFile, read_text};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::objective::Losses;
use crate::tensorboard::EventWriter;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The number of optimiser steps done.
    pub step: usize,
    /// The phase.
    pub phase: Phase,
    /// Each loss by its name: `contrastive`, `next_token` and those that a program adds.
    #[serde(flatten)]
    pub losses: Losses,
    /// Their weighted sum.
    pub loss: f64,
    /// The learning rate of the step; training only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub learning_rate: Option<f64>,
    /// The global norm of the gradients before clipping; training only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gradient_norm: Option<f64>,
    /// The users per second in the step; training only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub users_per_second: Option<f64>,
    /// The share of event texts whose vectors were in the cache; `None` without an event-vector
    /// cache.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_hit_rate: Option<f64>,
    /// The seconds of training so far, over all resumed parts.
    pub seconds: f64,
}

/// The phase to which a line of metrics belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// A training step.
    Train,
    /// A pass over the validation users.
    Validation,
}

/// A writer of metrics to both files. Every line is flushed.
#[derive(Debug)]
pub struct MetricsSink {
    lines: AppendFile,
    events: EventWriter,
}

impl MetricsSink {
    /// Opens `metrics.jsonl` and a TensorBoard file in `dir`. Lines after `step` are dropped,
    /// because a resumed run writes them again. The file is replaced in one step, so that a kill
    /// loses no history.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn open(dir: &Path, step: usize) -> Result<Self> {
        let path = dir.join("metrics.jsonl");
        let kept: Vec<(String, Metrics)> = if step > 0 && path.exists() {
            let lines = read_lines(&path)?.into_iter();
            lines.filter(|(_, m)| m.step <= step).collect()
        } else {
            Vec::new()
        };
        let text: String = kept.iter().map(|(line, _)| format!("{line}\n")).collect();
        instructue_fs::write(&path, text.as_bytes())?;
        let mut sink = Self {
            lines: AppendFile::open(&path)?,
            events: EventWriter::create(&dir.join("tensorboard"))?,
        };
        for (_, metrics) in &kept {
            sink.scalars(metrics)?;
        }
        Ok(sink)
    }

    /// Writes one line and its scalars.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, metrics: &Metrics) -> Result<()> {
        let line = serde_json::to_string(metrics).map_err(|e| Error::Format {
            path: self.lines.path().into(),
            message: e.to_string(),
        })?;
        self.lines.append(format!("{line}\n").as_bytes())?;
        self.scalars(metrics)
    }

    fn scalars(&mut self, metrics: &Metrics) -> Result<()> {
        let phase = match metrics.phase {
            Phase::Train => "train",
            Phase::Validation => "validation",
        };
        let losses = metrics.losses.0.iter();
        let losses = losses.map(|(name, value)| (name.as_str(), Some(*value)));
        let scalars = [
            ("loss", Some(metrics.loss)),
            ("learning_rate", metrics.learning_rate),
            ("gradient_norm", metrics.gradient_norm),
            ("users_per_second", metrics.users_per_second),
            ("event_hit_rate", metrics.event_hit_rate),
        ];
        for (name, value) in losses.chain(scalars) {
            if let Some(value) = value {
                self.events
                    .scalar(&format!("{phase}/{name}"), metrics.step, value as f32);
            }
        }
        self.events.flush()
    }
}

/// Reads a `metrics.jsonl`. A last line that a kill cut off is left out.
///
/// # Errors
/// The file cannot be read, or another line is no metrics.
pub fn read(path: &Path) -> Result<Vec<Metrics>> {
    let lines = read_lines(path)?.into_iter();
    Ok(lines.map(|(_, metrics)| metrics).collect())
}

fn read_lines(path: &Path) -> Result<Vec<(String, Metrics)>> {
    let text = read_text(path)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::with_capacity(lines.len());
    let count = lines.len();
    for (number, line) in lines.into_iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(metrics) => out.push((line.to_string(), metrics)),
            Err(_) if number + 1 == count => {}
            Err(e) => {
                return Err(Error::Format {
                    path: path.into(),
                    message: format!("line {}: expected metrics, found {e}", number + 1),
                });
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(step: usize) -> Metrics {
        Metrics {
            step,
            phase: Phase::Train,
            losses: Losses([("contrastive".into(), 1.5), ("next_token".into(), 2.5)].into()),
            loss: 4.0,
            learning_rate: Some(1e-3),
            gradient_norm: None,
            users_per_second: Some(10.0),
            event_hit_rate: None,
            seconds: 3.0,
        }
    }

    #[test]
    fn a_resumed_run_writes_over_what_came_after_its_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = MetricsSink::open(dir.path(), 0).unwrap();
        (1..=5).for_each(|step| sink.write(&line(step)).unwrap());
        drop(sink);
        let path = dir.path().join("metrics.jsonl");
        // The file is cut in the middle of a line, as by a kill.
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"step\":6,\"pha");
        fs::write(&path, text).unwrap();
        let mut sink = MetricsSink::open(dir.path(), 3).unwrap();
        sink.write(&line(4)).unwrap();
        let steps: Vec<usize> = read(&path).unwrap().iter().map(|m| m.step).collect();
        assert_eq!(steps, [1, 2, 3, 4]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, "nonsense\n{}\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
