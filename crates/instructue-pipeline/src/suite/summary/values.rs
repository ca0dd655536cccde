//! Means of values per user.

use instructue_eval::Draws;
use instructue_eval::suite::{FoldValues, Population};

use crate::error::Result;
use crate::suite::fold::{FoldResult, Valued};
use crate::suite::summary::Found;

/// Draws of the mean of values of one kind.
pub(crate) fn mean_of(
    population: &Population,
    folds: &[Vec<&Valued>],
    kind: &str,
    of: &str,
    method: &str,
) -> Result<Option<Draws>> {
    let wanted = |value: &&&Valued| value.kind == kind && value.of == of && value.method == method;
    let values: Vec<FoldValues> = folds
        .iter()
        .filter_map(|fold| fold.iter().find(wanted).map(|value| value.values.clone()))
        .collect();
    Ok(population.mean(&values)?)
}

/// The values of each fold, of ours and of the baselines.
pub(crate) fn values<'a>(found: &'a Found<'_>) -> Vec<Vec<&'a Valued>> {
    let with = |(number, fold): (usize, &'a FoldResult)| {
        let baselines = found.baselines.get(number).into_iter();
        fold.values
            .iter()
            .chain(baselines.flat_map(|found| &found.values))
            .collect()
    };
    found.whole.iter().enumerate().map(with).collect()
}
