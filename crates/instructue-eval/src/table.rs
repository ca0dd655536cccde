//! An evaluation as plain text.

use std::fmt::Write;

use crate::forecast::{ForecastResult, ForecastSubset};
use crate::methods::{Arm, COMPARISONS, arm_of};
use crate::results::{Evaluation, MethodScores, Scores};
use instructue_metrics::Interval;

impl Evaluation {
    /// Readable tables: AUC and KS per task and arm, paired differences, zero-shot,
    /// retrieval, with intervals; other methods, claims, models with one thing changed
    /// and rankings where there are any.
    pub fn table(&self) -> String {
        let percent = self.options.confidence * 100.0;
        let mut out = String::new();
        let mut section = |heading: &str, rows: &[Vec<String>]| {
            if rows.len() > 1 {
                let blank = if out.is_empty() { "" } else { "\n" };
                let _ = write!(out, "{blank}{heading}\n{}", aligned(rows));
            }
        };
        let intervals = format!("on test users, with {percent} % bootstrap intervals");
        let auc = self.arms(|scores| scores.auc);
        section(&format!("AUC {intervals}"), &auc);
        section(&format!("KS {intervals}"), &self.arms(|scores| scores.ks));
        section(
            "Differences of AUC on the same resamples (* = zero is outside)",
            &self.arm_differences(),
        );
        section(
            "Zero-shot AUC (cosine with a true answer − with a false one)",
            &self.zero_shot(),
        );
        for found in &self.retrieval {
            let heading = format!(
                "Text → user, {}: {} answers to {} instructions, {:.0} candidates, {:.1} relevant \
                 each",
                found.kind, found.queries, found.instructions, found.candidates, found.relevant
            );
            let mut rows = vec![head(&["", "trained", "untrained", "chance", "difference"])];
            rows.extend(found.recall.iter().map(|recall| {
                vec![
                    format!("recall@{}", recall.k),
                    cell(&recall.trained),
                    or_dash(recall.untrained.as_ref().map(cell)),
                    number(recall.chance),
                    or_dash(recall.difference.as_ref().map(difference)),
                ]
            }));
            section(&heading, &rows);
        }
        let all = "AUC of all methods, mean over folds";
        section(all, &self.all_methods());
        section("Claims (* = zero is outside the interval)", &self.claimed());
        section(
            "One thing changed: mean AUC, and minus the whole model's on the same folds",
            &self.changed(),
        );
        for (heading, rows) in self.rankings() {
            section(&heading, &rows);
        }
        for (heading, rows) in self.forecasts.iter().flat_map(forecasts) {
            section(heading, &rows);
        }
        for task in &self.tasks {
            if let Some(reason) = &task.skipped {
                let _ = write!(out, "\nleft out: {}: {reason}\n", task.name);
            }
        }
        out
    }

    /// One row per task and one for the mean, one column per arm.
    fn arms(&self, pick: impl Fn(&Scores) -> Interval) -> Vec<Vec<String>> {
        let mut rows = vec![head(&["task", "test (positive)"])];
        rows[0].extend(Arm::ALL.map(|arm| arm.name().to_owned()));
        let value =
            |found: Option<&MethodScores>| or_dash(found.map(|found| cell(&pick(&found.scores))));
        for task in self.measured() {
            let users = format!("{} ({})", task.test.users, task.test.positives);
            let mut row = vec![task.name.clone(), users];
            row.extend(Arm::ALL.map(|arm| value(task.score(arm))));
            rows.push(row);
        }
        if rows.len() == 1 {
            return Vec::new();
        }
        let mut row = head(&["mean", ""]);
        row.extend(Arm::ALL.map(|arm| value(self.mean(arm))));
        rows.push(row);
        rows
    }

