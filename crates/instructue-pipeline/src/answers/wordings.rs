//! Values of the data in other words, written by hand: what an evaluation asks in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use instructue_eval::Wording;
use instructue_schema::limits::texts;
use instructue_schema::{Schema, parse_toml, shown};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::suggest;

/// The file of a data directory with wordings; it may be missing.
pub const WORDINGS_FILE: &str = "wordings.toml";

/// One value in other words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueWording {
    /// The source.
    pub source: String,
    /// The category field.
    pub field: String,
    /// The value, as in the data.
    pub value: String,
    /// In plain words.
    pub plain: String,
    /// In synonyms and instances that share no word with the value.
    pub far: String,
}

/// Values in other words, by source, field and value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wordings {
    values: BTreeMap<(String, String, String), ValueWording>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "value")]
    values: Vec<ValueWording>,
}

impl Wordings {
    /// Reads the wordings of a data directory whose sources `schema` declares; without a file
    /// there are none.
    ///
    /// # Errors
    /// A file that cannot be read, a key, source or field that does not exist, a value twice, or
    /// one wording for two values of a field.
    pub fn load(data: &Path, schema: &Schema) -> Result<Self> {
        let path = data.join(WORDINGS_FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let wrong = |line: Option<usize>, message: String| Error::Config {
            path: path.clone(),
            line,
            message,
        };
        let text = instructue_fs::read_text(&path)?;
        let file: File =
            parse_toml(&text).map_err(|fault| wrong(Some(fault.line), suggest::shorten(&fault)))?;
        let mut out = Self::default();
        let mut known = BTreeSet::new();
        for (number, wording) in file.values.into_iter().enumerate() {
            let ValueWording {
                source,
                field,
                value,
                plain,
                far,
            } = wording.clone();
            let declared = schema.source(&source).map(|(_, source)| source.fields());
            if !declared.is_some_and(|fields| fields.iter().any(|one| one.name == field)) {
                let name = format!("{source}.{field}");
                let message = format!(
                    "value[{number}]: expected a source of schema.toml and a field of it, found {}",
                    shown(&name)
                );
                return Err(wrong(None, message));
            }
            for (key, text) in [("plain", &plain), ("far", &far)] {
                let key = format!("value[{number}].{key}");
                texts::instruction(&key, text).map_err(|error| wrong(None, error.to_string()))?;
                if !known.insert((source.clone(), field.clone(), text.clone())) {
                    let message = format!("{key}: {} stands for two values", shown(text));
                    return Err(wrong(None, message));
                }
            }
            let name = shown(&value).to_string();
            if out.values.insert((source, field, value), wording).is_some() {
                return Err(wrong(None, format!("value[{number}].value: {name} twice")));
            }
        }
        Ok(out)
    }

    /// A value in a wording; `None` where it has none.
    pub fn of(&self, wording: Wording, source: &str, field: &str, value: &str) -> Option<&str> {
        let found = || {
            let key = (source.to_owned(), field.to_owned(), value.to_owned());
            self.values.get(&key)
        };
        match wording {
            Wording::Exact => None,
            Wording::Plain => Some(&found()?.plain),
            Wording::Far => Some(&found()?.far),
        }
    }
}
