//! The names of recipes: what the values of a run start from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the values of a run start from; each key that a file names replaces one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// A small model trained from scratch in minutes on a CPU. It differs from the papers
    /// where these want a pretrained decoder and more steps than minutes have: words look up
    /// events, events that an instruction names are counted, and negatives are chosen among
    /// answers to the same question.
    #[default]
    Minutes,
    /// The recipe of the papers (arXiv:2510.11016, arXiv:2602.10622), as far as it is
    /// published: Qwen2.5-0.5B with LoRA, a gte-base encoder, 50,000 steps of 2,048 pairs. It
    /// wants a GPU.
    Paper,
}
