//! Which files of a repository make a model.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::error::HubError;

/// Gives the path of a file of the repository, or `None` when it has no such file.
pub(super) type Get<'a> = dyn FnMut(&str) -> Result<Option<PathBuf>, HubError> + 'a;

/// What a folder lacks of a model.
pub(super) fn missing(folder: &Path) -> Result<Vec<String>, HubError> {
    gather(&mut |name| {
        let path = folder.join(name);
        Ok(path.is_file().then_some(path))
    })
}

/// Gets all files of a model, wherever they come from; returns those that are needed
/// and not there.
pub(super) fn gather(get: &mut Get<'_>) -> Result<Vec<String>, HubError> {
    let mut lacking = Vec::new();
    let mut need = |name: String, get: &mut Get<'_>| {
        if get(&name)?.is_none() {
            lacking.push(name);
        }
        Ok::<(), HubError>(())
    };
    get("config_sentence_transformers.json")?;
    // The encoder of a sentence-transformers directory may have its own folder.
    let mut base = String::new();
    match get("modules.json")? {
        None => drop(get("1_Pooling/config.json")?),
        Some(list) => {
            for module in read(&list)?.as_array().into_iter().flatten() {
                let kind = module["type"].as_str().unwrap_or_default();
                let path = module["path"].as_str().unwrap_or_default();
                let place = inside(&list, path)?;
                match kind.rsplit('.').next() {
                    Some("Transformer") => base = place,
                    Some("Pooling") => need(format!("{place}config.json"), get)?,
                    _ => drop(get(&format!("{place}config.json"))?),
                }
            }
        }
    }
    for name in ["tokenizer_config.json", "sentence_bert_config.json"] {
        get(&format!("{base}{name}"))?;
    }
    need(format!("{base}config.json"), get)?;
    need(format!("{base}tokenizer.json"), get)?;
    let whole = format!("{base}model.safetensors");
    if get(&whole)?.is_none() {
        match get(&format!("{whole}.index.json"))? {
            None => need(whole, get)?,
            Some(index) => {
                for shard in shards(&index)? {
                    need(format!("{base}{shard}"), get)?;
                }
            }
        }
    }
    Ok(lacking)
}

/// The files that an index of shards names, each once.
fn shards(index: &Path) -> Result<Vec<String>, HubError> {
    let json = read(index)?;
    let map = json["weight_map"].as_object();
    let map = map.ok_or_else(|| wrong(index, "expected an object `weight_map`"))?;
    let mut names = Vec::new();
    for file in map.values() {
        let name = file.as_str().unwrap_or_default();
        let place = inside(index, name)?;
        match place.strip_suffix('/') {
            Some(name) => names.push(name.to_owned()),
            None => return Err(wrong(index, "expected file names in `weight_map`")),
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// A path of the repository with a slash at its end, empty for its root. It may not
/// lead out of it.
fn inside(file: &Path, path: &str) -> Result<String, HubError> {
    let mut parts = Path::new(path).components();
    let plain = parts.all(|part| matches!(part, Component::Normal(_)));
    match path {
        "" => Ok(String::new()),
        path if plain && !path.contains('\\') => Ok(format!("{}/", path.trim_end_matches('/'))),
        path => Err(wrong(
            file,
            &format!("`{path}`: expected a path inside the repository"),
        )),
    }
}

fn read(path: &Path) -> Result<Value, HubError> {
    let text = instructue_fs::read_text(path).map_err(|error| wrong(path, &error.reason()))?;
    serde_json::from_str(&text).map_err(|error| wrong(path, &error.to_string()))
}

fn wrong(path: &Path, reason: &str) -> HubError {
    HubError::File {
        path: path.into(),
        reason: reason.into(),
    }
}
