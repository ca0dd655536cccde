//! Embeds a user base with a trained model: one row per user, one vector column
//! per instruction.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use instructue::eval::parse_time;
use instructue::model::{InstructUe, VectorKind};
use instructue::pipeline::{EmbedRequest, Watch, embed_users, ingest, model_dir};
use instructue::{DeviceName, schema::Timestamp};
use instructue_examples::{Console, finish, parse};

/// Writes id + FixedSizeList<f32> as Parquet.
#[derive(Debug, Parser)]
struct Arguments {
    /// A model directory, or the output directory of train_userqa.
    #[arg(long)]
    model: PathBuf,
    /// Directory with Parquet files and the schema.toml that the model was trained with.
    #[arg(long)]
    data: PathBuf,
    /// What the vectors should be about; several give several columns, none the general vector.
    #[arg(long)]
    instruction: Vec<String>,
    /// unit: vectors of length 1, to compare by cosine with each other and with
    /// texts; state: what a model of your own reads more from.
    #[arg(long, default_value = "unit")]
    vectors: VectorKind,
    /// The Parquet file to write.
    #[arg(long)]
    out: PathBuf,
    /// See only events before this day (2017-07-01); default: all events.
    #[arg(long)]
    reference: Option<String>,
    /// cpu, wgpu, cuda or ndarray; the last three want a build with that feature.
    #[arg(long)]
    device: Option<DeviceName>,
    /// Where to keep the grouped events between calls; default: a temporary directory.
    #[arg(long)]
    store: Option<PathBuf>,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let device = arguments.device.map_or_else(DeviceName::from_env, Ok)?;
    let model = InstructUe::load(&model_dir(&arguments.model), &device.open()?)?
        .with_workers(device.workers(0));
    let temporary = tempfile::tempdir()?;
    let store = arguments
        .store
        .clone()
        .unwrap_or_else(|| temporary.path().join("store"));
    let mut console = Console::new();
    let ingested = ingest(&arguments.data, &store, &mut |stage| console.stage(stage))?;
    let reference = match &arguments.reference {
        Some(day) => parse_time(day).ok_or_else(|| {
            format!("--reference: expected a day such as 2017-07-01, found {day:?}")
        })?,
        None => ingested
            .store
            .time_range()
            .map_or(Timestamp(0), |(_, last)| Timestamp(last.0 + 1)),
    };
    let request = EmbedRequest {
        reference,
        instructions: arguments.instruction.clone(),
        kind: arguments.vectors,
    };
    let embedded = embed_users(
        &model,
        &ingested.store,
        &request,
        &arguments.out,
        &mut |stage| {
            console.stage(stage);
        },
    )?;
    console.done();
    println!(
        "wrote {}: {} users, {} column(s) of {} numbers",
        embedded.path.display(),
        embedded.users,
        embedded.columns.len(),
        embedded.width
    );
    println!("next: read it with any Parquet reader; cosine compares users.");
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