    /// One row per task and one for the mean, one column per comparison of arms.
    fn arm_differences(&self) -> Vec<Vec<String>> {
        let pairs = COMPARISONS.iter().filter_map(|(left, right)| {
            let names = (arm_of(left)?.name(), arm_of(right)?.name());
            Some(((*left, *right), format!("{} − {}", names.0, names.1)))
        });
        let pairs: Vec<((&str, &str), String)> = pairs.collect();
        let mut rows = vec![head(&["task"])];
        rows[0].extend(pairs.iter().map(|(_, name)| name.clone()));
        for task in self.measured() {
            let of = pairs
                .iter()
                .map(|((left, right), _)| task.difference(left, right));
            let mut row = vec![task.name.clone()];
            row.extend(of.map(|found| or_dash(found.map(|found| difference(&found.auc)))));
            rows.push(row);
        }
        if rows.len() == 1 {
            return Vec::new();
        }
        let of = pairs.iter();
        let of = of.map(|((left, right), _)| self.mean_difference(left, right));
        let mut row = head(&["mean"]);
        row.extend(of.map(|found| or_dash(found.map(|found| difference(&found.auc)))));
        rows.push(row);
        rows
    }

    fn zero_shot(&self) -> Vec<Vec<String>> {
        let mut rows = vec![head(&["task", "trained", "untrained", "difference"])];
        let found = self.measured();
        let found = found.filter_map(|task| Some((task, task.zero_shot?)));
        rows.extend(found.map(|(task, scores)| {
            vec![
                task.name.clone(),
                cell(&scores.trained),
                cell(&scores.untrained),
                difference(&scores.difference),
            ]
        }));
        rows
    }

    /// One row per method, one column per task; nothing where there are arms alone.
    fn all_methods(&self) -> Vec<Vec<String>> {
        if self.methods.iter().all(|info| arm_of(&info.name).is_some()) {
            return Vec::new();
        }
        let mut rows = vec![head(&["method", "mean"])];
        rows[0].extend(self.measured().map(|task| task.name.clone()));
        for info in &self.methods {
            let Some(mean) = self.mean(&info.name) else {
                continue;
            };
            let of_task = self.measured().map(|task| task.score(&info.name));
            let mut row = vec![info.title.clone(), cell(&mean.scores.auc)];
            row.extend(of_task.map(|found| or_dash(found.map(|one| number(one.scores.auc.point)))));
            rows.push(row);
        }
        rows
    }

    fn claimed(&self) -> Vec<Vec<String>> {
        let mut rows = vec![head(&["", "claim", "found", "target"])];
        rows.extend(self.claims.iter().map(|claim| {
            let met = match claim.met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "–",
            };
            let tasks = claim
                .tasks
                .map(|(good, all)| format!("{good} of {all} tasks"));
            let value = claim.value.as_ref().map(difference);
            let found: Vec<String> = value.into_iter().chain(tasks).collect();
            let found = match found.is_empty() {
                true => claim.found.clone(),
                false => found.join(", "),
            };
            vec![met.into(), claim.claim.clone(), found, claim.target.clone()]
        }));
        rows
    }

    fn changed(&self) -> Vec<Vec<String>> {
        let names = ["variant", "folds", "AUC", "difference", "matched − empty"];
        let mut rows = vec![head(&names)];
        rows.extend(self.ablations.iter().map(|one| {
            vec![
                one.title.clone(),
                one.folds.to_string(),
                cell(&one.auc),
                difference(&one.difference),
                difference(&one.matched_minus_empty),
            ]
        }));
        rows
    }

    /// A heading and a table for each kind of next items.
    fn rankings(&self) -> Vec<(String, Vec<Vec<String>>)> {
        let names = [
            "method",
            "HR@10",
            "NDCG@10",
            "HR@10, sampled",
            "NDCG@10, sampled",
        ];
        let of = self.recommendation.iter().map(|one| {
            let heading = format!(
                "Next items, {}: {} users, {} candidates",
                one.name, one.users, one.candidates
            );
            let mut rows = vec![head(&names)];
            rows.extend(one.methods.iter().map(|method| {
                vec![
                    method.title.clone(),
                    cell(&method.hit_rate_full),
                    cell(&method.ndcg_full),
                    cell(&method.hit_rate_sampled),
                    cell(&method.ndcg_sampled),
                ]
            }));
            (heading, rows)
        });
        of.collect()
    }
}

