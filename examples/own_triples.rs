//! Training on triples of your own, with a loss of your own beside the method's two.
//!
//! ```sh
//! cargo run --release --example own_triples -- --out target/own
//! ```
//!
//! `train_userqa` builds its questions and answers by rules. Here they come from a closure;
//! they could as well come from a language model or a table. What training needs of them is
//! [`RowSource`]: rows, each a profile with questions that have answers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::Tensor;
use clap::Parser;
use instructue::DeviceName;
use instructue::features::{Profile, Row};
use instructue::generate::{GenerateConfig, generate};
use instructue::model::{FitConfig, FitInput, InstructUe, ModelConfig, Preprocessor, Size};
use instructue::pipeline::ingest;
use instructue::schema::{DataText, History, seed, user_key};
use instructue::trainer::{
    Claim, Objective, RUN, Result as Trained, RowSource, Rows, StepVectors, TrainConfig,
    TrainInput, objective, train,
};
use instructue_examples::{finish, parse, say};

/// Trains on triples that this program makes up
#[derive(Debug, Parser)]
struct Arguments {
    /// Where checkpoints and metrics go.
    #[arg(long, default_value = "target/own")]
    out: PathBuf,
    /// Optimizer steps.
    #[arg(long, default_value_t = 20)]
    steps: usize,
}

/// A profile with questions about its user, and the answers.
#[derive(Debug)]
struct Asked {
    user_key: u64,
    profile: Profile,
    triples: Vec<(DataText, DataText)>,
}

/// A training set in memory.
#[derive(Debug)]
struct OwnTriples {
    asked: Vec<Asked>,
    /// A digest of what is asked: a run resumes only on the same.
    fingerprint: String,
}

impl OwnTriples {
    fn new(asked: Vec<Asked>) -> Self {
        let triples = asked.iter().map(|asked| (asked.user_key, &asked.triples));
        let text = format!("{:?}", triples.collect::<Vec<_>>());
        Self {
            fingerprint: format!("{:016x}", seed::derive(0, &text, &[])),
            asked,
        }
    }
}

impl RowSource for OwnTriples {
    fn units(&self) -> usize {
        self.asked.len()
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn open(
        &self,
        preprocessor: Arc<Preprocessor>,
        config: &TrainConfig,
    ) -> Trained<Box<dyn Rows>> {
        let mut tokenizer = preprocessor.profile_tokenizer();
        let rows = self.asked.iter().map(|asked| {
            let words = preprocessor.words(&asked.profile);
            let segment = |(instruction, answer): &(DataText, DataText)| {
                let mut segment = preprocessor.segment(Some(instruction), Some(answer));
                segment.lexical_matches =
                    preprocessor.lexical_features(words.as_ref(), Some(instruction));
                segment
            };
            Row {
                user_key: asked.user_key,
                profile: tokenizer.tokenize(&asked.profile),
                segments: asked.triples.iter().map(segment).collect(),
            }
        });
        Ok(Box::new(OwnRows {
            rows: rows.collect(),
            per_step: config.batch.users_per_step.min(self.units()),
        }))
    }
}

/// The rows of one step after another, round and round.
#[derive(Debug)]
struct OwnRows {
    rows: Vec<Row>,
    per_step: usize,
}

impl Rows for OwnRows {
    fn steps_per_epoch(&self) -> usize {
        self.rows.len().div_ceil(self.per_step)
    }

    fn step(&mut self, step: usize) -> Trained<Vec<Row>> {
        let from = step * self.per_step;
        let place = |at: usize| self.rows[at % self.rows.len()].clone();
        Ok((from..from + self.per_step).map(place).collect())
    }
}

/// A loss of our own: the users of a step spread around the origin.
#[derive(Debug)]
struct Spread;

impl Objective for Spread {
    fn name(&self) -> &str {
        "spread"
    }

    fn weight_at(&self, _step: usize) -> f64 {
        0.1
    }

    fn of_step(&self, step: &StepVectors) -> Trained<Option<Tensor<1>>> {
        let mean = step.users.clone().mean_dim(0);
        Ok(Some(mean.clone().mul(mean).sum()))
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (data, store) = (dir.path().join("data"), dir.path().join("store"));
    let people = GenerateConfig {
        users: 60,
        events_per_user: 30.0,
        ..GenerateConfig::default()
    };
    generate(&people, &data, &mut |_| {})?;
    let ingested = ingest(&data, &store, &mut |_| {})?;
    let shard = ingested.store.shard(0)?;
    let users = shard.histories().map(|history| (history, ingested.end));
    let users: Vec<_> = users.collect();

    // Any question with any answer: here, how much a user does.
    let triples = |history: &History<'_>| -> Vec<(DataText, DataText)> {
        let sources = ingested.store.schema().sources.iter().enumerate();
        let logs =
            sources.filter(|(_, source)| source.has_file() && source.time_column().is_some());
        logs.take(2)
            .map(|(at, source)| {
                let events = history.events(at).before(ingested.end).len();
                let often = if events > 5 { "often" } else { "seldom" };
                let what = &source.description;
                (
                    DataText::new(format!("How often are there {what}?")),
                    DataText::new(format!("There are {what} {often}.")),
                )
            })
            .collect()
    };
    let asked: Vec<_> = users.iter().map(|(history, _)| triples(history)).collect();

    // The model's host side, fitted on the same users, around a small network.
    let texts = users
        .iter()
        .zip(&asked)
        .flat_map(|((history, _), triples)| {
            let key = user_key(history.user());
            let text = move |text: &DataText| (key, text.as_str().to_owned());
            triples.iter().map(move |(q, a)| (text(q), text(a)))
        });
    let (instructions, answers) = texts.unzip();
    let fit = FitConfig {
        slots: Some(8),
        min_users: 1,
        vocabulary: 400,
        pca_components: 0,
        summaries: true,
        lexical_matches: false,
    };
    let preprocessor = fit.fit(FitInput {
        schema: ingested.store.schema(),
        users: &users,
        instructions,
        answers,
        encoder_tokenizer: None,
        source_tokenizers: BTreeMap::new(),
        tokenizer: None,
    })?;
    let asked = users.iter().zip(asked);
    let asked = asked.map(|((history, reference), triples)| Asked {
        user_key: user_key(history.user()),
        profile: preprocessor.profiles().build(history, *reference),
        triples,
    });
    let asked: Vec<Asked> = asked.collect();
    let size = preprocessor.tokenizer().vocab_size();
    let mut shape = ModelConfig::fresh(Size::Tiny, size, size);
    shape.lexical_matches = false;
    let device = DeviceName::from_env()?.open()?.autodiff();
    let model = InstructUe::new(shape, preprocessor, 7, &device)?;

    let mut config = TrainConfig {
        steps: arguments.steps,
        ..TrainConfig::default()
    };
    config.batch.users_per_step = 12;
    let mut objectives = objective::standard(&config)?;
    objectives.push(Box::new(Spread));
    let trained = train(
        TrainInput {
            model,
            rows: &OwnTriples::new(asked),
            validation: None,
            objectives: &objectives,
            config: &config,
            out: &Claim::take(&arguments.out, RUN)?,
            resume: false,
            interrupt: &AtomicBool::new(false),
        },
        &mut |_| {},
    )?;
    say!("trained {} steps on {} users", trained.steps, people.users);
    say!(
        "wrote {}/metrics.jsonl, {0}/checkpoints",
        arguments.out.display()
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
