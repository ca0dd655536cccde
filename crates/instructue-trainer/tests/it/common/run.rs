//! Short runs of a tiny model, their batches and gradients.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use instructue_model::LoraConfig;
use instructue_model::{InstructUe, ModelConfig, Network, Size, parameters};
use instructue_trainer::{
    BatchConfig, CheckpointConfig, Claim, Event, LossConfig, Metrics, Objectives, OptimizerConfig,
    Phase, RUN, Result, RowSource, Rows, TrainConfig, TrainInput, Trained, ValidationConfig,
    metrics, objective, train,
};
use instructue_userqa::Split;
use tempfile::TempDir;

use super::data::{Data, data};

/// The CPU backend has one random generator per process, so only one test trains at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn config() -> TrainConfig {
    TrainConfig {
        steps: 12,
        batch: BatchConfig {
            users_per_step: 4,
            instructions_per_user: 2,
            length_window: 3,
            slots_per_pass: 100_000,
            ..BatchConfig::default()
        },
        optimizer: OptimizerConfig {
            learning_rate: 3e-3,
            ..OptimizerConfig::default()
        },
        validation: ValidationConfig {
            every: 4,
            users: 8,
            ..ValidationConfig::default()
        },
        checkpoint: CheckpointConfig { every: 4, keep: 3 },
        // Both losses alike, whatever the default is.
        loss: LossConfig {
            contrastive_weight: 1.0,
            ..LossConfig::default()
        },
        ..TrainConfig::default()
    }
}

/// A tiny model. With `dropout`, the backbone is frozen under LoRA.
pub fn model(data: &Data, dropout: Option<f64>, seed: u64) -> InstructUe {
    model_of(data, seed, |config| {
        config.backbone_lora = dropout.map(|dropout| LoraConfig {
            rank: 4,
            alpha: 8.0,
            dropout,
        });
    })
}

/// A tiny model whose configuration `change` modifies.
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
    // With a handful of users there may be nobody for validation.
    let validation = data.open(Split::Validation).ok();
    let validation = validation.as_ref().map(|data| data as &dyn RowSource);
    run_on((&training, validation), model, config, dir, resume, watch)
}

pub fn run_on(
    (rows, validation): (&dyn RowSource, Option<&dyn RowSource>),
    model: InstructUe,
    config: &TrainConfig,
    dir: &Path,
    resume: bool,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Trained> {
    let input = TrainInput {
        model,
        rows,
        validation,
        objectives: &objectives(config),
        config,
        out: &Claim::take(dir, RUN)?,
        resume,
        interrupt: &AtomicBool::new(false),
    };
    train(input, watch)
}

/// Trains with these losses, and until `interrupt` is set.
pub fn run_with(
    objectives: &Objectives,
    interrupt: &AtomicBool,
    dir: &Path,
    resume: bool,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Trained> {
    let input = TrainInput {
        model: model(data(), None, 3),
        rows: &data().open(Split::Train).unwrap(),
        validation: Some(&data().open(Split::Validation).unwrap()),
        objectives,
        config: &config(),
        out: &Claim::take(dir, RUN)?,
        resume,
        interrupt,
    };
    train(input, watch)
}

/// The losses of the method; a configuration that is refused has those of the default.
pub fn objectives(config: &TrainConfig) -> Objectives {
    objective::standard(config)
        .or_else(|_| objective::standard(&TrainConfig::default()))
        .unwrap()
}

/// Trains until the line of step `last` is written, then dies.
pub fn killed_after(last: usize, model: InstructUe, config: &TrainConfig, dir: &Path) {
    let died = catch_unwind(AssertUnwindSafe(|| {
        run(data(), model, config, dir, false, &mut |event| {
            if let Event::Metrics { metrics, .. } = event {
                assert!(metrics.step < last, "killed on purpose");
            }
        })
    }));
    assert!(died.is_err());
}

pub fn batches(split: Split, config: &TrainConfig) -> Box<dyn Rows> {
    let preprocessor = Arc::new(data().preprocessor.clone());
    let data = data().open(split).unwrap();
    RowSource::open(&data, preprocessor, config).unwrap()
}

/// The gradients in module order.
pub fn values(network: &Network, gradients: &GradientsParams) -> Vec<Option<Vec<f32>>> {
    struct Read<'a>(&'a GradientsParams, Vec<Option<Vec<f32>>>);
    impl ModuleVisitor for Read<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id);
            self.1
                .push(gradient.map(|g| g.into_data().try_to_vec::<f32>().unwrap()));
        }
    }
    let mut read = Read(gradients, Vec::new());
    network.visit(&mut read);
    read.1
}

/// The metrics of a run, without values that depend on the clock.
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
