//! Reading and writing of schemas, and queries on them.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::column::{Column, ColumnRole, Field, Lookup};
use crate::declare::{Schema, Source};
use crate::error::Error;
use crate::source_options::{OnError, SourceKind, TimePolicy};
use crate::toml_text::parse_toml;

/// The six sources of InstructUE (arXiv:2510.11016) as a file that users can copy.
const DEFAULT_SIX: &str = include_str!("../schemas/default.toml");

impl Schema {
    /// Parses and validates a schema.
    ///
    /// # Errors
    /// [`Error::Syntax`] for text that is not TOML, unknown or missing keys and
    /// values of another type; [`Error::Invalid`] for broken rules.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let schema: Self = parse_toml(text).map_err(|fault| Error::Syntax {
            file: "schema".into(),
            line: fault.line,
            column: fault.column,
            message: fault.to_string(),
        })?;
        schema.validate()?;
        Ok(schema)
    }

    /// Reads, parses and validates a schema file.
    ///
    /// # Errors
    /// As [`Schema::from_toml`], naming the file; [`Error::File`] when it cannot be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = instructue_fs::read_text(path)?;
        Self::from_toml(&text).map_err(|error| error.in_file(path))
    }

    /// The schema as TOML with every default written out. Equal schemas give equal texts.
    ///
    /// # Panics
    /// If `slots`, `max_tokens` or `top_groups` exceed `i64::MAX`, which a validated schema
    /// excludes.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers of a schema fit TOML's integers")
    }

    /// The SHA-256 of [`Schema::to_toml`], in hexadecimal.
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.to_toml());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The source called `name`, with its position.
    pub fn source(&self, name: &str) -> Option<(usize, &Source)> {
        self.sources
            .iter()
            .enumerate()
            .find(|(_, source)| source.name == name)
    }

    /// The six sources of InstructUE (arXiv:2510.11016): `bill`, `minipro`, `spm`, `app`,
    /// `search`, `tabular`.
    pub fn default_six() -> Self {
        Self::from_toml(DEFAULT_SIX).expect("the built-in schema is valid")
    }
}

impl Source {
    /// The column of the source that is the key of `lookup`.
    ///
    /// # Panics
    /// If the source has no such column: the schema was not validated, or the lookup belongs to
    /// another source.
    pub fn key_column(&self, lookup: &Lookup) -> &Column {
        let mut columns = self.columns.iter();
        columns
            .find(|column| column.name == lookup.key && column.role == ColumnRole::Key)
            .expect("a lookup with its key column")
    }

    /// Whether the source has a file. A tabular source without columns has aggregates only.
    pub fn has_file(&self) -> bool {
        self.kind == SourceKind::Events || !self.columns.is_empty()
    }

    /// The column with the user id.
    ///
    /// # Panics
    /// If the source has no such column: it is a tabular source of aggregates only (see
    /// [`Source::has_file`]), or the schema was not validated.
    pub fn user_column(&self) -> &Column {
        let mut columns = self.columns.iter();
        columns
            .find(|column| column.role == ColumnRole::User)
            .expect("a source with a user column")
    }

    /// The column with the time, which may belong to a lookup. A tabular source may have none.
    pub fn time_column(&self) -> Option<&Column> {
        self.all_columns()
            .find(|column| column.role == ColumnRole::Time)
    }

    /// The source's own columns, then those of its lookups in order.
    pub fn all_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .chain(self.lookups.iter().flat_map(|lookup| &lookup.columns))
    }

    /// The columns with content (text, category, number, vector): the source's own, then those of
    /// its lookups.
    pub fn fields(&self) -> Vec<Field> {
        self.all_columns().filter_map(field).collect()
    }

    /// Where the events' vectors stand among the [`fields`](Self::fields), and their width; `None`
    /// for a source whose events are texts, and for a tabular one.
    pub fn vector_field(&self) -> Option<(usize, usize)> {
        let fields = self.fields().into_iter().enumerate();
        let mut widths = fields.filter_map(|(at, field)| Some((at, field.width?)));
        widths.next()
    }

    /// The delimiter's name.
    pub fn delimiter(&self) -> &str {
        self.delimiter.as_deref().unwrap_or(&self.name)
    }

    /// What ingest does with a bad row of this source.
    pub fn on_error(&self, schema: &Schema) -> OnError {
        self.on_error.unwrap_or(schema.on_error)
    }

    /// Which times are valid in this source.
    pub fn times(&self, schema: &Schema) -> TimePolicy {
        self.times.unwrap_or(schema.times)
    }
}

fn field(column: &Column) -> Option<Field> {
    let text = match column.role {
        ColumnRole::Text | ColumnRole::Category => true,
        ColumnRole::Number | ColumnRole::Vector => false,
        ColumnRole::User | ColumnRole::Time | ColumnRole::Key => return None,
    };
    Some(Field {
        name: column.name.clone(),
        label: column.label(),
        role: column.role,
        rendered: column.render.unwrap_or(text),
        ty: column.ty,
        width: match column.role {
            ColumnRole::Vector => column.width,
            _ => None,
        },
    })
}
