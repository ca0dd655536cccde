//! Every knob of a run, in one TOML file.

use std::path::{Path, PathBuf};

use instructue_model::Size;
use instructue_model::cache::CacheConfig;
use instructue_trainer::TrainConfig;
use instructue_userqa::DEFAULT_MIN_USERS;
use serde::{Deserialize, Serialize};

use crate::pipeline::error::{Error, Result};
use crate::pipeline::pretrained::PretrainedSettings;
use crate::pipeline::suggest;

/// A run: `--config` reads it, and each run saves the one it used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// The one dial: `tiny`, `small` or `base`.
    pub size: Size,
    /// `cpu`, `wgpu`, `cuda` or `ndarray`.
    pub device: String,
    /// Passes that run at a time; 0: one per core on `cpu` (at most 8), one elsewhere.
    pub workers: usize,
    /// Seed of splits, triples, weights and training.
    pub seed: u64,
    /// Model.
    pub model: ModelSettings,
    /// Weights that others trained.
    pub pretrained: PretrainedSettings,
    /// What may be kept of users' data.
    pub privacy: PrivacySettings,
    /// Training set.
    pub userqa: UserQaSettings,
    /// Training.
    pub train: TrainConfig,
    /// Vectors of event texts that are kept.
    pub cache: CacheSettings,
    /// Evaluation after training.
    pub proof: ProofSettings,
}

/// What differs from the size's default model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Entries of the tokenizer trained on the run's own texts.
    pub vocabulary: usize,
    /// At most so many events per source, where the schema allows more;
    /// default: 96 for `tiny`, 160 for `small`, the schema's for `base`.
    pub slots: Option<usize>,
    /// Numbers of each event beside its text: when, how often, how much.
    pub event_features: bool,
    /// Source and user summary tokens.
    pub summaries: bool,
    /// `<USER>` carries the tabular sources' vectors, too.
    pub numbers_at_user: bool,
    /// Answers see `<USER>` and themselves only.
    pub answer_bottleneck: bool,
    /// Principal components of the tabular sources' numbers that stand beside each
    /// user's state; 0: none.
    pub components: usize,
    /// Words of instructions look up the events that share them.
    pub lookup: bool,
    /// How many events an instruction names, and how lately, is added to the input at
    /// `<USER>`.
    pub mentions: bool,
    /// `linear` or `mlp` adapters.
    pub adapter: Adapter,
}

/// The adapter's kind by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adapter {
    /// One linear layer.
    Linear,
    /// LayerNorm → Linear → GELU → Linear.
    Mlp,
}

/// What may be kept of users' data in whatever leaves the user store: vocabularies,
/// tables, questions and answers, reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacySettings {
    /// A word or value is kept only if so many training users have it, and a number
    /// that is fitted rests on so many; 1 keeps everything, for data that are no
    /// people's.
    pub min_users: usize,
}

/// The training set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserQaSettings {
    /// Reference times per user, going back from the end of the training time.
    pub references: usize,
    /// Days between two reference times.
    pub reference_step_days: i64,
    /// Days of the future that future instructions ask about.
    pub horizon_days: i64,
    /// Triples per user and reference time.
    pub triples_per_user: usize,
    /// Of these, triples of one family at most, each about another value.
    pub values_per_family: usize,
    /// Share of users kept for testing.
    pub test_share: f64,
    /// Where they begin among all users, as a share: `k / n` with a `test_share`
    /// of `1 / n` is fold k of n.
    pub test_from: f64,
    /// Share of users kept for validation.
    pub validation_share: f64,
}

/// Vectors of event texts that are kept, where encoders are frozen; with encoders
/// that are trained nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Whether any are.
    pub enabled: bool,
    /// Where, for further runs with the same encoders; default: `events` below the
    /// run's output. Runs at the same time may share it.
    pub folder: Option<PathBuf>,
    /// Bytes that the folder may hold, and as many of memory for each distinct
    /// encoder; the oldest vectors go.
    pub max_bytes: u64,
}

