//! From token states to one vector per text.

use std::path::Path;

use burn::config::Config;
use serde_json::Value;

use crate::Error;
use crate::config::read_json;

/// How the token states become one vector (method §3.1).
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The state of the first token.
    Cls,
    /// The mean over the text's tokens, padding left out.
    Mean,
}

impl Pooling {
    /// What `1_Pooling/config.json` of a sentence-transformers directory
    /// declares; `None` when there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or that declares anything but exactly one of
    /// the two.
    pub fn load(dir: impl AsRef<Path>) -> Result<Option<Self>, Error> {
        let path = dir.as_ref().join("1_Pooling").join("config.json");
        if !path.exists() {
            return Ok(None);
        }
        let settings: Value = read_json(&path)?;
        // Older files have a flag per mode, newer ones a name.
        let mut modes: Vec<&str> = settings
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
            .map(|(key, _)| key.trim_start_matches("pooling_mode_"))
            .collect();
        if let Some(mode) = settings.get("pooling_mode").and_then(Value::as_str) {
            modes.push(mode);
        }
        match modes[..] {
            ["cls_token"] | ["cls"] => Ok(Some(Self::Cls)),
            ["mean_tokens"] | ["mean"] => Ok(Some(Self::Mean)),
            _ => Err(Error::config(
                path.display().to_string(),
                "pooling_mode",
                format!("[{}]", modes.join(", ")),
                "exactly one of `cls` and `mean`",
            )),
        }
    }
}
