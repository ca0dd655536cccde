//! The names of a data set's files beside its sources.

/// The known answers: `user_id` and one Boolean column per trait.
pub const LABELS_FILE: &str = "labels.parquet";
/// The schema of the sources.
pub const SCHEMA_FILE: &str = "schema.toml";
/// The downstream tasks.
pub const TASKS_FILE: &str = "tasks.toml";
/// The trait behind each task.
pub const TRUTH_FILE: &str = "truth.json";
/// The manifest with size and digest of each table, which is written last; see
/// [`check`](crate::check).
pub const MANIFEST_FILE: &str = "manifest.json";