/// Evaluation after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProofSettings {
    /// Bootstrap resamples behind each interval.
    pub resamples: usize,
    /// Test users' own answers that are searched with, at most.
    pub retrieval_queries: usize,
    /// Instructions that those answers may belong to: every test user is
    /// embedded under each.
    pub retrieval_instructions: usize,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            size: Size::Tiny,
            device: "cpu".into(),
            workers: 0,
            seed: 7,
            model: ModelSettings::default(),
            pretrained: PretrainedSettings::default(),
            privacy: PrivacySettings::default(),
            userqa: UserQaSettings::default(),
            train: TrainConfig::default(),
            cache: CacheSettings::default(),
            proof: ProofSettings::default(),
        }
    }
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            vocabulary: 4096,
            slots: None,
            event_features: true,
            summaries: true,
            numbers_at_user: true,
            answer_bottleneck: false,
            components: 32,
            lookup: true,
            mentions: true,
            adapter: Adapter::Mlp,
        }
    }
}

impl Default for PrivacySettings {
    fn default() -> Self {
        Self {
            min_users: DEFAULT_MIN_USERS,
        }
    }
}

impl Default for UserQaSettings {
    fn default() -> Self {
        Self {
            references: 6,
            reference_step_days: 15,
            horizon_days: 30,
            triples_per_user: 32,
            values_per_family: 3,
            test_share: 0.3,
            test_from: 0.0,
            validation_share: 0.1,
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            folder: None,
            max_bytes: CacheConfig::default().max_bytes,
        }
    }
}

impl Default for ProofSettings {
    fn default() -> Self {
        Self {
            resamples: 1000,
            retrieval_queries: 500,
            retrieval_instructions: 16,
        }
    }
}

impl RunConfig {
    /// Reads a TOML file; keys that are left out keep their defaults.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or has a key that does not exist.
    pub fn load(path: &Path) -> Result<Self> {
        let text = instructue_fs::read_text(path)?;
        let config: Self = toml::from_str(&text).map_err(|e| {
            let message = suggest::shorten(e.message());
            let line = e.span().map(|s| text[..s.start].matches('\n').count() + 1);
            Error::Config {
                path: path.into(),
                line,
                message,
            }
        })?;
        config.train.validate()?;
        Ok(config)
    }

    /// Whether the run whose configuration is in `path` has this one: a run is resumed with
    /// the configuration that it began with.
    ///
    /// # Errors
    /// A file that cannot be read or is not complete, or the first key that differs.
    pub fn check_saved(&self, path: &Path) -> Result<()> {
        let saved = instructue_fs::read_text(path)?;
        let wrong = |message: String| Error::Config {
            path: path.into(),
            line: None,
            message,
        };
        let ours = self.to_toml();
        if saved == ours {
            return Ok(());
        }
        let (theirs, ours): (Vec<&str>, Vec<&str>) =
            (saved.lines().collect(), ours.lines().collect());
        if theirs.len() < ours.len() {
            let expected = "the complete configuration of the run that is to be resumed";
            return Err(wrong(format!(
                "expected {expected}, found {} of {} lines: begin anew without --resume",
                theirs.len(),
                ours.len()
            )));
        }
        let differs = ours
            .iter()
            .zip(&theirs)
            .find(|(ours, theirs)| ours != theirs);
        let (ours, theirs) = differs.unwrap_or((&"its end", &"more"));
        Err(wrong(format!(
            "the run began with {theirs:?} and is to go on with {ours:?}: a run is resumed with \
             the configuration that it began with"
        )))
    }

    /// The limit of events per source.
    pub fn slots(&self) -> Option<usize> {
        self.model.slots.or(match self.size {
            Size::Tiny => Some(96),
            Size::Small => Some(160),
            Size::Base => None,
        })
    }

    /// As TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration of plain values")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_survives_its_own_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        let mut config = RunConfig::default();
        config.train.steps = 17;
        config.cache.folder = Some("vectors of events".into());
        config.cache.max_bytes = 1 << 20;
        std::fs::write(&path, config.to_toml()).unwrap();
        assert_eq!(RunConfig::load(&path).unwrap(), config);
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        std::fs::write(&path, "seed = 1\n[train]\nstep = 5\n").unwrap();
        let message = RunConfig::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("run.toml:3") && message.contains("step"),
            "{message}"
        );
        std::fs::write(&path, "size = \"huge\"\n").unwrap();
        let message = RunConfig::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("tiny") && message.contains("huge"),
            "{message}"
        );
    }
}
