//! Triples as Arrow record batches.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use instructue_schema::{Timestamp, UserId};

use crate::error::{Error, Result};
use crate::split::Split;
use crate::triple::{Triple, TripleKind};

const COLUMNS: [&str; 11] = [
    "user_id",
    "shard",
    "reference",
    "family",
    "kind",
    "wording",
    "instruction",
    "answer",
    "facts",
    "split",
    "held_out",
];

/// The columns of `userqa.parquet`.
pub(crate) fn schema() -> SchemaRef {
    let fields = COLUMNS.map(|name| {
        let ty = match name {
            "shard" | "wording" => DataType::UInt32,
            "reference" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "held_out" => DataType::Boolean,
            _ => DataType::Utf8,
        };
        Field::new(name, ty, false)
    });
    Arc::new(Schema::new(fields.to_vec()))
}

pub(crate) fn encode(triples: &[Triple]) -> Result<RecordBatch, ArrowError> {
    let text = |value: fn(&Triple) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(triples.iter().map(value)))
    };
    let number = |value: fn(&Triple) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(triples.iter().map(value)))
    };
    let micros = triples
        .iter()
        .map(|triple| triple.reference.0.saturating_mul(1_000_000));
    let held_out: Vec<bool> = triples.iter().map(|triple| triple.held_out).collect();
    RecordBatch::try_new(
        schema(),
        vec![
            text(|triple| triple.user.as_str()),
            number(|triple| triple.shard),
            Arc::new(TimestampMicrosecondArray::from_iter_values(micros)),
            text(|triple| &triple.family),
            text(|triple| triple.kind.name()),
            number(|triple| triple.wording),
            text(|triple| &triple.instruction),
            text(|triple| &triple.answer),
            text(|triple| &triple.facts),
            text(|triple| triple.split.name()),
            Arc::new(BooleanArray::from(held_out)),
        ],
    )
}

pub(crate) fn decode(batch: &RecordBatch, file: &Path, first_row: usize) -> Result<Vec<Triple>> {
    let users = column::<StringArray>(batch, file, "user_id")?;
    let shards = column::<UInt32Array>(batch, file, "shard")?;
    let references = column::<TimestampMicrosecondArray>(batch, file, "reference")?;
    let families = column::<StringArray>(batch, file, "family")?;
    let kinds = column::<StringArray>(batch, file, "kind")?;
    let wordings = column::<UInt32Array>(batch, file, "wording")?;
    let instructions = column::<StringArray>(batch, file, "instruction")?;
    let answers = column::<StringArray>(batch, file, "answer")?;
    let facts = column::<StringArray>(batch, file, "facts")?;
    let splits = column::<StringArray>(batch, file, "split")?;
    let held_out = column::<BooleanArray>(batch, file, "held_out")?;
    let wrong =
        |i: usize, column: &'static str, expected: &'static str, found: &str| Error::Value {
            file: file.into(),
            row: first_row + i,
            column,
            expected,
            found: format!("{found:?}"),
        };
    (0..batch.num_rows())
        .map(|i| {
            let (user, kind, split) = (users.value(i), kinds.value(i), splits.value(i));
            Ok(Triple {
                user: UserId::new(user)
                    .ok_or_else(|| wrong(i, "user_id", "a text that is not empty", user))?,
                shard: shards.value(i),
                reference: Timestamp(references.value(i).div_euclid(1_000_000)),
                family: families.value(i).into(),
                kind: TripleKind::from_name(kind)
                    .ok_or_else(|| wrong(i, "kind", "past or future", kind))?,
                wording: wordings.value(i),
                instruction: instructions.value(i).into(),
                answer: answers.value(i).into(),
                facts: facts.value(i).into(),
                split: Split::from_name(split)
                    .ok_or_else(|| wrong(i, "split", "train, validation or test", split))?,
                held_out: held_out.value(i),
            })
        })
        .collect()
}

fn column<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    file: &Path,
    name: &'static str,
) -> Result<&'a A> {
    let found = batch.column_by_name(name);
    let typed = found.and_then(|column| column.as_any().downcast_ref::<A>());
    match typed {
        Some(column) if column.null_count() == 0 => Ok(column),
        _ => Err(Error::Format {
            file: file.into(),
            what: name,
            expected: format!(
                "a column {:?} without missing values",
                schema()
                    .field_with_name(name)
                    .map(|field| field.data_type().clone())
            ),
            found: found.map_or("no such column".into(), |column| {
                format!(
                    "{:?} with {} missing",
                    column.data_type(),
                    column.null_count()
                )
            }),
        }),
    }
}
