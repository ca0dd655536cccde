//! The results of one task: scores of every method, comparisons, curves.

use serde::{Deserialize, Serialize};

use instructue_metrics::Interval;
use instructue_metrics::{Calibration, Deciles};

/// Statistics of one method, means over folds, with intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Area under the ROC curve.
    pub auc: Interval,
    /// Kolmogorov–Smirnov distance.
    pub ks: Interval,
    /// Lift among the 1 % with the highest scores.
    pub lift_1_percent: Interval,
    /// The same among 5 %.
    pub lift_5_percent: Interval,
    /// The same among 10 %.
    pub lift_10_percent: Interval,
}

/// The scores of one method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodScores {
    /// The method's id.
    pub method: String,
    /// The statistics.
    #[serde(flatten)]
    pub scores: Scores,
    /// AUC in each fold.
    pub folds: Vec<f64>,
}

/// A comparison of two methods on the same test users and resamples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The minuend.
    pub left: String,
    /// The subtrahend.
    pub right: String,
    /// Left minus right, AUC.
    pub auc: Interval,
    /// Left minus right, KS.
    pub ks: Interval,
}

/// How many users, and how many of them are positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Labelled users.
    pub users: usize,
    /// Positive ones.
    pub positives: usize,
}

/// One probe, means over folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The method's id; each wording of a reworded instruction has its own.
    pub method: String,
    /// The instruction behind the vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Number of inputs.
    pub features: usize,
    /// The penalty that cross-validation on the training users chose.
    pub l2: f64,
    /// AUC on the test users.
    pub auc: f64,
    /// Mean −log p of the true label.
    pub log_loss: f64,
    /// Mean cosine of the test users' vectors with their matched ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine_to_matched: Option<f64>,
    /// AUC of the *matched* probe on these vectors: what is lost when a probe
    /// meets vectors of another instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_probe_auc: Option<f64>,
}

/// Scores without any training on labels: cosine with a true answer minus cosine with a false one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ZeroShot {
    /// AUC of the trained model.
    pub trained: Interval,
    /// AUC of the untrained model.
    pub untrained: Interval,
    /// Trained minus untrained.
    pub difference: Interval,
}

/// What can be drawn of one method at one task, all folds together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The method's id.
    pub method: String,
    /// (False-positive rate, true-positive rate).
    pub roc: Vec<(f64, f64)>,
    /// (Share of users, gap of the two rates).
    pub ks: Vec<(f64, f64)>,
    /// (Share of users, share of positives found).
    pub gain: Vec<(f64, f64)>,
    /// Ten equal parts by score.
    pub deciles: Deciles,
    /// Predicted beside observed rates, where the method gives probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Everything about one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Its name.
    pub name: String,
    /// A group of tasks that it belongs to, such as `marketing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The matching instruction.
    pub instruction: String,
    /// The one that stands for a wrong one.
    pub wrong: String,
    /// Profiles end here.
    pub reference: String,
    /// Labelled users.
    pub labelled: Tally,
    /// Those of them that some fold tests.
    pub test: Tally,
    /// Why it was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// One entry per method.
    pub scores: Vec<MethodScores>,
    /// The probes behind them.
    pub probes: Vec<ProbeResult>,
    /// Comparisons on the same resamples.
    pub differences: Vec<Difference>,
    /// Zero-shot scores, when the task declares the texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_shot: Option<ZeroShot>,
    /// Of the main methods.
    pub curves: Vec<Curves>,
}

impl TaskResult {
    /// The scores of a method.
    pub fn score(&self, method: impl AsRef<str>) -> Option<&MethodScores> {
        let mut all = self.scores.iter();
        all.find(|scores| scores.method == method.as_ref())
    }

    /// The first probe of a method.
    pub fn probe(&self, method: impl AsRef<str>) -> Option<&ProbeResult> {
        let mut all = self.probes.iter();
        all.find(|probe| probe.method == method.as_ref())
    }

    /// A comparison.
    pub fn difference(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Option<&Difference> {
        find(&self.differences, left.as_ref(), right.as_ref())
    }

    /// What can be drawn of a method.
    pub fn curves(&self, method: impl AsRef<str>) -> Option<&Curves> {
        let mut all = self.curves.iter();
        all.find(|curves| curves.method == method.as_ref())
    }
}

pub(super) fn find<'a>(all: &'a [Difference], left: &str, right: &str) -> Option<&'a Difference> {
    all.iter()
        .find(|one| one.left == left && one.right == right)
}
