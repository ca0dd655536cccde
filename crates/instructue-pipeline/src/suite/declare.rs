//! What a suite is: data, folds, ablations and everything that is measured, in one TOML file.

use std::path::{Path, PathBuf};

use instructue_eval::{LookalikeOptions, NoiseKind};
use instructue_schema::seed;
use instructue_schema::{Schema, SourceKind, printable, toml_fault};
use serde::{Deserialize, Serialize};

use crate::config::{RunConfig, merge};
use crate::error::{Error, Result};
use crate::prepare::SCHEMA_FILE;
use crate::suggest;

/// The name of the model that variants are compared with.
pub const WHOLE: &str = "whole";

/// A benchmark suite.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("suite.toml");
/// # std::fs::write(&path, r#"
/// name = "shop"
/// title = "A shop's customers"
/// data = "shop"               # relative to this file
/// folds = 5
///
/// [run.train]                 # as in a run's config.toml; what is left out keeps its default
/// steps = 400
///
/// [[variant]]
/// name = "no_next_token"
/// title = "no next-token loss"
/// folds = 2
/// run = { train = { loss = { next_token_weight = 0.0 } } }
/// # "#).unwrap();
/// # std::fs::create_dir(dir.path().join("shop")).unwrap();
/// let suite = instructue_pipeline::suite::Suite::load(&path)?;
/// assert_eq!(suite.variants[0].config(&suite)?.train.steps, 400);
/// # Ok::<(), instructue_pipeline::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// A name for files, `[a-z0-9_-]`, at most 64 characters.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// The data directory with `schema.toml` and `tasks.toml`, relative to the suite's
    /// file and below the folder that holds the file's own.
    pub data: PathBuf,
    /// Folds of users. Each is tested by a model that saw the others.
    #[serde(default = "five")]
    pub folds: usize,
    /// Of these, how many are run, the first ones; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_folds: Option<usize>,
    /// Seed of folds, training, resamples and noise.
    #[serde(default = "seven")]
    pub seed: u64,
    /// Bootstrap resamples.
    #[serde(default = "thousand")]
    pub resamples: usize,
    /// Tasks that belong to marketing; the others are predictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marketing: Vec<String>,
    /// What differs from a default run.
    #[serde(default)]
    pub run: toml::Table,
    /// Changed events.
    #[serde(default)]
    pub noise: Noise,
    /// Tuning on few labels.
    #[serde(default)]
    pub few_shot: FewShotSettings,
    /// Users like those of a list.
    #[serde(default)]
    pub lookalike: LookalikeOptions,
    /// Next items.
    #[serde(default, rename = "recommendation")]
    pub recommendations: Vec<Recommendation>,
    /// Models with one thing changed.
    #[serde(default, rename = "variant")]
    pub variants: Vec<Variant>,
    /// Where the file is.
    #[serde(skip)]
    path: PathBuf,
}

/// Which changes of events are tried on test users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// Shares of events that come from other users.
    pub foreign: Vec<f64>,
    /// Shares of events whose times are permuted within the user.
    pub shuffled: Vec<f64>,
    /// Sources without any event.
    pub missing: Vec<String>,
    /// Folds that it is tried in; 0: all.
    pub folds: usize,
}

impl Noise {
    /// What is tried: its name, and how events are changed.
    pub(crate) fn conditions(&self) -> Vec<(String, NoiseKind)> {
        let named = |name: &str, share: f64| format!("{name}-{:.0}", share * 100.0);
        let foreign = self
            .foreign
            .iter()
            .map(|&share| (named("foreign", share), NoiseKind::Foreign { share }));
        let shuffled = self
            .shuffled
            .iter()
            .map(|&share| (named("shuffled", share), NoiseKind::Shuffled { share }));
        let missing = self.missing.iter().map(|source| {
            let source = source.clone();
            (format!("missing-{source}"), NoiseKind::Missing { source })
        });
        foreign.chain(shuffled).chain(missing).collect()
    }
}

/// Tuning an instruction on few labelled users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FewShotSettings {
    /// Numbers of labelled users.
    pub labels: Vec<usize>,
    /// Folds that it is tried in; 0: all.
    pub folds: usize,
    /// Learned tokens.
    pub tokens: usize,
    /// Steps of tuning.
    pub steps: usize,
}

/// Items that a user may take next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// A short name.
    pub name: String,
    /// The question.
    pub instruction: String,
    /// What an item is as an answer; `{item}` stands for it.
    pub text: String,
    /// The source of the events.
    pub source: String,
    /// The field with the item.
    pub field: String,
    /// The truth: items of the source's events in so many days from the reference time on …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// … or rows of a Parquet file of the data directory, with the source's user column and the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Whether items of the profile are no candidates.
    #[serde(default)]
    pub exclude_seen: bool,
    /// Sampled negatives beside one true item.
    #[serde(default = "hundred")]
    pub negatives: usize,
}

