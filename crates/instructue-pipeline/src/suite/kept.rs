//! Results that stay on disk beside what they were made from.

use std::path::Path;

use instructue_eval::Study;
use instructue_fs::{read_sealed, write_sealed};
use instructue_schema::seed;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::TrainedRun;
use crate::suite::declare::Suite;

/// The layout of a fold's results; another one is made again.
const RESULT_FORMAT: u32 = 7;

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    /// What it was made from.
    key: String,
    result: T,
}

/// What a fold's results rest on: another model, suite, task, label or layout makes them
/// again, and so does another number of folds.
pub(crate) fn key(
    suite: &Suite,
    study: &Study<'_>,
    run: &TrainedRun,
    whole: bool,
) -> Result<String> {
    let labels = study.labels.iter().flatten();
    let labels = labels.map(|label| label.map_or(2, u64::from));
    let parts: Vec<u64> = labels.chain([study.folds.len() as u64]).collect();
    let tasks = format!("{:?}", study.tasks);
    let asked = seed::derive(0, &tasks, &parts);
    let of = match whole {
        true => format!("{:016x}", suite.digest()),
        // What only the whole model is measured by does not concern a variant.
        false => format!("{}-{}-{}", suite.name, suite.folds, suite.seed),
    };
    let model = run.model.digest()?;
    Ok(format!("{RESULT_FORMAT}-{of}-{asked:016x}-{model}"))
}

/// The result in `path` if it was made from `key`; anything else is made again.
pub(crate) fn load<T: DeserializeOwned>(path: &Path, key: &str) -> Option<T> {
    let kept: Kept<T> = read_sealed(path, "a result that was kept").ok()?;
    (kept.key == key).then_some(kept.result)
}

/// Keeps a result.
pub(crate) fn save(path: &Path, key: &str, result: &impl Serialize) -> Result<()> {
    let kept = Kept {
        key: key.to_owned(),
        result,
    };
    Ok(write_sealed(path, &kept)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_from_the_same_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results/a.json");
        assert_eq!(load::<Vec<u32>>(&path, "a"), None);
        save(&path, "a", &vec![1, 2]).unwrap();
        assert_eq!(load::<Vec<u32>>(&path, "a"), Some(vec![1, 2]));
        assert_eq!(load::<Vec<u32>>(&path, "b"), None);
        std::fs::write(&path, "{\"key\":\"a\",\"res").unwrap();
        assert_eq!(load::<Vec<u32>>(&path, "a"), None);
    }
}
