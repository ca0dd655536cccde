//! The configuration of a run: every setting in one TOML file.
//!
//! You need it to change what a run does; `config.toml` of each run holds it complete.

mod presets;
mod recipe;
mod run;
mod settings;
mod userqa;

pub use recipe::Recipe;
pub(crate) use run::merge;
pub use settings::{
    CacheSettings, EvaluationSettings, ModelSettings, PrivacySettings, ReferenceConfig, RunConfig,
};
pub use userqa::userqa_config;
