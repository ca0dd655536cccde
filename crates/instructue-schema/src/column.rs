//! Columns of a source and of its lookup tables: types, roles, units.

use serde::{Deserialize, Serialize};

/// The declared type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A whole number. As a time: since 1970-01-01 UTC, in the column's [`TimeUnit`].
    Int,
    /// A 64-bit floating-point number; NaN counts as missing.
    Float,
    /// True or false.
    Bool,
    /// A timestamp or date, also as text in a form of ISO 8601; without a time zone it is UTC.
    Timestamp,
    /// As many numbers in each row as the column's [`width`](Column::width) says, in 32 bits.
    Vector,
}

impl ColumnType {
    /// The name used in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::Vector => "vector",
        }
    }
}

/// The use of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnRole {
    /// The user id: `text` or `int`.
    User,
    /// The time of the event, or the time from which a tabular row is valid: `timestamp` or
    /// `int`.
    Time,
    /// Part of the event's text, never a group of an aggregate: `text` or `int`.
    Text,
    /// Part of the event's text, and a possible group of an aggregate: `text`, `int` or `bool`.
    Category,
    /// A numeric feature of the event: `int`, `float` or `bool`. It is in the text only with
    /// `render = true`.
    Number,
    /// The key of a lookup table; the column has no other use: `text` or `int`.
    Key,
    /// The event's vector, which another program computed: `vector`. It stands in place of a text,
    /// in an events source that renders no column.
    Vector,
}

impl ColumnRole {
    /// The name used in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Time => "time",
            Self::Text => "text",
            Self::Category => "category",
            Self::Number => "number",
            Self::Key => "key",
            Self::Vector => "vector",
        }
    }
}

/// The unit of a number that stands for a time since 1970-01-01 UTC. A finer unit is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeUnit {
    /// `s`
    #[serde(rename = "s")]
    Second,
    /// `ms`
    #[serde(rename = "ms")]
    Millisecond,
    /// `us`
    #[serde(rename = "us")]
    Microsecond,
    /// `ns`
    #[serde(rename = "ns")]
    Nanosecond,
}

impl TimeUnit {
    /// All units, the coarsest first.
    pub const ALL: [Self; 4] = [
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
    ];

    /// The name used in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
        }
    }

    /// The plural of the unit's name in words.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Second => "seconds",
            Self::Millisecond => "milliseconds",
            Self::Microsecond => "microseconds",
            Self::Nanosecond => "nanoseconds",
        }
    }

    /// The number of units in a second.
    pub fn per_second(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1_000_000,
            Self::Nanosecond => 1_000_000_000,
        }
    }
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column's name in the file.
    pub name: String,
    /// The type (TOML key `type`).
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// The role.
    pub role: ColumnRole,
    /// The name that people and models read; default: `name` with `_` replaced by a space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the column is part of the event's text; default: yes for text and category, no for
    /// numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render: Option<bool>,
    /// Whether a missing value is an error. User and time are always required.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The unit of a time column whose file holds numbers; default: seconds for `int`. With a
    /// unit, a `timestamp` column may also hold numbers, and a file's own timestamps must have
    /// this unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// How many numbers each value of a `vector` column has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
}

impl Column {
    /// The declared label, or its default.
    pub fn label(&self) -> String {
        self.label
            .clone()
            .unwrap_or_else(|| self.name.replace('_', " "))
    }

    /// The unit of a time column that holds numbers.
    pub fn unit(&self) -> TimeUnit {
        self.unit.unwrap_or(TimeUnit::Second)
    }
}

/// A small table that a key joins to the rows of a source. It is held in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// A file, a directory or a `*.parquet` pattern below the data directory.
    pub file: String,
    /// The key column. The lookup's file and the source have a column of this name; in the source
    /// its role is `key`.
    pub key: String,
    /// The columns that are added to the source. One of them may have the role `time`.
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
}

/// A column that carries content: a text, a category, a number or a vector. [`Source::fields`](crate::Source::fields) lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// The name that people and models read.
    pub label: String,
    /// `Text`, `Category`, `Number` or `Vector`.
    pub role: ColumnRole,
    /// Whether the column is part of the event's text.
    pub rendered: bool,
    /// Its declared type.
    pub ty: ColumnType,
    /// How many numbers a vector has; `None` for all other columns.
    pub width: Option<usize>,
}
