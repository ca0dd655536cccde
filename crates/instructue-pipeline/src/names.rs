//! Names of what a run leaves in its output.

/// The model's directory.
pub const MODEL_DIR: &str = "model";
/// The numbers of an evaluation.
pub const EVALUATION_FILE: &str = "evaluation.json";
/// The evaluation of a run to look at.
pub const REPORT_FILE: &str = "report.html";
/// The whole configuration.
pub(crate) const CONFIG_FILE: &str = "config.toml";
/// What training measured, line by line.
pub(crate) const METRICS_FILE: &str = "metrics.jsonl";
