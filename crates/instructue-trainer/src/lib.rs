//! Joint training: checkpoints, exact resume, metrics sinks.
//!
//! [`train`] reads from top to bottom: draw a step's rows, compute both losses
//! and their gradients (through GradCache when a step does not fit one pass),
//! clip by global norm, move the optimiser, log, validate, checkpoint.

mod batches;
pub mod checkpoint;
mod config;
mod error;
mod gradients;
pub mod metrics;
mod step;
mod tensorboard;
mod trainer;

pub use batches::{Batches, TrainData};
pub use config::{ContrastiveSettings, TrainConfig};
pub use error::{Error, Result};
pub use gradients::clip_global_norm;
pub use metrics::{Metrics, MetricsSink, Phase};
pub use step::{Losses, evaluate, gradients};
pub use trainer::{Event, Trained, train};
