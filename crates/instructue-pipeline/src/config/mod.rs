//! The configuration of a run: every setting in one TOML file.
//!
//! You need it to change what a run does; `config.toml` of each run holds it complete.

mod run;
mod settings;
mod userqa;

pub use settings::{
    Adapter, CacheSettings, EvaluationSettings, ModelSettings, PrivacySettings, RunConfig,
    UserQaSettings,
};
pub use userqa::userqa_config;
