//! A summary of a directory's Parquet files, for a user who has yet to declare them.

use std::path::Path;

use instructue_schema::ColumnType;

use super::find::{csv_files, parquet_below};
use super::types::declared_type;
use crate::error::Result;
use crate::guard::{converts_csv, open_parquet};

/// The number of files, and of columns of each, that are named.
const FILES: usize = 3;
const COLUMNS: usize = 20;

/// One line with the Parquet files below `data`, their columns and the types to declare. If there
/// are none, it names what exists instead and the command that converts it to Parquet.
pub fn survey(data: &Path) -> String {
    let files = match parquet_below(data, data) {
        Ok(files) => files,
        Err(error) => return error.to_string(),
    };
    if files.is_empty() {
        let csv = csv_files(data).into_iter().next();
        return match csv {
            Some(file) => format!("{} is {}", file.display(), converts_csv(&file)),
            None => "no Parquet files".into(),
        };
    }
    let described = files.iter().take(FILES).map(|path| {
        let name = path.strip_prefix(data).unwrap_or(path).display();
        match columns(path) {
            Ok(columns) => format!("{name} ({columns})"),
            Err(error) => format!("{name} (unreadable: {error})"),
        }
    });
    let mut line = described.collect::<Vec<_>>().join("; ");
    if files.len() > FILES {
        line += &format!("; and {} more Parquet files", files.len() - FILES);
    }
    line
}

fn columns(path: &Path) -> Result<String> {
    let builder = open_parquet(path)?;
    let fields = builder.schema().fields();
    let mut columns: Vec<String> = fields
        .iter()
        .take(COLUMNS)
        .map(|field| {
            let ty = declared_type(field.data_type()).map(ColumnType::as_str);
            format!(
                "{} {}",
                field.name(),
                ty.unwrap_or("of no type that is read")
            )
        })
        .collect();
    if fields.len() > COLUMNS {
        columns.push(format!("{} more", fields.len() - COLUMNS));
    }
    Ok(columns.join(", "))
}
