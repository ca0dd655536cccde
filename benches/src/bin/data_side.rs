//! The data side of a run by itself: files → user store, and store → tokenised profiles.
//!
//! ```sh
//! cargo run --release -p instructue-benches --bin data_side -- --data data/complete-journey \
//!     --model target/userqa
//! ```
//!
//! Prints a line of JSON for each repetition. `scripts/bench/data_side.py` does the same work in
//! polars, DuckDB and Hugging Face's tokenizers, and runs both sides in turn.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use instructue::model::InstructUe;
use instructue::pipeline::{SCHEMA_FILE, end_of_data, model_dir};
use instructue::schema::Schema;
use instructue::store::{IngestOptions, UserStore};
use instructue_benches::device;
use rayon::prelude::*;

#[derive(Debug, Parser)]
struct Arguments {
    /// A data directory.
    #[arg(long)]
    data: PathBuf,
    /// A run whose tokenizer reads the profiles.
    #[arg(long)]
    model: PathBuf,
    /// A directory for the store; it must not exist.
    #[arg(long)]
    store: PathBuf,
    /// How often profiles are tokenised.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let schema = Schema::load(&arguments.data.join(SCHEMA_FILE))?;
    let start = Instant::now();
    let options = IngestOptions::default();
    let (store, report) = UserStore::ingest(
        &schema,
        &arguments.data,
        &arguments.store,
        &options,
        &mut |_| {},
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let rows: u64 = report.sources.iter().map(|source| source.kept).sum();
    println!("{{\"work\": \"store\", \"seconds\": {seconds}, \"rows\": {rows}}}");
    let model = InstructUe::load(&model_dir(&arguments.model), &device())?;
    let preprocessor = model.preprocessor();
    let reference = end_of_data(&store).ok_or("data with events")?;
    for _ in 0..arguments.repetitions {
        let start = Instant::now();
        let (mut users, mut slots) = (0, 0);
        for number in 0..store.shards() {
            let shard = store.shard(number)?;
            let all: Vec<usize> = (0..shard.len()).collect();
            // A tokenizer for each part: it knows a text that it has seen.
            let share = all.len().div_ceil(rayon::current_num_threads()).max(1);
            slots += all
                .par_chunks(share)
                .map(|part| {
                    let mut tokenizer = preprocessor.profile_tokenizer();
                    let of_user = |&user: &usize| {
                        let profile = preprocessor
                            .profiles()
                            .build(&shard.history(user), reference);
                        tokenizer.tokenize(&profile).slots(preprocessor.layout())
                    };
                    part.iter().map(of_user).sum::<usize>()
                })
                .sum::<usize>();
            users += all.len();
        }
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{{\"work\": \"profiles\", \"seconds\": {seconds}, \"users\": {users}, \"slots\": {slots}}}"
        );
    }
    Ok(())
}
