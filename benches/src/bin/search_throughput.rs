//! How fast the exact index is: one question at a time, and many together.
//!
//! `scripts/bench/search.py` makes vectors, runs this and faiss on them in turn, and compares what
//! both find. Prints a line of JSON for each repetition, and at the end the rows that were found.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use instructue::schema::Matrix;
use instructue_search::ExactIndex;

#[derive(Debug, Parser)]
struct Arguments {
    /// A file of vectors: their numbers as `f32`, little-endian, row after row.
    #[arg(long)]
    vectors: PathBuf,
    /// The same of questions.
    #[arg(long)]
    questions: PathBuf,
    /// Numbers of a vector.
    #[arg(long)]
    width: usize,
    /// Vectors that are wanted of each.
    #[arg(long, default_value_t = 100)]
    top: usize,
    /// Repetitions.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
}

/// Questions that are asked one by one.
const ONE_BY_ONE: usize = 16;

fn read(path: &Path, width: usize) -> Result<Matrix, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (numbers, _) = bytes.as_chunks::<4>();
    let values: Vec<f32> = numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    Ok(Matrix::new(values.len() / width, width, values)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let questions = read(&arguments.questions, arguments.width)?;
    let index = ExactIndex::new(read(&arguments.vectors, arguments.width)?)?;
    let few = ONE_BY_ONE.min(questions.rows);
    let mut found = Vec::new();
    for _ in 0..arguments.repetitions {
        let start = Instant::now();
        for row in 0..few {
            let one = Matrix::new(1, questions.columns, questions.row(row).to_vec())?;
            index.search(&one, arguments.top)?;
        }
        let each = start.elapsed().as_secs_f64() / few as f64;
        println!("{{\"work\": \"one\", \"seconds\": {each}}}");
        let start = Instant::now();
        found = index.search(&questions, arguments.top)?;
        println!(
            "{{\"work\": \"many\", \"seconds\": {}}}",
            start.elapsed().as_secs_f64()
        );
    }
    let rows = found
        .iter()
        .map(|hits| hits.iter().map(|hit| hit.row).collect());
    let rows: Vec<Vec<usize>> = rows.collect();
    println!("{}", serde_json::json!({ "rows": rows }));
    Ok(())
}
