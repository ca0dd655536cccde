//! Safe opening and decoding of Parquet files. Every read goes through it, because files may be
//! damaged or of another format.

mod encrypted;
mod foreign;

use std::cell::Cell;
use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::error::{Error, Result};
use crate::retype;

pub(crate) use self::foreign::converts_csv;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a step of the Parquet decoder whose panic becomes an error.
///
/// A program's panic hook need not print such a panic.
pub fn panic_becomes_error() -> bool {
    DECODING.get()
}

/// Runs a step of the Parquet decoder on `file`; `row` is the row at which the step starts.
///
/// The decoder reports most damage as an error but panics at some. The panic is caught here and
/// becomes an error. The decoder must not be used afterwards.
pub(crate) fn decode<T, E: Display>(
    file: &Path,
    row: u64,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    DECODING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(step));
    DECODING.set(false);
    let message = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(message), _) => message.clone(),
            (None, Some(message)) => (*message).into(),
            (None, None) => "the decoder gave up".into(),
        },
    };
    // To the decoder, encrypted columns behind a readable footer look like damage.
    if encrypted::has_encrypted_columns(file) {
        return Err(Error::Encrypted { file: file.into() });
    }
    Err(Error::Corrupt {
        file: file.into(),
        row,
        message,
    })
}

/// Opens a Parquet file. The error tells another format, encryption and a cut-off file apart.
///
/// # Errors
/// [`Error::NotParquet`], [`Error::Encrypted`], [`Error::Truncated`], [`Error::Corrupt`],
/// [`Error::File`].
pub fn open_parquet(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    const MAGIC: &[u8; 4] = b"PAR1";
    const ENCRYPTED: &[u8; 4] = b"PARE";
    let mut file = instructue_fs::open(path)?;
    let length = file.metadata().map_err(Error::io(path))?.len();
    let mut head = Vec::new();
    let begin = (&mut file).take(foreign::HEAD_BYTES);
    { begin }.read_to_end(&mut head).map_err(Error::io(path))?;
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
        file.seek(SeekFrom::End(-4)).map_err(Error::io(path))?;
        file.read_exact(&mut tail).map_err(Error::io(path))?;
    }
    if &tail != MAGIC {
        let found = format!("no footer at the end of its {length} bytes");
        return Err(Error::Truncated {
            file: path.into(),
            found,
        });
    }
    file.rewind().map_err(Error::io(path))?;
    decode(path, 0, || retype::open(file))
}

/// Refuses a file with two columns of one name, because it is unclear which one is meant.
///
/// # Errors
/// [`Error::DuplicateColumn`].
pub fn check_one_column(path: &Path, schema: &Schema, name: &str) -> Result<()> {
    let fields = schema.fields().iter();
    match fields.filter(|field| field.name() == name).count() {
        0 | 1 => Ok(()),
        found => Err(Error::DuplicateColumn {
            file: path.into(),
            column: name.into(),
            found,
        }),
    }
}

/// Reads all batches of a small Parquet file; errors name `path`.
///
/// # Errors
/// [`Error::Corrupt`] with the first row that cannot be decoded.
pub fn read_all(path: &Path, reader: ParquetRecordBatchReader) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    each_batch(path, reader, |batch| batches.push(batch))?;
    Ok(batches)
}

/// Calls `f` with one batch after another, so that a large file is never in memory as a whole;
/// errors name `path`.
///
/// # Errors
/// [`Error::Corrupt`] with the first row that cannot be decoded.
pub fn each_batch(
    path: &Path,
    mut reader: ParquetRecordBatchReader,
    mut f: impl FnMut(RecordBatch),
) -> Result<()> {
    let mut row = 0;
    while let Some(batch) = decode(path, row, || reader.next().transpose())? {
        row += batch.num_rows() as u64;
        f(batch);
    }
    Ok(())
}
