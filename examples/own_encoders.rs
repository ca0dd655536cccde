//! One source with an encoder of its own, beside the common one.
//!
//! ```sh
//! cargo run --release --example own_encoders -- --encoder thenlper/gte-small --out target/own-encoders
//! ```
//!
//! Searches are sentences, so a sentence encoder of others reads them, with the tokenizer that it
//! was trained with. It stays as it is, and each text is encoded once. All other sources keep the
//! common encoder, which begins fresh here and is trained. In a configuration file the same is
//! `[pretrained.sources.search]`.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use instructue::DeviceName;
use instructue::generate::{GenerateConfig, generate};
use instructue::model::LoraConfig;
use instructue::pipeline::{
    FineTuning, RunConfig, SCHEMA_FILE, SourceEncoderSettings, train_userqa,
};
use instructue::schema::Schema;
use instructue_examples::{Console, finish, parse, say};

/// The source that gets an encoder of its own.
const SOURCE: &str = "search";
/// Tokens of a search; a sentence encoder reads a limited number.
const SEARCH_TOKENS: usize = 12;

/// Trains on made-up users whose searches have an encoder of their own
#[derive(Debug, Parser)]
struct Arguments {
    /// The encoder: a directory of sentence-transformers, a plain BERT, or a hub id.
    #[arg(long)]
    encoder: String,
    /// Where the run goes.
    #[arg(long, default_value = "target/own-encoders")]
    out: PathBuf,
    /// Optimizer steps.
    #[arg(long, default_value_t = 20)]
    steps: usize,
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
    let mut schema = Schema::load(&data.join(SCHEMA_FILE))?;
    let searches = schema.sources.iter_mut().filter(|s| s.name == SOURCE);
    searches.for_each(|source| source.max_tokens = source.max_tokens.min(SEARCH_TOKENS));
    fs::write(data.join(SCHEMA_FILE), schema.to_toml())?;

    let mut config = RunConfig::default();
    let own = SourceEncoderSettings {
        encoder: arguments.encoder.clone(),
        pooling: None,
        train_encoder: FineTuning::Frozen,
        lora: LoraConfig::default(),
    };
    config.pretrained.sources.insert(SOURCE.into(), own);
    config.model.slots = Some(4);
    config.model.vocabulary = 400;
    config.references.count = 1;
    config.userqa.triples_per_user = 6;
    config.train.steps = arguments.steps;
    config.train.batch.users_per_step = 8;
    config.train.checkpoint.every = arguments.steps;
    config.train.validation.every = 0;
    config.evaluation.resamples = 20;
    config.evaluation.retrieval_instructions = 2;
    // The users are made up, and few.
    config.privacy.min_users = 1;

    let compute = DeviceName::from_env()?.compute(1)?;
    let mut console = Console::new();
    let trained = train_userqa(
        &data,
        &arguments.out,
        &config,
        &compute,
        false,
        &mut console,
    )?;
    console.done();
    let model = &trained.model;
    for (number, source) in schema.sources.iter().enumerate() {
        let Some(place) = model.network().encoder_of(number) else {
            continue;
        };
        let encoder = &model.network().encoders()[place];
        let tokenizer = model.preprocessor().tokenizer_of(&source.name);
        say!(
            "{}: encoder of width {}, {} tokens",
            source.name,
            encoder.hidden_size(),
            tokenizer.vocab_size()
        );
    }
    say!("trained {} steps", trained.steps);
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
