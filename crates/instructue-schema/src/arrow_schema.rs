//! Arrow schemas of the declared files.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::declare::{self, Column, ColumnRole, ColumnType, Source};

impl Source {
    /// The Arrow schema of the source's own file (lookups have theirs), declared columns only.
    ///
    /// It is what this project's writers produce; reading accepts wider variants of each type.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns.iter().map(arrow_field).collect::<Vec<_>>(),
        ))
    }

    /// The Arrow schema of the lookup at `index`: its key, then its columns.
    ///
    /// # Panics
    /// If there is no such lookup or the source lacks its key column (validation refuses that).
    pub fn lookup_schema(&self, index: usize) -> SchemaRef {
        let lookup = &self.lookups[index];
        let key = Field::new(&lookup.key, data_type(self.key_column(lookup)), false);
        let fields = std::iter::once(key).chain(lookup.columns.iter().map(arrow_field));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

fn arrow_field(column: &Column) -> Field {
    let required = column.required || matches!(column.role, ColumnRole::User | ColumnRole::Time);
    Field::new(&column.name, data_type(column), !required)
}

fn data_type(column: &Column) -> DataType {
    match column.ty {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Int => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        // Parquet has no unit of a second.
        ColumnType::Timestamp => DataType::Timestamp(
            column
                .unit
                .map_or(TimeUnit::Microsecond, |unit| match unit {
                    declare::TimeUnit::Second => TimeUnit::Second,
                    declare::TimeUnit::Millisecond => TimeUnit::Millisecond,
                    declare::TimeUnit::Microsecond => TimeUnit::Microsecond,
                    declare::TimeUnit::Nanosecond => TimeUnit::Nanosecond,
                }),
            None,
        ),
    }
}
