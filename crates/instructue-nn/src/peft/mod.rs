//! Adapters in the layout of [PEFT](https://github.com/huggingface/peft): a
//! directory with `adapter_config.json` and `adapter_model.safetensors`.
//!
//! The factors of a linear map at `PATH` are
//! `base_model.model.PATH.lora_A.weight`, `[rank, input]`, and
//! `….lora_B.weight`, `[output, rank]`: the transposes of this workspace's.
//!
//! What a model must say of itself is where its maps are: their paths, as
//! [`Site`]s when writing, and asked for one by one of an open [`Adapter`] when
//! reading.

mod config;
mod pattern;
mod read;
mod settings;
mod write;

pub use config::{PeftConfig, TaskType};
pub use read::Adapter;
pub use write::{Site, write};

/// Name of the settings in an adapter's directory.
pub const CONFIG: &str = "adapter_config.json";
/// Name of the weights in an adapter's directory.
pub const WEIGHTS: &str = "adapter_model.safetensors";

/// What stands before the path of an adapted map.
const ROOT: &str = "base_model.model.";

/// The key of a factor.
fn key(path: &str, factor: &str) -> String {
    format!("{ROOT}{path}.{factor}.weight")
}
