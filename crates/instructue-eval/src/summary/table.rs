//! The statistics of every method at every task.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::fold::Scored;
use crate::methods::{Arm, CLEAN};
use crate::scores::{FoldScores, Population, ScoreDraws};
use instructue_metrics::Draws;

/// Draws by method, task and condition.
pub(crate) struct Table {
    pub draws: BTreeMap<(String, usize, String), ScoreDraws>,
    pub tasks: Vec<usize>,
}

impl Table {
    /// Measures the scores of all folds; what some fold lacks is left out.
    pub fn new(population: &Population, folds: &[Vec<&Scored>], tasks: Vec<usize>) -> Result<Self> {
        let mut lists: BTreeMap<(&str, usize, &str), Vec<FoldScores>> = BTreeMap::new();
        for scored in folds.iter().flatten() {
            let key = (
                scored.method.as_str(),
                scored.task,
                scored.condition.as_str(),
            );
            lists.entry(key).or_default().push(scored.scores.clone());
        }
        let mut draws = BTreeMap::new();
        // What a method lacks in some fold where others have it would be another mean.
        let mut most: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for ((_, task, condition), list) in &lists {
            let entry = most.entry((*task, *condition)).or_insert(0);
            *entry = list.len().max(*entry);
        }
        for ((method, task, condition), list) in lists {
            if list.len() < most[&(task, condition)] {
                continue;
            }
            if let Some(found) = population.measure(&list)? {
                draws.insert((method.to_owned(), task, condition.to_owned()), found);
            }
        }
        // The mean over wordings is one method.
        for &task in &tasks {
            let wordings: Vec<&ScoreDraws> = draws
                .iter()
                .filter(|((method, of, condition), _)| {
                    let number = method.strip_prefix(Arm::Reworded.id());
                    *of == task && condition == CLEAN && number.is_some_and(|n| !n.is_empty())
                })
                .map(|(_, draws)| draws)
                .collect();
            if !wordings.is_empty() {
                let mean = ScoreDraws::mean(&wordings);
                draws.insert(
                    (Arm::Reworded.id().to_owned(), task, CLEAN.to_owned()),
                    mean,
                );
            }
        }
        Ok(Self { draws, tasks })
    }

    pub fn get(&self, method: &str, task: usize, condition: &str) -> Option<&ScoreDraws> {
        self.draws
            .get(&(method.to_owned(), task, condition.to_owned()))
    }

    /// The mean over all tasks; `None` where one lacks the method.
    pub fn mean(&self, method: &str, condition: &str) -> Option<ScoreDraws> {
        let list: Option<Vec<&ScoreDraws>> = self
            .tasks
            .iter()
            .map(|&task| self.get(method, task, condition))
            .collect();
        list.filter(|list| !list.is_empty())
            .map(|list| ScoreDraws::mean(&list))
    }

    /// Mean AUC of one method minus another's on the same resamples.
    pub fn difference(&self, left: &str, right: &str) -> Option<Draws> {
        Some(
            self.mean(left, CLEAN)?
                .auc
                .minus(&self.mean(right, CLEAN)?.auc),
        )
    }
}
