//! A schema as a file that people go on with: each guess with its reason.

use std::fmt::Write;

use instructue_schema::{Column, Repeats, Schema, Source, SourceKind};

use crate::guess::Note;

/// The text of `schema.toml`. Notes stand where what they are about stands.
pub(crate) fn schema_text(schema: &Schema, notes: &[Note]) -> String {
    let mut text = String::from(
        "# Drafted from the tables of this directory. A line with `doubt` wants a look; every key \
         is\n# described in docs/own-data.md.\n",
    );
    line(&mut text, &format!("name = {}", quoted(&schema.name)));
    let on_error = match schema.on_error {
        instructue_schema::OnError::Fail => {
            "\"fail\"  # a bad row stops with its file, row and column"
        }
        instructue_schema::OnError::Skip => "\"skip\"  # bad rows are counted and left out",
    };
    line(&mut text, &format!("on_error = {on_error}"));
    let of_source = |note: &&Note, source: &Source| {
        let file = note.place.split(": ").next().unwrap_or_default();
        let lookups = source.lookups.iter().any(|lookup| lookup.file == file);
        source.has_file() && (source.file == file || lookups)
    };
    let others = notes
        .iter()
        .filter(|n| !schema.sources.iter().any(|s| of_source(n, s)));
    for note in others {
        remark(&mut text, note);
    }
    for source in &schema.sources {
        text.push('\n');
        write_source(&mut text, source);
        for note in notes.iter().filter(|note| of_source(note, source)) {
            remark(&mut text, note);
        }
    }
    text
}

fn write_source(text: &mut String, source: &Source) {
    line(text, "[[source]]");
    line(text, &format!("name = {}", quoted(&source.name)));
    let kind = match source.kind {
        SourceKind::Events => "events",
        SourceKind::Tabular => "tabular",
    };
    line(text, &format!("kind = \"{kind}\""));
    let description = quoted(&source.description);
    line(
        text,
        &format!(
            "description = {description}  # a noun phrase: it stands in questions and answers"
        ),
    );
    if source.has_file() {
        line(text, &format!("file = {}", quoted(&source.file)));
    }
    if source.kind == SourceKind::Events {
        line(
            text,
            &format!(
                "window_days = {}  # how far back a profile looks",
                source.window_days
            ),
        );
        if source.repeats == Repeats::Merge {
            line(
                text,
                "repeats = \"merge\"  # users have many: equal ones are one token with their number",
            );
        }
        line(
            text,
            &format!(
                "slots = {}  # tokens of a profile, the newest",
                source.slots
            ),
        );
        line(
            text,
            &format!(
                "max_tokens = {}  # text tokens of an event",
                source.max_tokens
            ),
        );
    }
    if !source.columns.is_empty() {
        line(text, "column = [");
        source.columns.iter().for_each(|one| column(text, one));
        line(text, "]");
    }
    for aggregate in &source.aggregates {
        line(text, "[[source.aggregate]]");
        line(text, &format!("source = {}", quoted(&aggregate.source)));
        let windows: Vec<String> = aggregate.windows_days.iter().map(u32::to_string).collect();
        line(text, &format!("windows_days = [{}]", windows.join(", ")));
        let groups: Vec<String> = aggregate.group_by.iter().map(|name| quoted(name)).collect();
        line(text, &format!("group_by = [{}]", groups.join(", ")));
        line(text, &format!("top_groups = {}", aggregate.top_groups));
    }
    for lookup in &source.lookups {
        line(text, "[[source.lookup]]  # joined by its key");
        line(text, &format!("file = {}", quoted(&lookup.file)));
        line(text, &format!("key = {}", quoted(&lookup.key)));
        line(text, "column = [");
        lookup.columns.iter().for_each(|one| column(text, one));
        line(text, "]");
    }
}

fn column(text: &mut String, column: &Column) {
    let mut keys = vec![
        format!("name = {}", quoted(&column.name)),
        format!("type = \"{}\"", column.ty.as_str()),
        format!("role = \"{}\"", column.role.as_str()),
    ];
    keys.extend(column.render.map(|render| format!("render = {render}")));
    keys.extend(
        column
            .unit
            .map(|unit| format!("unit = \"{}\"", unit.as_str())),
    );
    keys.extend(column.width.map(|width| format!("width = {width}")));
    line(text, &format!("    {{ {} }},", keys.join(", ")));
}

fn remark(text: &mut String, note: &Note) {
    let doubt = if note.doubt { "doubt: " } else { "" };
    // A name of a file or column may hold anything.
    let place: String = note
        .place
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line(text, &format!("# {doubt}{place}: {}", note.text));
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

/// A text as a basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
