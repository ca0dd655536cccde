//! The tables of a directory: Parquet files, folders of them, and CSV files, which become Parquet.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema};
use instructue_fs::NewFile;
use instructue_store::source_files;
use parquet::arrow::ArrowWriter;

use crate::error::{Error, Result};

/// Rows of a CSV file that say whether its numbers are codes with leading zeros.
const CODES: usize = 10_000;

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Its file or folder, below the data directory.
    pub file: String,
    /// The file's name without its ending.
    pub stem: String,
    /// Its Parquet files, in order.
    pub parts: Vec<PathBuf>,
}

/// The tables of a directory, by name. CSV files without a Parquet file of that name get one beside
/// them; those are given, too.
pub(crate) fn tables(data: &Path) -> Result<(Vec<Table>, Vec<PathBuf>)> {
    let entries = std::fs::read_dir(data).map_err(|error| nothing(data, &error.to_string()))?;
    let mut names: BTreeSet<String> = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|error| nothing(data, &error.to_string()))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.insert(name);
        }
    }
    let mut converted = Vec::new();
    for name in names.clone() {
        let Some(stem) = ending(&name, ".csv").or_else(|| ending(&name, ".tsv")) else {
            continue;
        };
        let parquet = format!("{stem}.parquet");
        if !names.contains(&parquet) {
            convert(&data.join(&name), &data.join(&parquet))?;
            converted.push(data.join(&parquet));
            names.insert(parquet);
        }
    }
    let mut tables = Vec::new();
    for name in names {
        if name.starts_with(['.', '_']) {
            continue;
        }
        let stem = match ending(&name, ".parquet") {
            Some(stem) => stem.to_owned(),
            None if data.join(&name).is_dir() => name.clone(),
            None => continue,
        };
        // A folder without Parquet files is none of a table.
        let Ok(parts) = source_files(data, &stem, &name) else {
            continue;
        };
        let file = name;
        tables.push(Table { file, stem, parts });
    }
    match tables.is_empty() {
        true => Err(nothing(data, "none")),
        false => Ok((tables, converted)),
    }
}

/// The name without this ending, in any letter case.
fn ending<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(ending.len())?;
    let (stem, end) = (name.get(..at)?, name.get(at..)?);
    end.eq_ignore_ascii_case(ending).then_some(stem)
}

fn nothing(data: &Path, found: &str) -> Error {
    Error::Nothing {
        place: data.into(),
        expected: "a directory with Parquet or CSV files".into(),
        found: found.into(),
    }
}

/// Writes a table of comma-, semicolon- or tab-separated values with a line of names as Parquet.
fn convert(csv: &Path, parquet: &Path) -> Result<()> {
    let failed = |reason: &dyn std::fmt::Display| Error::Csv {
        file: csv.into(),
        reason: reason.to_string(),
    };
    let mut file = instructue_fs::open(csv)?;
    let format = Format::default().with_header(true);
    let format = format.with_delimiter(delimiter(&mut file).map_err(|error| failed(&error))?);
    let (inferred, rows) = format
        .infer_schema(&file, None)
        .map_err(|error| failed(&error))?;
    if rows == 0 {
        return Err(failed(&"no row behind the line of names"));
    }
    let rewound = |mut file: &File| file.rewind().map_err(|error| failed(&error));
    rewound(&file)?;
    let codes = codes(&inferred, &format, &file).map_err(|error| failed(&error))?;
    rewound(&file)?;
    let fields = inferred.fields().iter().map(|field| {
        let text = codes.contains(field.name()) || *field.data_type() == DataType::Null;
        match text {
            true => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
            false => field.clone(),
        }
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let reader = ReaderBuilder::new(schema.clone()).with_format(format);
    let reader = reader.build(&file).map_err(|error| failed(&error))?;
    let written = |error: parquet::errors::ParquetError| Error::Nothing {
        place: parquet.into(),
        expected: "a file that can be written".into(),
        found: error.to_string(),
    };
    let mut writer =
        ArrowWriter::try_new(NewFile::create(parquet)?, schema, None).map_err(written)?;
    for batch in reader {
        writer
            .write(&batch.map_err(|error| failed(&error))?)
            .map_err(written)?;
    }
    Ok(writer.into_inner().map_err(written)?.commit()?)
}

/// The most frequent separator of the first line.
fn delimiter(file: &mut File) -> std::io::Result<u8> {
    let mut head = vec![0; 64 * 1024];
    let length = file.read(&mut head)?;
    file.rewind()?;
    let line = head[..length]
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or(&[]);
    let count = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
    Ok([b',', b';', b'\t']
        .into_iter()
        .max_by_key(|byte| (count(*byte), *byte == b','))
        .unwrap_or(b','))
}

/// The columns that look like whole numbers but are codes: some value begins with a zero.
fn codes(
    inferred: &Schema,
    format: &Format,
    file: &File,
) -> std::result::Result<BTreeSet<String>, arrow::error::ArrowError> {
    let texts = inferred.fields().iter();
    let texts = texts.map(|field| Field::new(field.name(), DataType::Utf8, true));
    let reader = ReaderBuilder::new(Arc::new(Schema::new(texts.collect::<Vec<_>>())))
        .with_format(format.clone())
        .with_bounds(0, CODES)
        .build(file)?;
    let mut codes = BTreeSet::new();
    for batch in reader {
        let batch: RecordBatch = batch?;
        for (field, column) in inferred.fields().iter().zip(batch.columns()) {
            let code = |text: &str| text.len() > 1 && text.starts_with('0');
            let texts = column.as_string::<i32>();
            if *field.data_type() == DataType::Int64 && texts.iter().flatten().any(code) {
                codes.insert(field.name().clone());
            }
        }
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use instructue_store::open_parquet;

    use super::*;

    #[test]
    fn a_csv_becomes_parquet_once() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("sales.csv");
        std::fs::write(
            &csv,
            "customer;at;zip\n1;2024-01-02 03:04:05;01067\n2;2024-01-03 00:00:00;10115\n",
        )
        .unwrap();
        std::fs::write(dir.path().join("notes.txt"), "no table").unwrap();
        let (found, converted) = tables(dir.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].file.as_str(), found[0].stem.as_str()),
            ("sales.parquet", "sales")
        );
        assert_eq!(converted, [dir.path().join("sales.parquet")]);
        let parquet = open_parquet(&found[0].parts[0]).unwrap();
        let types: Vec<_> = parquet
            .schema()
            .fields()
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        assert_eq!(types[0], DataType::Int64);
        assert!(matches!(types[1], DataType::Timestamp(..)), "{types:?}");
        assert_eq!(types[2], DataType::Utf8, "01067 is a code");
        let (_, again) = tables(dir.path()).unwrap();
        assert!(again.is_empty(), "what is there is not written again");
    }

    #[test]
    fn what_is_no_table_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = tables(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("a directory with Parquet or CSV files, found none"),
            "{error}"
        );
        std::fs::write(dir.path().join("broken.csv"), "a,b\n1,2\n1,2,3\n").unwrap();
        let error = tables(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("broken.csv") && error.contains("line 3"),
            "{error}"
        );
        assert!(!dir.path().join("broken.parquet").exists());
    }
}
