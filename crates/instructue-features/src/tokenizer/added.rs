//! Export of a `tokenizer.json` with additional special tokens, for other programs.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{TextTokenizer, write_files};
use crate::error::Error;

impl TextTokenizer {
    /// Writes the original `tokenizer.json` with additional special tokens. The first of them has
    /// the id [`vocab_size`](TextTokenizer::vocab_size). Other programs read a model's tokens by
    /// name; in this crate they are placed by position.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when a token of that name exists; [`Error::File`] when a file cannot
    /// be written.
    pub fn save_with(&self, path: &Path, names: &[String]) -> Result<(), Error> {
        let file = path.display().to_string();
        let mut tokenizer: Map<String, Value> = serde_json::from_str(&self.0.json)
            .map_err(|error| Error::tokenizer(&file, "a JSON object", error))?;
        let mut added = match tokenizer.remove("added_tokens") {
            Some(Value::Array(added)) => added,
            _ => Vec::new(),
        };
        let model = tokenizer.get("model");
        let in_model = |name: &str| {
            let vocab = model.map(|model| &model["vocab"]);
            let pieces = vocab.and_then(Value::as_array);
            vocab.is_some_and(|vocab| vocab.get(name).is_some())
                || pieces.is_some_and(|pieces| pieces.iter().any(|piece| piece[0] == name))
        };
        for (id, name) in (self.vocab_size()..).zip(names) {
            let of_name = |token: &Value| token["content"].as_str() == Some(name);
            if in_model(name) || added.iter().any(of_name) {
                return Err(Error::tokenizer(
                    &file,
                    format!("no token {name:?} yet"),
                    "one",
                ));
            }
            added.push(json!({
                "id": id, "content": name, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            }));
        }
        tokenizer.insert("added_tokens".into(), Value::Array(added));
        let json = serde_json::to_string(&tokenizer)
            .map_err(|error| Error::tokenizer(&file, "JSON", error))?;
        write_files(path, &json, &self.0.names)
    }
}
