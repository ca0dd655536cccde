//! The result of an evaluation: numbers only, ready for JSON.
//!
//! [`Evaluation`] is what a default run and a suite over folds both write. Parts that
//! were not measured are empty, and the report leaves their sections out.

mod task;
mod uses;
mod vectors;

use crate::forecast::ForecastResult;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files::{load_json, save_json};
use crate::methods::MethodInfo;
use crate::options::EvaluateOptions;
use instructue_metrics::Map2d;

pub use task::{
    Curves, Difference, MethodScores, ProbeResult, Scores, Tally, TaskResult, ZeroShot,
};
pub use uses::{
    AudienceResult, Example, ExampleUser, FewShotResult, LookalikeResult, RankingResult, RecallAt,
    RecommendationResult, RetrievalResult,
};
pub use vectors::{
    Ablation, Awareness, Claim, NeighbourResult, NoisePoint, NoiseResult, SourceShares,
};

/// The version of the JSON layout.
pub const EVALUATION_FORMAT: u32 = 2;

/// What was measured of a model, over one fold or several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`EVALUATION_FORMAT`].
    pub format: u32,
    /// The heading of the report.
    #[serde(default)]
    pub title: String,
    /// What a reader should know: which data, what was left out and why, how often the
    /// test users were looked at.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Names and values: users, folds, machine, versions, configuration.
    #[serde(default)]
    pub facts: Vec<(String, String)>,
    /// How it was made.
    pub options: EvaluateOptions,
    /// Training and test users of each fold.
    pub folds: Vec<FoldSize>,
    /// The methods that were compared.
    pub methods: Vec<MethodInfo>,
    /// The tasks, in order of declaration.
    pub tasks: Vec<TaskResult>,
    /// Mean over the tasks that were not left out, one entry per method.
    pub means: Vec<MethodScores>,
    /// Comparisons of these means.
    pub mean_differences: Vec<Difference>,
    /// Answers → users.
    #[serde(default)]
    pub retrieval: Vec<RetrievalResult>,
    /// Test users of the first fold in two dimensions, coloured by the label of one task.
    #[serde(default)]
    pub map: Map2d,
    /// Text → users.
    #[serde(default)]
    pub audience: Vec<AudienceResult>,
    /// Whether vectors follow the instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awareness: Option<Awareness>,
    /// Claims, targets and findings.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// Models with one thing changed.
    #[serde(default)]
    pub ablations: Vec<Ablation>,
    /// Under changed events.
    #[serde(default)]
    pub noise: Vec<NoiseResult>,
    /// From few labels.
    #[serde(default)]
    pub few_shot: Vec<FewShotResult>,
    /// Users → users.
    #[serde(default)]
    pub lookalike: Vec<LookalikeResult>,
    /// Next items.
    #[serde(default)]
    pub recommendation: Vec<RecommendationResult>,
    /// Questions that nobody trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecasts: Option<ForecastResult>,
    /// To judge by eye.
    #[serde(default)]
    pub examples: Vec<Example>,
}

/// How many users a fold has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldSize {
    /// Users that the model and the probes may have been trained on.
    pub train: usize,
    /// Users that neither has seen.
    pub test: usize,
}

impl Evaluation {
    /// Writes JSON; a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_json(path, self)
    }

    /// Reads what [`Evaluation::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is of another layout.
    pub fn load(path: &Path) -> Result<Self> {
        let found: Self = load_json(path)?;
        match found.format {
            EVALUATION_FORMAT => Ok(found),
            other => Err(crate::error::Error::shape(
                format!("{}: format", path.display()),
                EVALUATION_FORMAT,
                other,
            )),
        }
    }

    /// The tasks that were not left out.
    pub fn measured(&self) -> impl Iterator<Item = &TaskResult> {
        self.tasks.iter().filter(|task| task.skipped.is_none())
    }

    /// The mean of a method over tasks.
    pub fn mean(&self, method: impl AsRef<str>) -> Option<&MethodScores> {
        let mut means = self.means.iter();
        means.find(|scores| scores.method == method.as_ref())
    }

    /// The mean over tasks of a comparison.
    pub fn mean_difference(
        &self,
        left: impl AsRef<str>,
        right: impl AsRef<str>,
    ) -> Option<&Difference> {
        task::find(&self.mean_differences, left.as_ref(), right.as_ref())
    }

    /// What a method is, in a few words; its id where that is not known.
    pub fn title_of<'a>(&'a self, method: &'a str) -> &'a str {
        let mut methods = self.methods.iter();
        let info = methods.find(|info| info.name == method);
        info.map_or(method, |info| &info.title)
    }

    /// Users tested over all folds.
    pub fn test_users(&self) -> usize {
        self.folds.iter().map(|fold| fold.test).sum()
    }
}
