//! What an evaluation is put together from.

use crate::error::Result;
use crate::fold::{FoldResult, Valued};
use crate::noise::NoiseKind;
use crate::scores::{FoldValues, Population};
use crate::study::Study;
use instructue_metrics::Draws;

/// A change of events under which methods were measured.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseCondition {
    /// Its name among the scores' conditions.
    pub name: String,
    /// What is changed.
    pub kind: NoiseKind,
}

/// A model with one thing changed, measured on the first folds of a study.
#[derive(Debug, Clone)]
pub struct VariantResult {
    /// A short name.
    pub name: String,
    /// What is changed.
    pub title: String,
    /// The variant that it is compared with; otherwise the whole model.
    pub against: Option<String>,
    /// Its folds.
    pub folds: Vec<FoldResult>,
}

/// What an evaluation has beside the folds of its model.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// Changes of events, in the order of the report.
    pub noise: Vec<NoiseCondition>,
    /// Models with one thing changed.
    pub variants: Vec<VariantResult>,
    /// Whether the claims about the method are checked.
    pub claims: bool,
}

/// All that statistics are made from.
pub(crate) struct Found<'a> {
    pub study: &'a Study<'a>,
    pub folds: &'a [FoldResult],
    pub population: Population,
}

impl Found<'_> {
    /// Draws of the mean of values of one kind.
    pub fn mean_of(&self, kind: &str, of: &str, method: &str) -> Result<Option<Draws>> {
        let wanted =
            |value: &&Valued| value.kind == kind && value.of == of && value.method == method;
        let folds = self.folds.iter();
        let values: Vec<FoldValues> = folds
            .filter_map(|fold| fold.values.iter().find(wanted))
            .map(|value| value.values.clone())
            .collect();
        self.population.mean(&values)
    }
}
