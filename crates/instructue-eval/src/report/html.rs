//! Text and tables of the report.

use crate::bootstrap::Interval;
use crate::proof::{Arm, COMPARISONS, Evaluation, RetrievalProof, Score};
use crate::table::{difference, number};

/// Text made safe for HTML, in elements and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A table; cells are HTML already. `last_is_mean` sets the last row apart.
pub(super) fn table(head: &[String], rows: &[Vec<String>], last_is_mean: bool) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let mut out = format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>\n");
    for (at, row) in rows.iter().enumerate() {
        let class = if last_is_mean && at + 1 == rows.len() {
            " class=\"mean\""
        } else {
            ""
        };
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        out.push_str(&format!("<tr{class}>{cells}</tr>\n"));
    }
    out + "</tbody></table></div>\n"
}

/// A value with its interval in small print.
pub(super) fn value(interval: &Interval) -> String {
    let Interval {
        point, low, high, ..
    } = *interval;
    format!(
        "{}<small>{} to {}</small>",
        number(point),
        number(low),
        number(high)
    )
}

pub(super) fn signed(interval: &Interval) -> String {
    let text = escape(&difference(interval));
    if interval.excludes_zero() {
        format!("<span class=\"sure\">{text}</span>")
    } else {
        text
    }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

/// One row per task, one column per arm.
pub(super) fn scores(proof: &Evaluation, pick: impl Fn(&Score) -> Interval) -> String {
    let mut head = vec!["Task".to_owned(), "Test users".to_owned()];
    head.extend(Arm::ALL.map(|arm| arm.name().to_owned()));
    let cell = |score: Option<Score>| or_dash(score.map(|score| value(&pick(&score))));
    let mut rows = Vec::new();
    for task in proof.tasks.iter().filter(|task| task.skipped.is_none()) {
        let users = format!(
            "{}<small>{} positive</small>",
            task.test.users, task.test.positives
        );
        let mut row = vec![escape(&task.name), users];
        row.extend(Arm::ALL.map(|arm| cell(task.score(arm))));
        rows.push(row);
    }
    let mut row = vec!["Mean".to_owned(), String::new()];
    row.extend(Arm::ALL.map(|arm| cell(proof.average.score(arm))));
    rows.push(row);
    table(&head, &rows, true)
}

/// Paired differences of AUC.
pub(super) fn differences(proof: &Evaluation) -> String {
    let mut head = vec!["Task".to_owned()];
    head.extend(COMPARISONS.map(|(left, right)| format!("{} − {}", left.name(), right.name())));
    let cell = |score: Option<Score>| or_dash(score.map(|score| signed(&score.auc)));
    let mut rows = Vec::new();
    for task in proof.tasks.iter().filter(|task| task.skipped.is_none()) {
        let mut row = vec![escape(&task.name)];
        row.extend(COMPARISONS.map(|(left, right)| cell(task.difference(left, right))));
        rows.push(row);
    }
    let mut row = vec!["Mean".to_owned()];
    row.extend(COMPARISONS.map(|(left, right)| cell(proof.average.difference(left, right))));
    rows.push(row);
    table(&head, &rows, true)
}

/// How far another instruction moves the vectors, and what it costs a probe of the matched ones.
pub(super) fn instructions(proof: &Evaluation) -> String {
    let head = [
        "Task",
        "Instruction",
        "",
        "cosine to matched",
        "AUC, own probe",
        "AUC, probe of matched",
        "l2",
    ];
    let mut rows = Vec::new();
    for task in &proof.tasks {
        let vectors = task.arms.iter().filter(|result| {
            matches!(
                result.arm,
                Arm::Matched | Arm::Empty | Arm::Wrong | Arm::Reworded
            )
        });
        for result in vectors {
            let text = result.instruction.as_deref().unwrap_or("(none)");
            rows.push(vec![
                escape(&task.name),
                result.arm.name().to_owned(),
                escape(text),
                or_dash(result.cosine_to_matched.map(number)),
                number(result.score.auc.point),
                or_dash(result.matched_probe_auc.map(number)),
                format!("{:.3}", result.l2),
            ]);
        }
    }
    table(&head.map(str::to_owned), &rows, false)
}

/// Recall with chance.
pub(super) fn retrieval(retrieval: &RetrievalProof) -> String {
    let head = ["", "Trained", "Untrained", "Chance", "Trained − untrained"];
    let rows: Vec<_> = retrieval
        .recall
        .iter()
        .map(|recall| {
            vec![
                format!("recall@{}", recall.k),
                value(&recall.trained),
                value(&recall.untrained),
                number(recall.chance),
                signed(&recall.difference),
            ]
        })
        .collect();
    table(&head.map(str::to_owned), &rows, false)
}

/// Zero-shot scores; empty without any.
pub(super) fn zero_shot(proof: &Evaluation) -> String {
    let rows: Vec<_> = proof
        .tasks
        .iter()
        .filter_map(|task| Some((task, task.zero_shot?)))
        .map(|(task, scores)| {
            let name = escape(&task.name);
            let last = signed(&scores.difference);
            vec![name, value(&scores.trained), value(&scores.untrained), last]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["Task", "Trained", "Untrained", "Trained − untrained"];
    table(&head.map(str::to_owned), &rows, false)
}

/// Names and values of a configuration.
pub(super) fn settings(pairs: &[(String, String)]) -> String {
    let rows: String = pairs
        .iter()
        .map(|(name, value)| {
            format!(
                "<tr><td>{}</td><td class=\"wrap\">{}</td></tr>\n",
                escape(name),
                escape(value)
            )
        })
        .collect();
    format!("<div class=\"scroll\"><table><tbody>\n{rows}</tbody></table></div>\n")
}
