//! Writing an adapter: the factors of a model go into a directory that PEFT reads.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::TensorData;
use instructue_fs::NewDirectory;

use super::config::TaskType;
use super::names::{CONFIG, Naming, WEIGHTS, key};
use super::settings::{self, Adapted};
use crate::checkpoint::write_safetensors;
use crate::lora::{LoraLinear, LoraMaps};
use crate::{Error, Result};

/// Writes the factors of a model to `dir`, which appears whole or not at all.
///
/// An adapter that is there is replaced, and so is an empty directory; anything
/// else is left alone. `base` is a note for the reader: where the base is found.
/// Merged factors are written as others are: they are for the unmerged base.
/// Ranks and scales that most maps do not have become patterns.
///
/// # Errors
///
/// [`Error::Export`] if there are no factors, if their dropouts differ, if a target
/// has factors in some layers only, or if `dir` holds other things; [`Error::Io`]
/// when a file cannot be written.
pub fn save<M: LoraMaps>(
    model: &M,
    dir: &Path,
    task: TaskType,
    base: Option<&str>,
    naming: &Naming,
) -> Result<()> {
    let refuse = |expected: &str, found: String| Error::Export {
        path: dir.into(),
        expected: expected.into(),
        found,
    };
    let prefix = naming.prefixes.first().copied().unwrap_or_default();
    let named = model.maps().into_iter().map(|(path, map)| {
        let path = (naming.path)(&path);
        (format!("{prefix}{path}"), map)
    });
    let named: Vec<(String, &LoraLinear)> = named.collect();
    let mut adapted: Vec<Adapted<'_>> = Vec::new();
    let mut targets: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut tensors: Vec<(String, TensorData)> = Vec::new();
    for (path, map) in &named {
        let target = (naming.target)(path);
        let (with, all) = targets.entry(target).or_default();
        *all += 1;
        let Some(lora) = &map.lora else { continue };
        *with += 1;
        adapted.push(Adapted::new(path, target, lora));
        for (factor, value) in [("lora_A", &lora.a), ("lora_B", &lora.b)] {
            let stored = value.val().transpose().into_data();
            tensors.push((key(path, factor), stored));
        }
    }
    targets.retain(|_, (with, _)| *with > 0);
    if let Some((target, (with, all))) = targets.iter().find(|(_, (with, all))| with < all) {
        let found = format!("{with} of {all} `{target}`");
        return Err(refuse("factors in every layer or none", found));
    }
    let Some(first) = adapted.first() else {
        return Err(refuse("factors of LoRA", "none".into()));
    };
    if let Some(other) = adapted.iter().find(|map| map.dropout != first.dropout) {
        let expected = format!(
            "the dropout of {} everywhere, {}",
            first.path, first.dropout
        );
        return Err(refuse(
            &expected,
            format!("{} at {}", other.dropout, other.path),
        ));
    }
    let targets: Vec<&str> = targets.into_keys().collect();
    let config = settings::to_json(task, base, &targets, &adapted);
    instructue_fs::check_replaceable(dir, "an adapter", CONFIG, |name| name == WEIGHTS)?;
    let into = NewDirectory::create(dir)?;
    let metadata = HashMap::from([("format".into(), "pt".into())]);
    write_safetensors(&into.path().join(WEIGHTS), tensors, Some(metadata))?;
    into.write(CONFIG, config.as_bytes())?;
    Ok(into.commit()?)
}
