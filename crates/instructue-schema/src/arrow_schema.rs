//! Arrow schemas of the declared files. They are needed to write such a file.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::column::{self, Column, ColumnRole, ColumnType};
use crate::declare::Source;

impl Source {
    /// The Arrow schema of the source's own file: the declared columns, without those of lookups.
    ///
    /// Writers of this project produce it. Readers accept wider variants of each type.
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
    let required = column.required
        || matches!(
            column.role,
            ColumnRole::User | ColumnRole::Time | ColumnRole::Vector
        );
    Field::new(&column.name, data_type(column), !required)
}

fn data_type(column: &Column) -> DataType {
    match column.ty {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Int => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Vector => {
            let numbers = Field::new("item", DataType::Float32, false);
            let width = i32::try_from(column.width.unwrap_or(0)).unwrap_or(i32::MAX);
            DataType::FixedSizeList(Arc::new(numbers), width)
        }
        // Parquet has no unit of a second.
        ColumnType::Timestamp => DataType::Timestamp(
            column
                .unit
                .map_or(TimeUnit::Microsecond, |unit| match unit {
                    column::TimeUnit::Second => TimeUnit::Second,
                    column::TimeUnit::Millisecond => TimeUnit::Millisecond,
                    column::TimeUnit::Microsecond => TimeUnit::Microsecond,
                    column::TimeUnit::Nanosecond => TimeUnit::Nanosecond,
                }),
            None,
        ),
    }
}
