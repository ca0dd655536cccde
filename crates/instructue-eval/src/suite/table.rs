//! The proof of a suite as plain text.

use std::fmt::Write;

use crate::suite::proof::{MethodScore, SuiteProof};
use crate::table::{aligned, cell, difference, number};

impl SuiteProof {
    /// Readable tables: AUC per task and method, claims with what was found,
    /// models with one thing changed, rankings.
    pub fn table(&self) -> String {
        let percent = self.confidence * 100.0;
        let mut out = format!(
            "{}\n\nAUC on test users, mean over folds, with {percent} % bootstrap intervals\n",
            self.title
        );
        out.push_str(&self.scores());
        out.push_str("\nClaims (* = zero is outside the interval)\n");
        let mut rows = vec![["", "claim", "found", "target"].map(String::from).to_vec()];
        rows.extend(self.claims.iter().map(|claim| {
            let met = match claim.met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "–",
            };
            let value = claim.value.as_ref().map(|value| difference(value) + ", ");
            let tasks = claim
                .tasks
                .map(|(good, all)| format!("{good} of {all} tasks"));
            let found = match (value, tasks) {
                (None, None) => claim.found.clone(),
                (value, tasks) => {
                    let both = value.unwrap_or_default() + &tasks.unwrap_or_default();
                    both.trim_end_matches(", ").to_owned()
                }
            };
            vec![met.into(), claim.claim.clone(), found, claim.target.clone()]
        }));
        out.push_str(&aligned(&rows));
        if !self.ablations.is_empty() {
            out.push_str(
                "\nOne thing changed: mean AUC, and minus the whole model's on the same folds\n",
            );
            let head = ["variant", "folds", "AUC", "difference", "matched − empty"];
            let mut rows = vec![head.map(String::from).to_vec()];
            rows.extend(self.ablations.iter().map(|one| {
                vec![
                    one.title.clone(),
                    one.folds.to_string(),
                    cell(&one.auc),
                    difference(&one.difference),
                    difference(&one.matched_minus_empty),
                ]
            }));
            out.push_str(&aligned(&rows));
        }
        for one in &self.recommendation {
            let _ = write!(
                out,
                "\nNext items, {}: {} users, {} candidates\n",
                one.name, one.users, one.candidates
            );
            let head = [
                "method",
                "HR@10",
                "NDCG@10",
                "HR@10, sampled",
                "NDCG@10, sampled",
            ];
            let mut rows = vec![head.map(String::from).to_vec()];
            rows.extend(one.methods.iter().map(|method| {
                vec![
                    method.title.clone(),
                    cell(&method.hit_rate_full),
                    cell(&method.ndcg_full),
                    cell(&method.hit_rate_sampled),
                    cell(&method.ndcg_sampled),
                ]
            }));
            out.push_str(&aligned(&rows));
        }
        for note in &self.notes {
            let _ = write!(out, "\n{note}");
        }
        out.push('\n');
        out
    }

    /// One row per method, one column per task.
    fn scores(&self) -> String {
        let tasks: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| task.skipped.is_none())
            .collect();
        let mut head = vec!["method".to_owned(), "mean".to_owned()];
        head.extend(tasks.iter().map(|task| task.name.clone()));
        let mut rows = vec![head];
        for info in &self.methods {
            let Some(mean) = self.mean(&info.name) else {
                continue;
            };
            let of_task = |scores: &[MethodScore]| {
                let found = scores.iter().find(|score| score.method == info.name);
                found.map_or_else(|| "–".into(), |score| number(score.stats.auc.point))
            };
            let mut row = vec![info.title.clone(), cell(&mean.stats.auc)];
            row.extend(tasks.iter().map(|task| of_task(&task.scores)));
            rows.push(row);
        }
        aligned(&rows)
    }
}
