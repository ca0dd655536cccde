//! Damaged Parquet files, and what is none, as errors.

mod encrypted;
mod foreign;

use std::fmt::Display;
use std::fs::{self, File, FileType};
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;

use crate::error::{Error, Result};

pub(crate) use self::foreign::converts_csv;

/// Runs a step of the Parquet decoder on `file`; `row` is where the step starts.
///
/// The decoder reports most damage as an error but panics at some. A panic is
/// caught here, so that a damaged file is never more than an error; whatever
/// was being decoded must not be used afterwards.
pub(crate) fn decode<T, E: Display>(
    file: &Path,
    row: u64,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    let message = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(message), _) => message.clone(),
            (None, Some(message)) => (*message).into(),
            (None, None) => "the decoder gave up".into(),
        },
    };
    // Encrypted columns behind a readable footer look like damage to the decoder.
    if encrypted::has_encrypted_columns(file) {
        return Err(Error::Encrypted { file: file.into() });
    }
    Err(Error::Corrupt {
        file: file.into(),
        row,
        message,
    })
}

/// Opens a file that can be read to its end: a regular one, or a link to one. A pipe would keep
/// its reader waiting, and a device has no end.
///
/// # Errors
/// [`Error::Irregular`], [`Error::Io`].
pub(crate) fn regular_file(path: &Path) -> Result<File> {
    let irregular = |kind: FileType| Error::Irregular {
        path: path.into(),
        found: kind_of(kind),
    };
    // Asked before opening, which already waits at a pipe; and after, in case it was replaced.
    let kind = fs::metadata(path).map_err(Error::io(path))?.file_type();
    if !kind.is_file() {
        return Err(irregular(kind));
    }
    let file = File::open(path).map_err(Error::io(path))?;
    let kind = file.metadata().map_err(Error::io(path))?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false => Err(irregular(kind)),
    }
}

fn kind_of(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    match kind.is_dir() {
        true => "a directory",
        false => "something else",
    }
}

/// Opens a Parquet file, telling apart what is none, what is encrypted and what is cut off.
///
/// # Errors
/// [`Error::NotParquet`], [`Error::Encrypted`], [`Error::Truncated`], [`Error::Corrupt`],
/// [`Error::Irregular`], [`Error::Io`].
pub fn open_parquet(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    const MAGIC: &[u8; 4] = b"PAR1";
    const ENCRYPTED: &[u8; 4] = b"PARE";
    let io = |error| Error::Io {
        path: path.into(),
        error,
    };
    let mut file = regular_file(path)?;
    let length = file.metadata().map_err(io)?.len();
    let mut head = Vec::new();
    let begin = (&mut file).take(foreign::HEAD_BYTES);
    { begin }.read_to_end(&mut head).map_err(io)?;
    if head.starts_with(ENCRYPTED) {
        return Err(Error::Encrypted { file: path.into() });
    }
    if !head.starts_with(MAGIC) {
        return Err(Error::NotParquet {
            file: path.into(),
            found: foreign::describe(path, &head),
        });
    }
    let mut tail = [0; 4];
    if length >= 12 {
        file.seek(SeekFrom::End(-4)).map_err(io)?;
        file.read_exact(&mut tail).map_err(io)?;
    }
    if &tail != MAGIC {
        let found = format!("no footer at the end of its {length} bytes");
        return Err(Error::Truncated {
            file: path.into(),
            found,
        });
    }
    file.rewind().map_err(io)?;
    decode(path, 0, || {
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        let metadata = unpacked(&metadata).unwrap_or(metadata);
        Ok::<_, ParquetError>(ParquetRecordBatchReaderBuilder::new_with_metadata(
            file, metadata,
        ))
    })
}

/// The same with plain columns for dictionaries of what is no text, if there are any. Arrow's
/// writers note such dictionaries, as of a category of numbers, and the decoder makes only some
/// of them again.
fn unpacked(metadata: &ArrowReaderMetadata) -> Option<ArrowReaderMetadata> {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) if !values.is_string() => {
            let plain = Field::clone(field).with_data_type((**values).clone());
            Some(Arc::new(plain))
        }
        _ => None,
    };
    let fields = metadata.schema().fields();
    if !fields.iter().any(|field| plain(field).is_some()) {
        return None;
    }
    let fields = fields.iter();
    let fields: Fields = fields
        .map(|field| plain(field).unwrap_or_else(|| field.clone()))
        .collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).ok()
}

/// All batches of a small Parquet file, `path` for messages.
///
/// # Errors
/// [`Error::Corrupt`] with the row from which on nothing can be decoded.
pub fn read_all(path: &Path, mut reader: ParquetRecordBatchReader) -> Result<Vec<RecordBatch>> {
    let (mut batches, mut row) = (Vec::new(), 0);
    while let Some(batch) = decode(path, row, || reader.next().transpose())? {
        row += batch.num_rows() as u64;
        batches.push(batch);
    }
    Ok(batches)
}
