//! Vectors of a whole user base, as Parquet: `id` and one
//! `FixedSizeList<f32>` column per instruction.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema};
use instructue_data::UserStore;
use instructue_eval::{Embedder, UserRef};
use instructue_model::{InstructUe, VectorKind};
use instructue_schema::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::pipeline::error::{Error, Result};
use crate::pipeline::prepare::Stage;
use crate::pipeline::store_embedder::StoreEmbedder;

/// The longest instruction, in bytes of UTF-8. A model is trained on a sentence or
/// two; memory grows with the square of an instruction's tokens.
pub const MAX_INSTRUCTION_BYTES: usize = 8192;

/// What to embed, and under which instructions.
#[derive(Debug, Clone)]
pub struct EmbedRequest {
    /// Only events before this time are seen.
    pub reference: Timestamp,
    /// One column each; empty: one column of general vectors.
    pub instructions: Vec<String>,
    /// Unit vectors for cosine, or states for a model of one's own.
    pub kind: VectorKind,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// The file.
    pub path: PathBuf,
    /// Rows.
    pub users: u64,
    /// Width of a vector.
    pub width: usize,
    /// Columns, without `id`.
    pub columns: Vec<String>,
}

/// Embeds all users of `store` and writes them to `out`, shard by shard. The
/// file appears under its name only when it is whole. The instructions are kept
/// in the columns' metadata under `instruction`.
///
/// # Errors
/// An empty or overlong instruction, an unreadable store, or a disk that does not take the file.
pub fn embed_users(
    model: &InstructUe,
    store: &UserStore,
    request: &EmbedRequest,
    out: &Path,
    watch: &mut dyn FnMut(Stage),
) -> Result<Embedded> {
    let instructions: Vec<Option<String>> = if request.instructions.is_empty() {
        vec![None]
    } else {
        request.instructions.iter().cloned().map(Some).collect()
    };
    request
        .instructions
        .iter()
        .try_for_each(|text| check_instruction(text))?;
    check_schema(model, store)?;
    if out.exists() && !out.is_file() {
        // The file is put in place by a rename, which would replace a device.
        let found = if out.is_dir() {
            "a directory"
        } else {
            "something that is no file"
        };
        let what = out.display().to_string();
        return Err(Error::argument(&what, "a Parquet file to write", found));
    }
    let width = model.width_of(request.kind);
    let columns: Vec<String> = match instructions.len() {
        1 => vec!["vector".into()],
        n => (1..=n).map(|number| format!("vector_{number}")).collect(),
    };
    let schema = arrow_schema(&columns, &instructions, width);
    let parent = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
    let partial = tempfile::Builder::new()
        .prefix(".users-")
        .tempfile_in(parent)
        .map_err(|e| Error::io(parent, e))?;
    let failed = |e: &dyn std::fmt::Display| Error::Write {
        path: out.into(),
        message: e.to_string(),
    };
    let file: File = partial.reopen().map_err(|e| Error::io(out, e))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer =
        ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|e| failed(&e))?;
    let embedder = StoreEmbedder::new(model, store);
    watch(Stage::Begin {
        name: "embedding users",
    });
    let mut users = 0u64;
    for shard in 0..store.shards() {
        let ids = store.shard(shard)?.users;
        let refs: Vec<UserRef> = (0..ids.len())
            .map(|index| UserRef { shard, index })
            .collect();
        let matrices = embedder
            .embed_users(&refs, request.reference, &instructions, &mut |done, _| {
                watch(Stage::Progress {
                    done: users + done as u64,
                    total: store.users(),
                });
            })
            .map_err(|e| failed(&e))?;
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(
            ids.iter().map(|id| id.as_str()),
        ))];
        for both in matrices {
            let matrix = match request.kind {
                VectorKind::Unit => both.unit,
                VectorKind::State => both.state,
            };
            let item = Arc::new(Field::new("item", DataType::Float32, false));
            let values = Arc::new(Float32Array::from(matrix.values));
            let list = FixedSizeListArray::try_new(item, width as i32, values, None)
                .map_err(|e| failed(&e))?;
            arrays.push(Arc::new(list));
        }
        let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| failed(&e))?;
        writer.write(&batch).map_err(|e| failed(&e))?;
        users += ids.len() as u64;
    }
    writer.close().map_err(|e| failed(&e))?;
    partial.persist(out).map_err(|e| Error::io(out, e.error))?;
    Ok(Embedded {
        path: out.into(),
        users,
        width,
        columns,
    })
}

/// Refuses data of another schema than the model's.
pub(crate) fn check_schema(model: &InstructUe, store: &UserStore) -> Result<()> {
    if model.preparation().schema().digest() != store.schema().digest() {
        return Err(Error::argument(
            "schema of the data",
            "the one that the model was trained with",
            "another one",
        ));
    }
    Ok(())
}

/// Refuses an empty or overlong instruction.
pub(crate) fn check_instruction(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        let expected = "a text (leave the option out for the general vector)";
        return Err(Error::argument("instruction", expected, "an empty text"));
    }
    if text.len() > MAX_INSTRUCTION_BYTES {
        let begin: String = text.chars().take(20).collect();
        let expected = format!("at most {MAX_INSTRUCTION_BYTES} bytes");
        let found = format!("{}", text.len());
        let what = format!("instruction {begin:?}...");
        return Err(Error::argument(&what, &expected, found));
    }
    Ok(())
}

fn arrow_schema(
    columns: &[String],
    instructions: &[Option<String>],
    width: usize,
) -> Arc<ArrowSchema> {
    let mut fields = vec![Field::new("id", DataType::Utf8, false)];
    for (name, instruction) in columns.iter().zip(instructions) {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let kind = DataType::FixedSizeList(item, width as i32);
        let text = instruction.clone().unwrap_or_default();
        let metadata = [("instruction".to_string(), text)].into();
        fields.push(Field::new(name, kind, false).with_metadata(metadata));
    }
    Arc::new(ArrowSchema::new(fields))
}
