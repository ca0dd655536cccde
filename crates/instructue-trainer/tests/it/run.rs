//! Short runs of a tiny model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use burn::tensor::{Device, TensorData};
use instructue_model::LoraConfig;
use instructue_model::{InstructUe, ModelConfig, Size, parameters};
use instructue_trainer::{
    Claim, Event, Metrics, Phase, RUN, Result, TrainConfig, Trained, metrics, train,
};
use instructue_userqa::Split;
use tempfile::TempDir;

use crate::data::{Data, data};

/// The CPU backend has one random generator per process, so one test at a time trains.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn config() -> TrainConfig {
    TrainConfig {
        steps: 12,
        users_per_step: 4,
        instructions_per_user: 2,
        length_window: 3,
        slots_per_pass: 100_000,
        learning_rate: 3e-3,
        validate_every: 4,
        validation_users: 8,
        checkpoint_every: 4,
        keep_checkpoints: 3,
        ..TrainConfig::default()
    }
}

/// With `dropout`, the backbone is frozen under LoRA.
pub fn model(data: &Data, dropout: Option<f64>, seed: u64) -> InstructUe {
    model_of(data, seed, |config| {
        config.backbone_lora = dropout.map(|dropout| LoraConfig {
            rank: 4,
            alpha: 8.0,
            dropout,
        });
    })
}

/// A tiny model, changed a little.
pub fn model_of(data: &Data, seed: u64, change: impl Fn(&mut ModelConfig)) -> InstructUe {
    let preprocessor = data.preprocessor.clone();
    let vocab = preprocessor.tokenizer().vocab_size();
    let mut config = ModelConfig::fresh(Size::Tiny, vocab, vocab);
    config.lexical_matches = true;
    config.backbone.hidden_size = 32;
    config.backbone.intermediate_size = 48;
    config.backbone.num_hidden_layers = 2;
    config.encoder.bert.hidden_size = 16;
    config.encoder.bert.intermediate_size = 32;
    config.head.hidden = 32;
    config.head.output = 16;
    config.tabular.width = 16;
    change(&mut config);
    InstructUe::new(config, preprocessor, seed, &Device::default().autodiff()).unwrap()
}

pub fn tensors(model: &InstructUe) -> BTreeMap<String, TensorData> {
    parameters::tensors(model.network())
}

/// The same model with one value of one parameter replaced.
pub fn spoilt(model: InstructUe, name: &str, value: f32) -> InstructUe {
    let mut tensors = tensors(&model);
    let data = tensors.get_mut(name).expect("a parameter of this name");
    let mut values = data.clone().try_to_vec::<f32>().unwrap();
    values[0] = value;
    *data = TensorData::new(values, data.shape().to_vec());
    let network = parameters::load(model.network().clone(), tensors, Path::new("test")).unwrap();
    model.with_network(network)
}

pub fn run(
    data: &Data,
    model: InstructUe,
    config: &TrainConfig,
    dir: &Path,
    resume: bool,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Trained> {
    let training = data.open(Split::Train).unwrap();
    // A handful of users may leave no one for validation.
    let validation = data.open(Split::Validation).ok();
    let validation = validation.as_ref();
    let out = Claim::take(dir, RUN)?;
    train(model, &training, validation, config, &out, resume, watch)
}

/// What a run wrote, without what depends on the clock.
pub fn lines(dir: &Path) -> Vec<Metrics> {
    let mut lines = metrics::read(&dir.join("metrics.jsonl")).unwrap();
    for line in &mut lines {
        line.seconds = 0.0;
        line.users_per_second = None;
    }
    lines
}

pub fn of(lines: &[Metrics], phase: Phase) -> Vec<&Metrics> {
    lines.iter().filter(|line| line.phase == phase).collect()
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The directory of a finished run of `config()`, to be copied.
pub fn finished() -> TempDir {
    static FINISHED: OnceLock<TempDir> = OnceLock::new();
    let original = FINISHED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        run(
            data(),
            model(data(), None, 3),
            &config(),
            dir.path(),
            false,
            &mut |_| {},
        )
        .unwrap();
        dir
    });
    let dir = tempfile::tempdir().unwrap();
    copy(original.path(), dir.path());
    dir
}
