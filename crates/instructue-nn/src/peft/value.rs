//! JSON values of an `adapter_config.json`: whether one asks for something, and how a
//! message shows it.

use serde_json::Value;

/// Whether a value switches nothing on.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A value on one line, cut where it would fill the screen.
pub(super) fn shown(value: &Value) -> String {
    const LIMIT: usize = 120;
    let text = value.to_string();
    match text.len() > LIMIT {
        true => format!("{}…", &text[..text.floor_char_boundary(LIMIT)]),
        false => text,
    }
}