/// A model with one thing changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// A name for files, `[a-z0-9_-]`, at most 64 characters.
    pub name: String,
    /// What is changed.
    pub title: String,
    /// Folds that it is trained on, the first ones; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Sources that are left out of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// What differs from the suite's run.
    #[serde(default)]
    pub run: toml::Table,
    /// The variant that it is compared with; default: the whole model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
}

fn five() -> usize {
    5
}

fn seven() -> u64 {
    7
}

fn hundred() -> usize {
    100
}

fn thousand() -> usize {
    1000
}

impl Default for FewShotSettings {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            folds: 0,
            tokens: 6,
            steps: 500,
        }
    }
}

impl Suite {
    /// Reads and checks a suite's file.
    ///
    /// # Errors
    /// Names the file, the key, what is expected and what was found.
    pub fn load(path: &Path) -> Result<Self> {
        let mut suite: Self = suggest::read_toml(path)?;
        suite.path = path.into();
        suite.check()?;
        Ok(suite)
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        let parent = self.path.parent().unwrap_or(Path::new(""));
        parent.join(&self.data)
    }

    /// The file that it was read from.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folds that are run.
    pub fn folds_run(&self) -> usize {
        self.run_folds.unwrap_or(self.folds)
    }

    /// The run of the whole model, before a fold is chosen.
    ///
    /// # Errors
    /// A key that is none, or a value that does not fit.
    pub fn config(&self) -> Result<RunConfig> {
        self.config_with(&toml::Table::new())
    }

    fn config_with(&self, changes: &toml::Table) -> Result<RunConfig> {
        let mut table = self.run.clone();
        merge(&mut table, changes);
        let wrong = |message: String| Error::Config {
            path: self.path.clone(),
            line: None,
            message: format!("run: {message}"),
        };
        let fault = |error: toml::de::Error| wrong(suggest::shorten(&toml_fault(&error)));
        let named: RunConfig = table.clone().try_into().map_err(fault)?;
        let config = RunConfig::from_table(named.recipe, &table).map_err(fault)?;
        let validation = config.userqa.validation_share;
        if validation + 1.0 / self.folds as f64 >= 1.0 {
            return Err(wrong(format!(
                "userqa.validation_share: expected below 1 - 1 / {} folds, found {validation}",
                self.folds
            )));
        }
        // The folds decide about the test users.
        let of_fold = self.in_fold(&config, 0);
        of_fold
            .validate()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(config)
    }

    /// The run of one fold.
    pub fn in_fold(&self, config: &RunConfig, fold: usize) -> RunConfig {
        let mut config = config.clone();
        config.seed = self.seed;
        config.userqa.test_share = 1.0 / self.folds as f64;
        config.userqa.test_from = fold as f64 / self.folds as f64;
        config
    }

    /// Another one stands for another measurement. Which variants there are changes none.
    pub(crate) fn digest(&self) -> u64 {
        let mut alone = self.clone();
        alone.variants.clear();
        let text = toml::to_string(&alone).expect("a suite of plain values");
        seed::derive(0, &text, &[])
    }

    /// Whether what the suite names exists in the schema and among the tasks.
    pub(crate) fn check_against(&self, schema: &Schema, tasks: &[&str]) -> Result<()> {
        let known = |key: String, names: Vec<&str>, name: &str| {
            if names.contains(&name) {
                return Ok(());
            }
            let what = format!("{}: {key}", self.path.display());
            let expected = format!("one of {}", names.join(", "));
            Err(Error::argument(
                &what,
                &expected,
                format!("`{}`", printable(name)),
            ))
        };
        let sources = || schema.sources.iter().map(|s| s.name.as_str()).collect();
        for task in &self.marketing {
            known("marketing".into(), tasks.to_vec(), task)?;
        }
        let events = schema.sources.iter();
        let events = events.filter(|source| source.kind == SourceKind::Events);
        let events: Vec<&str> = events.map(|source| source.name.as_str()).collect();
        for source in &self.noise.missing {
            known("noise.missing".into(), events.clone(), source)?;
        }
        for variant in &self.variants {
            for source in &variant.without {
                known(
                    format!("variant `{}`.without", variant.name),
                    sources(),
                    source,
                )?;
            }
        }
        for one in &self.recommendations {
            let key = |key: &str| format!("recommendation `{}`.{key}", one.name);
            known(key("source"), events.clone(), &one.source)?;
            let Some((_, source)) = schema.source(&one.source) else {
                continue;
            };
            let fields = source.fields();
            let fields = fields.iter().map(|field| field.name.as_str()).collect();
            known(key("field"), fields, &one.field)?;
        }
        let file = self.data_dir().join(SCHEMA_FILE);
        if tasks.is_empty() {
            let found = format!("none beside {}", file.display());
            return Err(Error::argument("tasks.toml", "at least one task", found));
        }
        Ok(())
    }
}

impl Variant {
    /// The run of this variant, before a fold is chosen.
    ///
    /// # Errors
    /// A key that is none, or a value that does not fit.
    pub fn config(&self, suite: &Suite) -> Result<RunConfig> {
        suite.config_with(&self.run)
    }
}

#[cfg(test)]
mod tests;
