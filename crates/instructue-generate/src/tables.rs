//! Conversion of generated users to record batches, one per file.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use arrow::error::ArrowError;
use instructue_schema::{Schema, Timestamp};

use crate::error::{Error, Result};
use crate::names::LABELS_FILE;
use crate::person::{EVENT_SOURCES, Person};
use crate::traits::Trait;

/// The name of the tabular source.
pub(crate) const TABULAR: &str = "tabular";

/// A file to write.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The source's name, or "labels".
    pub name: &'static str,
    pub file: String,
    pub schema: SchemaRef,
}

/// All files: the six sources, then the labels.
pub(crate) fn tables(schema: &Schema) -> Vec<Table> {
    let sources = EVENT_SOURCES
        .iter()
        .map(|(name, ..)| *name)
        .chain([TABULAR]);
    let mut tables: Vec<Table> = sources
        .filter_map(|name| {
            let (_, source) = schema.source(name)?;
            Some(Table {
                name,
                file: source.file.clone(),
                schema: source.arrow_schema(),
            })
        })
        .collect();
    let mut fields = vec![Field::new("user_id", DataType::Utf8, false)];
    fields.extend(Trait::ALL.map(|of| Field::new(of.info().name, DataType::Boolean, false)));
    let schema = Arc::new(ArrowSchema::new(fields));
    tables.push(Table {
        name: "labels",
        file: LABELS_FILE.into(),
        schema,
    });
    tables
}

/// The rows of `persons` in one table.
pub(crate) fn batch(table: &Table, persons: &[Person]) -> Result<RecordBatch> {
    let source = EVENT_SOURCES
        .iter()
        .position(|(name, ..)| *name == table.name);
    let batch = match (source, table.name) {
        (Some(source), _) => events(table, source, persons),
        (None, TABULAR) => tabular(table, persons),
        _ => labels(table, persons),
    };
    batch.map_err(|source| Error::Arrow {
        name: table.name.into(),
        source,
    })
}

fn events(table: &Table, source: usize, persons: &[Person]) -> Result<RecordBatch, ArrowError> {
    let rows = || {
        let pairs = persons
            .iter()
            .map(move |person| (person, &person.events[source]));
        pairs.flat_map(|(person, events)| events.iter().map(move |event| (person, event)))
    };
    // Columns are matched by the names of the default schema. The tests would find a new name.
    let columns = table.schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "user_id" => texts(rows().map(|(person, _)| &*person.id)),
            "time" => times(rows().map(|(_, event)| event.time)),
            "amount" => Arc::new(Float64Array::from_iter_values(
                rows().map(|(_, event)| event.amount),
            )),
            "category" | "service" | "app" => texts(rows().map(|(_, event)| &*event.name)),
            _ => texts(rows().map(|(_, event)| &*event.text)),
        }
    });
    RecordBatch::try_new(table.schema.clone(), columns.collect())
}

fn tabular(table: &Table, persons: &[Person]) -> Result<RecordBatch, ArrowError> {
    let rows = || {
        persons
            .iter()
            .flat_map(|person| person.tabular.iter().map(move |row| (person, row)))
    };
    let columns = table.schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "user_id" => texts(rows().map(|(person, _)| &*person.id)),
            "time" => times(rows().map(|(_, row)| row.time)),
            "account_age_days" => Arc::new(Int64Array::from_iter_values(
                rows().map(|(_, row)| row.account_age_days),
            )),
            "balance" => Arc::new(rows().map(|(_, row)| row.balance).collect::<Float64Array>()),
            "contacts" => Arc::new(rows().map(|(_, row)| row.contacts).collect::<Int64Array>()),
            "city_tier" => Arc::new(
                rows()
                    .map(|(_, row)| row.city_tier)
                    .collect::<StringArray>(),
            ),
            _ => texts(rows().map(|(_, row)| row.device)),
        }
    });
    RecordBatch::try_new(table.schema.clone(), columns.collect())
}

fn labels(table: &Table, persons: &[Person]) -> Result<RecordBatch, ArrowError> {
    let ids = StringArray::from_iter_values(persons.iter().map(|person| &person.id));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(ids)];
    for of in Trait::ALL {
        let holds: Vec<bool> = persons
            .iter()
            .map(|person| person.traits[of as usize])
            .collect();
        columns.push(Arc::new(BooleanArray::from(holds)));
    }
    RecordBatch::try_new(table.schema.clone(), columns)
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    // The array's other constructor needs the length in advance.
    Arc::new(StringArray::from(texts.collect::<Vec<_>>()))
}

fn times(times: impl Iterator<Item = Timestamp>) -> ArrayRef {
    let micros = times.map(|time| time.0.saturating_mul(1_000_000));
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros))
}
