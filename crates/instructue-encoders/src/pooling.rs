//! Pooling: from the states of a text's tokens to one vector.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::config::read_json;

/// How the token states become one vector.
// Written as it always was: digests of models made before stay what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pooling {
    /// The state of the first token.
    #[serde(alias = "cls")]
    Cls,
    /// The mean over the text's tokens, padding left out.
    #[serde(alias = "mean")]
    Mean,
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cls => "cls",
            Self::Mean => "mean",
        })
    }
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
        match path.exists() {
            true => Self::read(&path, None).map(Some),
            false => Ok(None),
        }
    }

    /// Reads a pooling module's `config.json`; where its width is known, another
    /// one is refused.
    pub(crate) fn read(path: &Path, width: Option<usize>) -> Result<Self, Error> {
        let settings: Value = read_json(path)?;
        for key in ["embedding_dimension", "word_embedding_dimension"] {
            if let (Some(found), Some(width)) = (settings.get(key), width)
                && *found != width
            {
                let expected = format!("`hidden_size` = {width}");
                return Err(Error::config(
                    path.display().to_string(),
                    key,
                    found,
                    expected,
                ));
            }
        }
        // Newer files have a name or several, older ones a flag per mode.
        let modes: Vec<&str> = match settings.get("pooling_mode") {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(mode) => mode.as_str().into_iter().collect(),
            None => flags(&settings),
        };
        match modes[..] {
            ["cls_token"] | ["cls"] => Ok(Self::Cls),
            ["mean_tokens"] | ["mean"] => Ok(Self::Mean),
            _ => Err(Error::config(
                path.display().to_string(),
                "pooling_mode",
                format!("[{}]", modes.join(", ")),
                "exactly one of `cls` and `mean`",
            )),
        }
    }
}

/// The modes whose flag is set.
fn flags(settings: &Value) -> Vec<&str> {
    let entries = settings.as_object().into_iter().flatten();
    entries
        .filter(|(_, value)| **value == Value::Bool(true))
        .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
        .collect()
}
