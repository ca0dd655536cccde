//! Every key of a configuration with its default and what it means, from the types.

use schemars::schema_for;
use serde_json::Value as Json;
use toml::{Table, Value};

use crate::config::RunConfig;

/// The columns of a comment.
const WIDTH: usize = 88;

/// The default configuration as TOML, each key under a comment that says what it means. The
/// comments are the documentation of the types.
pub fn annotated_config() -> String {
    let schema = schema_for!(RunConfig);
    let schema = schema.as_value();
    let config = RunConfig::default().to_toml();
    let config: Table = config.parse().expect("a configuration of plain values");
    let mut page = Page {
        definitions: &schema["$defs"],
        text: String::new(),
    };
    page.table(&mut Vec::new(), &config, schema);
    page.text
}

struct Page<'a> {
    definitions: &'a Json,
    text: String,
}

impl<'a> Page<'a> {
    /// The type that a schema refers to, or itself.
    fn resolved(&self, schema: &'a Json) -> &'a Json {
        let several = ["anyOf", "allOf"]
            .iter()
            .find_map(|key| schema[*key].as_array());
        let of_several = several.and_then(|list| list.iter().find(|one| one["type"] != "null"));
        let schema = of_several.unwrap_or(schema);
        match schema["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next())
        {
            Some(name) => &self.definitions[name],
            None => schema,
        }
    }

    /// The keys of a table: plain ones first, as TOML wants them, then tables.
    fn table(&mut self, path: &mut Vec<String>, values: &Table, schema: &'a Json) {
        let Some(properties) = schema["properties"].as_object() else {
            for (key, value) in values {
                self.text += &format!("{key} = {value}\n");
            }
            return;
        };
        let is_table = |key: &str| matches!(values.get(key), Some(Value::Table(_)));
        for (key, property) in properties.iter().filter(|(key, _)| !is_table(key)) {
            self.comment(property);
            match values.get(key) {
                Some(value) => self.text += &format!("{key} = {value}\n"),
                // Left out unless a run names it.
                None => self.text += &format!("# {key} = …\n"),
            }
        }
        for (key, property) in properties {
            let Some(Value::Table(inner)) = values.get(key) else {
                continue;
            };
            path.push(key.clone());
            self.text.push('\n');
            self.comment(property);
            self.text += &format!("[{}]\n", path.join("."));
            let inner_schema = self.resolved(property);
            self.table(path, inner, inner_schema);
            path.pop();
        }
    }

    /// What a property means, and what each of its choices does.
    fn comment(&mut self, property: &'a Json) {
        if let Some(text) = property["description"].as_str() {
            self.wrapped(text);
        }
        let choices = self.resolved(property)["oneOf"].as_array();
        for choice in choices.into_iter().flatten() {
            let (Some(name), Some(text)) =
                (choice["const"].as_str(), choice["description"].as_str())
            else {
                continue;
            };
            self.wrapped(&format!("\"{name}\": {text}"));
        }
    }

    fn wrapped(&mut self, text: &str) {
        let text = without_links(text);
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.text += &line;
                self.text.push('\n');
                line = "#".into();
            }
            line.push(' ');
            line += word;
        }
        self.text += &line;
        self.text.push('\n');
    }
}

/// The text with links of rustdoc, `[text](target)` and `[text]`, replaced by their texts.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((label, behind)) = after.split_once(']') else {
            break;
        };
        out += before;
        // Intervals such as `[0, 1)` stay.
        let is_link = behind.starts_with('(') || label.starts_with('`');
        if !is_link {
            out.push('[');
            rest = after;
            continue;
        }
        out += label;
        rest = match behind
            .strip_prefix('(')
            .and_then(|target| target.split_once(')'))
        {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_the_default_and_every_key_has_a_meaning() {
        let text = annotated_config();
        let shown: Table = text.parse().unwrap();
        let default: Table = RunConfig::default().to_toml().parse().unwrap();
        assert_eq!(shown, default);
        let mut before = "";
        for line in text.lines() {
            let is_key = line.contains(" = ") && !line.starts_with("# ");
            assert!(!is_key || before.starts_with('#'), "no meaning: {line}");
            before = line;
        }
    }

    #[test]
    fn links_are_their_texts() {
        let text = "see [`x`](Self::x), [the docs](crate#a) and [`Y`]; a share in `[0, 1)`";
        let expected = "see `x`, the docs and `Y`; a share in `[0, 1)`";
        assert_eq!(without_links(text), expected);
    }

    #[test]
    fn the_page_of_all_keys_is_what_the_types_say() {
        let page = include_str!("../../../docs/configuration.md");
        let block = page.split("```toml\n").nth(1);
        let block = block.and_then(|rest| rest.split("```").next());
        let (shown, made) = (block.expect("a block of TOML"), annotated_config());
        let hint = "write it again: cargo run --example train_userqa -- --print-config";
        for (shown, made) in shown.lines().zip(made.lines()) {
            assert_eq!(shown, made, "docs/configuration.md: {hint}");
        }
        assert!(shown == made, "docs/configuration.md: {hint}");
    }
}
