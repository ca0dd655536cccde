//! A source whose events are vectors that another program computed, beside sources of texts.
//!
//! ```sh
//! cargo run --release --example own_vectors -- --out target/own-vectors
//! ```
//!
//! Made-up users open apps; of each app that they opened there is a picture, of which an image
//! model would have made a vector. The vectors stand in a Parquet column of lists, which the
//! schema declares with `role = "vector"`. The rest is a run as any other.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use clap::Parser;
use instructue::DeviceName;
use instructue::generate::{GenerateConfig, generate};
use instructue::model::VectorKind;
use instructue::pipeline::{
    EmbedRequest, Ingested, RunConfig, SCHEMA_FILE, Watch, embed_users, ingest, train_userqa,
};
use instructue::schema::{Schema, Source, seed};
use instructue_examples::{Console, finish, parse, say};
use parquet::arrow::ArrowWriter;

/// The declaration of the source. Its width is that of the image model's vectors.
const PICTURES: &str = r#"
name = "pictures"
[[source]]
name = "picture"
kind = "events"
description = "pictures of opened apps"
slots = 20
column = [
    { name = "user_id", type = "text", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "seen", type = "vector", role = "vector", width = 16 },
]
"#;

/// Trains on made-up users with a source of vectors, and embeds them
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the run and the vectors go.
    #[arg(long, default_value = "target/own-vectors")]
    out: PathBuf,
    /// Optimizer steps.
    #[arg(long, default_value_t = 20)]
    steps: usize,
}

/// What an image model would say of the picture of an app: here, numbers drawn from its name.
fn picture(app: &str, width: usize) -> Vec<f32> {
    let mut numbers = seed::rng(0, app, &[]);
    let number = |_| seed::below(&mut numbers, 1_000) as f32 / 500.0 - 1.0;
    (0..width).map(number).collect()
}

/// Writes a picture for each opened app, in the columns that `source` declares.
fn write_pictures(
    ingested: &Ingested,
    source: &Source,
    path: &Path,
) -> Result<usize, Box<dyn std::error::Error>> {
    let (apps, _) = ingested.store.schema().source("app").ok_or("no apps")?;
    let (_, width) = source.vector_field().ok_or("no vectors")?;
    let (mut users, mut times, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
    for shard in 0..ingested.store.shards() {
        let shard = ingested.store.shard(shard)?;
        for history in shard.histories() {
            let events = history.events(apps);
            for event in 0..events.len() {
                let app = events.text(event, 0).map_or("", |app| app);
                users.push(history.user().as_str().to_owned());
                times.push(events.time(event).0 * 1_000_000);
                vectors.extend(picture(app, width));
            }
        }
    }
    let columns = source.arrow_schema();
    let DataType::FixedSizeList(number, size) = columns.field_with_name("seen")?.data_type() else {
        return Err("no lists".into());
    };
    let numbers = Arc::new(Float32Array::from(vectors));
    let lists = FixedSizeListArray::try_new(number.clone(), *size, numbers, None)?;
    let rows = users.len();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(users)),
        Arc::new(TimestampMicrosecondArray::from(times)),
        Arc::new(lists),
    ];
    let batch = RecordBatch::try_new(columns.clone(), arrays)?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, columns, None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(rows)
}

/// A small run: few users, a short look back.
fn settings(steps: usize) -> RunConfig {
    let mut config = RunConfig::default();
    config.model.slots = Some(4);
    config.model.vocabulary = 400;
    config.references.count = 1;
    config.userqa.triples_per_user = 6;
    config.train.steps = steps;
    config.train.batch.users_per_step = 8;
    config.train.checkpoint.every = steps;
    config.train.validation.every = 0;
    config.evaluation.resamples = 20;
    config.evaluation.retrieval_instructions = 2;
    // The users are made up, and few.
    config.privacy.min_users = 1;
    config
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let people = GenerateConfig {
        users: 40,
        events_per_user: 20.0,
        ..GenerateConfig::default()
    };
    generate(&people, &data, &mut |_| {})?;
    let mut console = Console::new();
    let ingested = ingest(&data, &dir.path().join("store"), &mut |s| {
        console.progress(s)
    })?;

    // The file of vectors, and its declaration beside those of the other sources.
    let declared = Schema::from_toml(PICTURES)?.sources.remove(0);
    let path = data.join(&declared.file);
    let pictures = write_pictures(&ingested, &declared, &path)?;
    let mut schema = ingested.store.schema().clone();
    schema.sources.push(declared);
    fs::write(data.join(SCHEMA_FILE), schema.to_toml())?;

    let compute = DeviceName::from_env()?.compute(1)?;
    let config = settings(arguments.steps);
    let trained = train_userqa(
        &data,
        &arguments.out,
        &config,
        &compute,
        false,
        &mut console,
    )?;
    let store = arguments.out.join("store");
    let ingested = ingest(&data, &store, &mut |s| console.progress(s))?;
    let request = EmbedRequest {
        reference: ingested.end,
        instructions: vec!["Which apps does this user open?".into()],
        tuned: None,
        scorer: None,
        scores: false,
        kind: VectorKind::Unit,
        allow_empty: true,
    };
    let vectors = arguments.out.join("users.parquet");
    let stage = &mut |s| console.progress(s);
    let embedded = embed_users(&trained.model, &ingested.store, &request, &vectors, stage)?;
    console.done();
    say!("trained {} steps on {pictures} pictures", trained.steps);
    say!(
        "wrote {}: {} users",
        embedded.path.display(),
        embedded.users
    );
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