/// Mean AUCs over questions without labels, by method and kind of question, and what else is
/// measured of them.
fn forecasts(found: &ForecastResult) -> [(&'static str, Vec<Vec<String>>); 2] {
    let mut means = vec![head(&[""])];
    means[0].extend(ForecastSubset::ALL.map(|subset| subset.title().to_owned()));
    let mut others = vec![head(&[
        "",
        "lift at 1 %",
        "5 %",
        "10 %",
        "within a user",
        "calibration error",
        "right",
        "right by the mean",
    ])];
    for quality in &found.qualities {
        let label = quality.method.label();
        let mut row = vec![label.clone()];
        row.extend(ForecastSubset::ALL.map(|subset| {
            or_dash(
                found
                    .mean(&quality.method, subset)
                    .map(|mean| cell(&mean.auc)),
            )
        }));
        means.push(row);
        let mut row = vec![label];
        row.extend(
            quality
                .lift
                .map(|lift| or_dash(lift.map(|lift| format!("{lift:.1}")))),
        );
        row.push(or_dash(quality.within_user.map(number)));
        let error = quality.calibration.as_ref();
        row.push(or_dash(error.map(|found| number(found.expected_error))));
        let right = quality.right;
        row.push(or_dash(right.map(|right| number(right.likelier))));
        row.push(or_dash(right.map(|right| number(right.likelier_than_mean))));
        others.push(row);
    }
    [
        (
            "Questions without labels: mean AUC, intervals over users and questions",
            means,
        ),
        (
            "The same: lift, ranking of one user's questions, calibration, right answers (a yes and a no \
             count alike)",
            others,
        ),
    ]
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".into())
}

/// Three digits, without the zero before the point.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.strip_prefix('-') {
        Some(rest) => format!("−{}", rest.strip_prefix('0').unwrap_or(rest)),
        None => text.strip_prefix('0').map_or(text.clone(), str::to_owned),
    }
}

/// `.812 [.774, .850]`
pub(crate) fn cell(interval: &Interval) -> String {
    let Interval {
        point, low, high, ..
    } = *interval;
    format!("{} [{}, {}]", number(point), number(low), number(high))
}

/// `+.035 [+.010, +.061]*`
pub(crate) fn difference(interval: &Interval) -> String {
    let signed = |value: f64| {
        let text = number(value);
        if text.starts_with('−') {
            text
        } else {
            format!("+{text}")
        }
    };
    let star = if interval.excludes_zero() { "*" } else { "" };
    let Interval {
        point, low, high, ..
    } = *interval;
    format!(
        "{} [{}, {}]{star}",
        signed(point),
        signed(low),
        signed(high)
    )
}

/// Columns padded to equal width, first column to the left.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (text, &width) in row.iter().zip(&widths) {
            line.push_str(text);
            // Not by a format's width, which is bounded.
            let blanks = width.saturating_sub(text.chars().count()) + 2;
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(0.8123), ".812");
        assert_eq!(number(1.0), "1.000");
        assert_eq!(number(-0.05), "−.050");
        let interval = Interval {
            point: 0.0351,
            low: 0.01,
            high: 0.0611,
            confidence: 0.95,
            resamples: 1,
            above_zero: 1.0,
        };
        assert_eq!(cell(&interval), ".035 [.010, .061]");
        assert_eq!(difference(&interval), "+.035 [+.010, +.061]*");
        let unsure = Interval {
            low: -0.01,
            ..interval
        };
        assert_eq!(difference(&unsure), "+.035 [−.010, +.061]");
    }

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".into(), "β".into()],
            vec!["long".into(), "x".into()],
        ];
        assert_eq!(aligned(&rows), "a     β\nlong  x\n");
        // Wider than a format allows.
        let wide = [
            vec!["x".repeat(70_000), "y".into()],
            vec!["a".into(), "b".into()],
        ];
        assert_eq!(aligned(&wide).len(), 2 * (70_000 + 4));
    }
}
