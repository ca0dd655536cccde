//! The settings of a run with their defaults.

use std::path::PathBuf;

use instructue_adapter::AdapterKind;
use instructue_model::Size;
use instructue_model::cache::CacheConfig;
use instructue_trainer::{ScorerConfig, TrainConfig};
use instructue_userqa::{DEFAULT_MIN_USERS, UserQaConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::recipe::Recipe;
use crate::pretrained::PretrainedSettings;

/// A run: `--config` reads it, and each run saves the one it used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// What the values start from; each key that a file names replaces one of them.
    pub recipe: Recipe,
    /// The one dial: `tiny`, `small` or `base`.
    #[schemars(with = "String")]
    pub size: Size,
    /// `cpu`, `wgpu`, `cuda` or `ndarray`.
    pub device: String,
    /// Passes that run at a time; 0: one per core on `cpu` (at most 8), one elsewhere.
    pub replicas: usize,
    /// Seed of splits, triples, weights and training.
    pub seed: u64,
    /// Model.
    pub model: ModelSettings,
    /// Weights that others trained.
    pub pretrained: PretrainedSettings,
    /// What may be kept of users' data.
    pub privacy: PrivacySettings,
    /// Reference times of the training set.
    pub references: ReferenceConfig,
    /// Questions and answers of the training set.
    pub userqa: UserQaConfig,
    /// Training.
    pub train: TrainConfig,
    /// Answer scores: the probability of a yes, without labels.
    pub answers: ScorerConfig,
    /// Vectors of event texts that are kept.
    pub cache: CacheSettings,
    /// Evaluation after training.
    pub evaluation: EvaluationSettings,
}

/// What differs from the size's default model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub tabular_at_user: bool,
    /// Answers see `<USER>` and themselves only.
    pub answer_bottleneck: bool,
    /// Principal components of the tabular sources' numbers that stand beside each
    /// user's state; 0: none.
    pub pca_components: usize,
    /// Words of instructions look up the events that share them.
    pub lookup: bool,
    /// How many events an instruction names, and how lately, is added to the input at
    /// `<USER>`.
    pub lexical_matches: bool,
    /// `linear` or `mlp` adapters.
    pub adapter: AdapterKind,
}

/// What may be kept of users' data in whatever leaves the user store: vocabularies,
/// tables, questions and answers, reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacySettings {
    /// A word or value is kept only if so many training users have it, and a number
    /// that is fitted rests on so many; 1 keeps everything, for data that are no
    /// people's.
    pub min_users: usize,
}

/// The reference times of the training set: a profile ends there, its future begins there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReferenceConfig {
    /// Reference times per user, going back from the end of the training time.
    pub count: usize,
    /// Days between two reference times.
    pub step_days: i64,
}

/// Vectors of event texts that are kept, where encoders are frozen; with encoders
/// that are trained nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Whether vectors are kept.
    pub enabled: bool,
    /// Where, for further runs with the same encoders; default: `events` below the
    /// run's output. Runs at the same time may share it.
    pub folder: Option<PathBuf>,
    /// Bytes that the folder may hold, and as many of memory for each distinct
    /// encoder; the oldest vectors go.
    pub max_bytes: u64,
}

/// Evaluation after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Bootstrap resamples behind each interval.
    pub resamples: usize,
    /// Test users' own answers that retrieval searches with, at most.
    pub retrieval_queries: usize,
    /// Instructions that retrieval asks about: every test user is embedded under each.
    pub retrieval_instructions: usize,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self::minutes()
    }
}

impl RunConfig {
    /// The recipe of the same name: all types' defaults.
    pub(crate) fn minutes() -> Self {
        Self {
            recipe: Recipe::Minutes,
            size: Size::Tiny,
            device: "cpu".into(),
            replicas: 0,
            seed: 7,
            model: ModelSettings::default(),
            pretrained: PretrainedSettings::default(),
            privacy: PrivacySettings::default(),
            references: ReferenceConfig::default(),
            userqa: UserQaConfig::default(),
            train: TrainConfig::default(),
            answers: ScorerConfig::default(),
            cache: CacheSettings::default(),
            evaluation: EvaluationSettings::default(),
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
            tabular_at_user: true,
            answer_bottleneck: false,
            pca_components: 32,
            lookup: true,
            lexical_matches: true,
            adapter: AdapterKind::Mlp,
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

impl Default for ReferenceConfig {
    fn default() -> Self {
        Self {
            count: 6,
            step_days: 15,
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

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self {
            resamples: 1000,
            retrieval_queries: 500,
            retrieval_instructions: 16,
        }
    }
}
