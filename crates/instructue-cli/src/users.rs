//! The arguments that name a trained model and the data of users, and the loading of both.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use instructue::eval::parse_time;
use instructue::fs::NewDirectory;
use instructue::model::AnswerScorer;
use instructue::model::cache::CacheConfig;
use instructue::model::{InstructUe, Precision};
use instructue::pipeline::{Ingested, Watch, end_of_data, ingest, model_dir};
use instructue::pipeline::{answers_dir, open_answers};
use instructue::schema::Progress;
use instructue::{DeviceName, schema::Timestamp};

use crate::Console;

/// Arguments that name the model and the data.
#[derive(Debug, Args)]
pub struct Users {
    /// A model directory, or the output directory of train_userqa.
    #[arg(long)]
    pub model: PathBuf,
    /// Directory with Parquet files and the schema.toml that the model was trained with.
    #[arg(long)]
    pub data: PathBuf,
    /// See only events before this day (2017-07-01); default: all events.
    #[arg(long)]
    pub reference: Option<String>,
    /// cpu, wgpu, cuda or ndarray; the last three want a build with that feature.
    #[arg(long)]
    pub device: Option<DeviceName>,
    /// f32, bf16 or f16; default: what the model was saved in.
    #[arg(long)]
    pub precision: Option<Precision>,
    /// Where to keep the grouped events between calls; default: a temporary directory that
    /// nobody else can read and that goes when the program ends.
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// Keep the vectors of event texts in this folder: each text is encoded once, in
    /// all calls with this model's encoders together.
    #[arg(long, value_name = "DIR")]
    pub event_cache: Option<PathBuf>,
}

/// The loaded model and data.
#[derive(Debug)]
pub struct Opened {
    /// The model.
    pub model: InstructUe,
    /// The ingested users.
    pub ingested: Ingested,
    /// The reference time. Only events before it are read.
    pub reference: Timestamp,
    _temporary: Option<NewDirectory>,
}

impl Users {
    /// Loads the model and reads the events.
    ///
    /// # Errors
    /// A directory holds no model or no data, or the reference is no day.
    pub fn open(&self, console: &mut Console) -> Result<Opened, Box<dyn Error>> {
        let device = self.device.map_or_else(DeviceName::from_env, Ok)?;
        let (dir, opened) = (model_dir(&self.model), device.open()?);
        let model = match self.precision {
            Some(precision) => InstructUe::load_in(&dir, &opened, precision)?,
            None => InstructUe::load(&dir, &opened)?,
        };
        let model = model.with_replicas(device.replicas(0));
        let model = match &self.event_cache {
            Some(folder) => model.with_event_cache(&CacheConfig::in_dir(folder))?,
            None => model,
        };
        let (store, temporary) = match &self.store {
            Some(store) => (store.clone(), None),
            None => {
                let aside = std::env::temp_dir().join("instructue-events");
                // The directory is removed when the program ends, also by a signal. After a kill
                // the next program clears it.
                let temporary = NewDirectory::create_private(&aside)?;
                (temporary.path().join("store"), Some(temporary))
            }
        };
        let ingested = ingest(&self.data, &store, &mut |stage| console.progress(stage))?;
        let (reference, from) = match &self.reference {
            Some(day) => {
                let time = parse_time(day).ok_or_else(|| {
                    format!("--reference: expected a day such as 2017-07-01, found {day:?}")
                })?;
                (time, "--reference")
            }
            None => {
                let end = end_of_data(&ingested.store);
                (end.unwrap_or(Timestamp(0)), "the end of the data")
            }
        };
        let text = format!("reference {reference}: events before it are seen ({from})");
        console.progress(Progress::Note { text });
        Ok(Opened {
            model,
            ingested,
            reference,
            _temporary: temporary,
        })
    }

    /// The answer scorer beside the model.
    ///
    /// # Errors
    /// There is none, or it does not fit.
    pub fn scorer(&self, opened: &Opened) -> Result<AnswerScorer, Box<dyn Error>> {
        let dir = answers_dir(&self.model);
        open_answers(&self.model, &opened.ingested.store)?.ok_or_else(|| {
            let expected = "the answer scorer of a run of train_userqa or answer_scores";
            format!("{}: expected {expected}, found nothing", dir.display()).into()
        })
    }
}
