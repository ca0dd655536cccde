//! Adapters in the layout of [PEFT](https://github.com/huggingface/peft): a
//! directory with `adapter_config.json` and `adapter_model.safetensors`.
//!
//! The factors of a linear map at `PATH` are
//! `base_model.model.PATH.lora_A.weight`, `[rank, input]`, and
//! `….lora_B.weight`, `[output, rank]`: the transposes of this workspace's.
//!
//! [`save`] and [`load`] take any module whose maps are known
//! ([`LoraMaps`](crate::lora::LoraMaps)); a [`Naming`] says what its paths are called.

mod config;
mod names;
mod pattern;
mod read;
mod settings;
mod value;
mod write;

pub use config::{PeftConfig, TaskType};
pub use names::{CONFIG, Naming, WEIGHTS};
pub use read::load;
pub use write::save;
