//! A proof as plain text.

use std::fmt::Write;

use crate::bootstrap::Interval;
use crate::proof::{Arm, COMPARISONS, Evaluation, Score};

impl Evaluation {
    /// Readable tables: AUC and KS per task and arm, paired differences,
    /// retrieval and zero-shot, with intervals.
    pub fn table(&self) -> String {
        let percent = self.options.confidence * 100.0;
        let mut out = String::new();
        let heading = |text: String, out: &mut String| {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&text);
            out.push('\n');
        };
        heading(
            format!("AUC on test users, with {percent} % bootstrap intervals"),
            &mut out,
        );
        out.push_str(&self.score_table(|score| score.auc));
        heading(
            format!("KS on test users, with {percent} % bootstrap intervals"),
            &mut out,
        );
        out.push_str(&self.score_table(|score| score.ks));
        heading(
            "Differences of AUC on the same resamples (* = zero is outside)".into(),
            &mut out,
        );
        out.push_str(&self.difference_table());
        let zero_shot: Vec<Vec<String>> = self
            .tasks
            .iter()
            .filter_map(|task| task.zero_shot.map(|scores| (task, scores)))
            .map(|(task, scores)| {
                let last = difference(&scores.difference);
                vec![
                    task.name.clone(),
                    cell(&scores.trained),
                    cell(&scores.untrained),
                    last,
                ]
            })
            .collect();
        if !zero_shot.is_empty() {
            heading(
                "Zero-shot AUC (cosine with a true answer − with a false one)".into(),
                &mut out,
            );
            let mut rows = vec![
                ["task", "trained", "untrained", "difference"]
                    .map(String::from)
                    .to_vec(),
            ];
            rows.extend(zero_shot);
            out.push_str(&aligned(&rows));
        }
        if let Some(retrieval) = &self.retrieval {
            heading(
                format!(
                    "Text → user: {} answers to {} instructions, {:.0} candidates, {:.1} relevant each",
                    retrieval.queries,
                    retrieval.instructions,
                    retrieval.candidates,
                    retrieval.relevant
                ),
                &mut out,
            );
            let header = ["", "trained", "untrained", "chance", "difference"];
            let mut rows = vec![header.map(String::from).to_vec()];
            rows.extend(retrieval.recall.iter().map(|recall| {
                vec![
                    format!("recall@{}", recall.k),
                    cell(&recall.trained),
                    cell(&recall.untrained),
                    number(recall.chance),
                    difference(&recall.difference),
                ]
            }));
            out.push_str(&aligned(&rows));
        }
        for task in &self.tasks {
            if let Some(reason) = &task.skipped {
                let _ = write!(out, "\nleft out: {}: {reason}\n", task.name);
            }
        }
        out
    }

    fn score_table(&self, pick: impl Fn(&Score) -> Interval) -> String {
        let mut rows = vec![vec!["task".to_owned(), "test (positive)".to_owned()]];
        rows[0].extend(Arm::ALL.map(|arm| arm.name().to_owned()));
        let value = |score: Option<Score>| score.map_or_else(|| "–".into(), |s| cell(&pick(&s)));
        for task in self.tasks.iter().filter(|task| task.skipped.is_none()) {
            let users = format!("{} ({})", task.test.users, task.test.positives);
            let mut row = vec![task.name.clone(), users];
            row.extend(Arm::ALL.map(|arm| value(task.score(arm))));
            rows.push(row);
        }
        let mut row = vec!["mean".to_owned(), String::new()];
        row.extend(Arm::ALL.map(|arm| value(self.average.score(arm))));
        rows.push(row);
        aligned(&rows)
    }

    fn difference_table(&self) -> String {
        let mut rows = vec![vec!["task".to_owned()]];
        rows[0]
            .extend(COMPARISONS.map(|(left, right)| format!("{} − {}", left.name(), right.name())));
        let value = |score: Option<Score>| {
            score.map_or_else(|| "–".to_owned(), |score| difference(&score.auc))
        };
        for task in self.tasks.iter().filter(|task| task.skipped.is_none()) {
            let mut row = vec![task.name.clone()];
            row.extend(COMPARISONS.map(|(left, right)| value(task.difference(left, right))));
            rows.push(row);
        }
        let mut row = vec!["mean".to_owned()];
        row.extend(COMPARISONS.map(|(left, right)| value(self.average.difference(left, right))));
        rows.push(row);
        aligned(&rows)
    }
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
