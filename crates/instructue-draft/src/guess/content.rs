//! What a column says of an event or a user.

use instructue_schema::{Column, ColumnRole, ColumnType, SourceKind};

use super::note::Note;
use crate::look::{self, Looked};
use crate::words;

/// A text of more values than this is not a category.
const CATEGORY: usize = 2_000;

/// A column of this name, type and role, and nothing else said.
pub fn plain(name: &str, ty: ColumnType, role: ColumnRole) -> Column {
    Column {
        name: name.into(),
        ty,
        role,
        label: None,
        render: None,
        required: false,
        unit: None,
        width: None,
    }
}

/// What a column says of an event or a user; `None`, and why, if it is left out.
pub fn content(
    column: &look::Column,
    table: &Looked,
    kind: SourceKind,
    notes: &mut Vec<Note>,
) -> Option<Column> {
    let name = &column.name;
    let mut left = |text: &str, doubt: bool| {
        let place = format!("{}: {name}", table.table.file);
        let text = format!("left out: {text}");
        notes.push(Note { place, text, doubt });
        None
    };
    let Some(ty) = column.ty else {
        return left("its type is not read", false);
    };
    if column.seen == column.missing {
        return left("no row has a value", false);
    }
    if column.distinct() == 1 && ty != ColumnType::Vector {
        return left("one value alone", false);
    }
    if words::is_personal(name) {
        return left("it may say who somebody is", true);
    }
    let code = words::is_id(name);
    match ty {
        ColumnType::Vector if column.width == 0 => left("vectors of no width", true),
        ColumnType::Vector if kind == SourceKind::Events => Some(Column {
            width: Some(column.width),
            ..plain(name, ty, ColumnRole::Vector)
        }),
        ColumnType::Vector => left("a vector, which features of users cannot be", true),
        ColumnType::Timestamp => left("another time", true),
        ColumnType::Bool => Some(plain(name, ty, ColumnRole::Number)),
        ColumnType::Int if words::is_calendar(name) => left("the time says it", false),
        ColumnType::Int | ColumnType::Float if code => {
            left("numbers that name something, and no table says what", true)
        }
        ColumnType::Int | ColumnType::Float => Some(plain(name, ty, ColumnRole::Number)),
        ColumnType::Text if column.is_time_text() => left("another time", true),
        ColumnType::Text if column.is_opaque() && (code || column.distinct() > CATEGORY) => {
            left("codes that no table explains", true)
        }
        ColumnType::Text => {
            let few = column.distinct() <= CATEGORY;
            let again = column.counts.is_some() || column.repeats() >= 5.0 || code;
            match (few && again && !column.is_list(), kind) {
                (true, _) => Some(plain(name, ty, ColumnRole::Category)),
                (false, SourceKind::Events) => Some(plain(name, ty, ColumnRole::Text)),
                (false, _) => left("too many different texts for a feature of users", true),
            }
        }
    }
}
