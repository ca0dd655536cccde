//! The files of a run as what can be searched.

use std::fs;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use instructue_store::{open_parquet, read_all};

/// A file of a run as texts: its bytes, and for Parquet the texts of its columns.
pub struct Found {
    pub name: String,
    raw: String,
    columns: Vec<(String, String)>,
}

/// Everything below `out` but the user store.
pub fn files(out: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    let mut open = vec![out.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path == out.join("store") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let parquet = path.extension().is_some_and(|end| end == "parquet");
            let bytes = fs::read(&path).unwrap().to_ascii_lowercase();
            found.push(Found {
                name: path.strip_prefix(out).unwrap().display().to_string(),
                raw: String::from_utf8_lossy(&bytes).into_owned(),
                columns: if parquet { columns(&path) } else { Vec::new() },
            });
        }
    }
    found
}

/// The columns of texts of a Parquet file, in lower case.
fn columns(path: &Path) -> Vec<(String, String)> {
    let reader = open_parquet(path).unwrap().build().unwrap();
    let mut columns = Vec::new();
    for batch in read_all(path, reader).unwrap() {
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if *field.data_type() == DataType::Utf8 {
                let texts: Vec<&str> = column.as_string::<i32>().iter().flatten().collect();
                columns.push((field.name().clone(), texts.join("\n").to_lowercase()));
            }
        }
    }
    columns
}

impl Found {
    /// Whether it holds `text`.
    pub fn has(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.raw.contains(&text)
            || self
                .columns
                .iter()
                .any(|(_, column)| column.contains(&text))
    }

    /// Whether it holds the id of a user, but for the column of ids by which a training
    /// set is bound to its user store.
    pub fn has_id(&self, id: &str) -> bool {
        let id = id.to_lowercase();
        let beside = |(name, column): &(String, String)| name != "user_id" && column.contains(&id);
        match self.columns.is_empty() {
            true => self.raw.contains(&id),
            false => self.columns.iter().any(beside),
        }
    }
}
