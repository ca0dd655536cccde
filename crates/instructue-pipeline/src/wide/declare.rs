//! What a wide suite is: data sets, folds, and how many questions models are asked.

use std::path::{Path, PathBuf};

use instructue_schema::limits::{self, OutOfRange, numbers, texts};
use instructue_schema::{paths, toml_fault};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::suggest;

/// A suite of questions that no method has learned, on one or more data sets.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("wide.toml");
/// # std::fs::write(&path, r#"
/// name = "wide"
/// title = "Questions that were never learned"
/// folds = 5
///
/// [[data]]
/// name = "shop"
/// path = "shop"               # relative to this file
/// fetch = "python scripts/data/shop.py"   # said where the directory is missing
/// # "#).unwrap();
/// let suite = instructue_pipeline::wide::WideSuite::load(&path)?;
/// assert_eq!(suite.data[0].name, "shop");
/// # Ok::<(), instructue_pipeline::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideSuite {
    /// A name for files, `[a-z0-9_-]`, at most 64 characters.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Folds of users. Each is tested by what was learned from the others.
    pub folds: usize,
    /// Of these, how many are run, the first ones; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_folds: Option<usize>,
    /// Seed of folds, resamples and of which values learning may name.
    #[serde(default = "seven")]
    pub seed: u64,
    /// The data sets.
    pub data: Vec<WideData>,
    #[serde(skip)]
    path: PathBuf,
}

/// A data set of a wide suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideData {
    /// A name for files.
    pub name: String,
    /// The data directory, relative to the suite's file and below the folder that holds the
    /// file's own.
    pub path: PathBuf,
    /// How to get the data; said where the directory is missing, and the data set is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<String>,
    /// Folds that a whole model is trained in, the first ones: it is slow.
    #[serde(default)]
    pub models: usize,
    /// Questions that the whole model is asked, at most.
    #[serde(default = "forty")]
    pub model_questions: usize,
    /// What differs from a default run.
    #[serde(default)]
    pub run: toml::Table,
}

fn seven() -> u64 {
    7
}

fn forty() -> usize {
    40
}

impl WideSuite {
    /// Whether a file declares a wide suite: one with a list of data sets. A file that does not
    /// read declares none; who loads it says why.
    pub fn is_one(path: &Path) -> bool {
        let text = instructue_fs::read_text(path).unwrap_or_default();
        let table: Option<toml::Table> = text.parse().ok();
        table.is_some_and(|table| table.get("data").is_some_and(toml::Value::is_array))
    }

    /// Reads a suite.
    ///
    /// # Errors
    /// Names the file, the key, what is expected and what was found.
    pub fn load(path: &Path) -> Result<Self> {
        let mut suite: Self = suggest::read_toml(path)?;
        suite.path = path.into();
        suite.check().map_err(|out| out.in_file(path.display()))?;
        for data in &suite.data {
            suite.config(data, 0)?;
        }
        Ok(suite)
    }

    fn check(&self) -> Result<(), OutOfRange> {
        texts::word("name", &self.name)?;
        texts::line("title", &self.title)?;
        limits::check([
            ("folds", numbers::FOLDS.of(self.folds)),
            ("seed", numbers::SEED.of(self.seed)),
            ("data", numbers::LIST.of(self.data.len())),
        ])?;
        if !(1..=self.folds).contains(&self.folds_run()) {
            let expected = format!("1 to {}", self.folds);
            let found = self.folds_run().to_string();
            return Err(OutOfRange::new("run_folds", expected, found));
        }
        for (at, data) in self.data.iter().enumerate() {
            texts::word("data.name", &data.name)?;
            if let Some(fetch) = &data.fetch {
                texts::line("data.fetch", fetch)?;
            }
            if self.data[..at].iter().any(|other| other.name == data.name) {
                let found = data.name.clone();
                return Err(OutOfRange::new("data.name", "a name of its own", found));
            }
            let folder = self.path.parent().unwrap_or(Path::new(""));
            paths::beside(folder, &data.path)
                .map_err(|outside| OutOfRange::new("data.path", outside.expected, outside.found))?;
            if data.models > self.folds_run() {
                let expected = format!("at most {}", self.folds_run());
                let found = data.models.to_string();
                return Err(OutOfRange::new("data.models", expected, found));
            }
        }
        Ok(())
    }

    /// The folds that are run.
    pub fn folds_run(&self) -> usize {
        self.run_folds.unwrap_or(self.folds)
    }

    /// The directory of a data set.
    pub fn directory(&self, data: &WideData) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(&data.path)
    }

    /// The run of a data set in one fold.
    ///
    /// # Errors
    /// A key that is none, or a value that does not fit.
    pub fn config(&self, data: &WideData, fold: usize) -> Result<RunConfig> {
        let wrong = |message: String| Error::Config {
            path: self.path.clone(),
            line: None,
            message: format!("data `{}`.run: {message}", data.name),
        };
        let fault = |error: toml::de::Error| wrong(suggest::shorten(&toml_fault(&error)));
        let named: RunConfig = data.run.clone().try_into().map_err(fault)?;
        let mut config = RunConfig::from_table(named.recipe, &data.run).map_err(fault)?;
        config.seed = self.seed;
        config.userqa.test_share = 1.0 / self.folds as f64;
        config.userqa.test_from = fold as f64 / self.folds as f64;
        config
            .validate()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(config)
    }
}
