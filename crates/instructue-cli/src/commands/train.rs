//! Trains a user-embedding model on logs of events and evaluates it.
//!
//! `cargo run --release --example train_userqa` uses the shopping logs of
//! `data/complete-journey`. `--data DIR` takes other Parquet files with their `schema.toml`.

use std::path::PathBuf;

use crate::commands::Embed;
use crate::say::say;
use crate::{Command, Console, Outcome, call, print_table};
use clap::Parser;
use instructue::DeviceName;
use instructue::model::{Precision, Size};
use instructue::pipeline::{RunConfig, Watch, annotated_config, train_userqa};
use serde_json::{Value, json};

/// Trains on logs of events and leaves a model with its evaluation.
#[derive(Debug, Parser)]
pub struct Train {
    /// Directory with Parquet files, schema.toml and, if there are downstream tasks, tasks.toml.
    #[arg(long, default_value = "data/complete-journey")]
    data: PathBuf,
    /// Where model, metrics, evaluation and report go.
    #[arg(long, default_value = "target/userqa")]
    out: PathBuf,
    /// tiny, small or base.
    #[arg(long)]
    size: Option<Size>,
    /// A pretrained decoder (Qwen2, Qwen3, Llama): a Hugging Face directory, a GGUF file or a hub id.
    #[arg(long, value_name = "PATH|ID")]
    backbone: Option<String>,
    /// A pretrained text encoder: a directory of sentence-transformers or a hub id.
    #[arg(long, value_name = "PATH|ID")]
    encoder: Option<String>,
    /// f32, or bf16 beside LoRA on a pretrained decoder.
    #[arg(long)]
    precision: Option<Precision>,
    /// cpu, wgpu, cuda or ndarray; the last three want a build with that feature.
    #[arg(long)]
    device: Option<DeviceName>,
    /// TOML with the settings; each run saves the one it used as OUT/config.toml.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Optimiser steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Show training as curves in the terminal; `q`, then `s`, ends it with a checkpoint.
    #[cfg(feature = "tui")]
    #[arg(long)]
    tui: bool,
    /// Print every key with its default and its meaning, as TOML, and do nothing else.
    #[arg(long)]
    print_config: bool,
    /// Go on where a killed run stopped.
    #[arg(long)]
    resume: bool,
}

impl Command for Train {
    const NAME: &'static str = "train";
    const EXAMPLE: Option<&'static str> = Some("train_userqa");

    fn run(&self) -> Outcome {
        let arguments = self;
        if arguments.print_config {
            print_table(annotated_config().trim_end());
            return Ok(Value::Null);
        }
        let saved = arguments.out.join("config.toml");
        let goes_on = arguments.config.is_none() && arguments.resume && saved.exists();
        let mut config = match &arguments.config {
            Some(path) => RunConfig::load(path)?,
            None if goes_on => RunConfig::load(&saved)?,
            None => RunConfig::default(),
        };
        if let Some(size) = arguments.size {
            config.size = size;
        }
        if let Some(backbone) = &arguments.backbone {
            config.pretrained.backbone = Some(backbone.clone());
        }
        if let Some(encoder) = &arguments.encoder {
            config.pretrained.encoder = Some(encoder.clone());
        }
        if let Some(precision) = arguments.precision {
            config.pretrained.precision = precision;
        }
        if let Some(device) = arguments.device {
            config.device = device.to_string();
        } else if let Ok(device) = std::env::var(instructue::DEVICE_VARIABLE)
            && !goes_on
        {
            config.device = device;
        }
        if let Some(steps) = arguments.steps {
            config.train.steps = steps;
        }
        // First, so that a wrong name does not cost an earlier run's model.
        let compute = config
            .device
            .parse::<DeviceName>()?
            .compute(config.replicas)?;
        let train = |watch: &mut dyn Watch| {
            train_userqa(
                &arguments.data,
                &arguments.out,
                &config,
                &compute,
                arguments.resume,
                watch,
            )
        };
        #[cfg(feature = "tui")]
        let dashboard = (arguments.tui && std::io::IsTerminal::is_terminal(&std::io::stdout()))
            .then(crate::Dashboard::new);
        #[cfg(not(feature = "tui"))]
        let dashboard: Option<Console> = None;
        let outcome = match dashboard {
            Some(mut dashboard) => {
                let outcome = train(&mut dashboard)?;
                dashboard.done();
                outcome
            }
            None => {
                let mut console = Console::new();
                let outcome = train(&mut console)?;
                console.done();
                outcome
            }
        };
        print_table(&outcome.evaluation.table());
        let out = outcome.out.display();
        say!(
            "trained {} steps in {:.0} s",
            outcome.steps,
            outcome.seconds
        );
        say!("wrote {out}/model, {out}/metrics.jsonl, {out}/evaluation.json, {out}/report.html");
        say!("next: open {out}/report.html, or embed users:");
        say!(
            "  {} --model {out} --data {} --instruction \"Will this user stop buying next month?\" \
         --out users.parquet",
            call::<Embed>(),
            arguments.data.display()
        );
        Ok(json!({
            "out": outcome.out,
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "evaluation": outcome.evaluation,
        }))
    }
}
