//! The sections of a suite's report about what vectors are used for.

use crate::report::html::{escape, signed, table, value};
use crate::report::suite::{head, lift, title, wrapped};
use crate::suite::{AudienceResult, FewShot, RankingMetrics, RetrievalResult, SuiteProof};
use crate::table::number;

pub(super) fn noise(proof: &SuiteProof) -> String {
    let mut rows = Vec::new();
    for one in &proof.noise {
        for point in one.points.iter().skip(1) {
            rows.push(vec![
                title(proof, &one.method),
                escape(&one.kind),
                format!("{:.0} %", point.share * 100.0),
                value(&point.auc),
                signed(&point.drop),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(
        &head(&["Method", "Events", "Share", "Mean AUC", "Drop"]),
        &rows,
        false,
    )
}

pub(super) fn few_shot(proof: &SuiteProof) -> String {
    let row = |one: &FewShot| {
        vec![
            one.labels.to_string(),
            escape(&one.title),
            one.tasks.to_string(),
            value(&one.auc),
            match one.method.as_str() {
                "probe" => "–".to_owned(),
                _ => signed(&one.difference),
            },
        ]
    };
    let rows: Vec<_> = proof.few_shot.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let names = [
        "Labels",
        "Method",
        "Tasks",
        "Mean AUC",
        "Minus the probe on the frozen vector",
    ];
    table(&head(&names), &rows, false)
}

pub(super) fn audience(proof: &SuiteProof) -> String {
    let row = |one: &AudienceResult| {
        vec![
            escape(&one.task),
            wrapped(&one.sentence),
            escape(&one.method.replace('_', " ")),
            number(one.base_rate),
            value(&one.precision_10_percent),
            lift(&one.lift_10_percent),
            value(&one.auc),
        ]
    };
    let rows: Vec<_> = proof.audience.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let names = [
        "Task",
        "Sentence",
        "Score",
        "Base rate",
        "Precision@10 %",
        "Lift",
        "AUC",
    ];
    table(&head(&names), &rows, false)
}

/// One row per task and length of the list.
pub(super) fn lookalike(proof: &SuiteProof) -> String {
    let mut lists: Vec<(&str, usize)> = Vec::new();
    for one in &proof.lookalike {
        if !lists.contains(&(one.task.as_str(), one.seeds)) {
            lists.push((&one.task, one.seeds));
        }
    }
    let cells = |task: &str, seeds: usize, method: &str| {
        let mut all = proof.lookalike.iter();
        let found = all.find(|one| one.task == task && one.seeds == seeds && one.method == method);
        found.map_or_else(
            || ["–".to_owned(), "–".to_owned()],
            |one| [value(&one.auc), lift(&one.lift_10_percent)],
        )
    };
    let row = |&(task, seeds): &(&str, usize)| {
        let mut row = vec![escape(task), seeds.to_string()];
        row.extend(cells(task, seeds, "matched"));
        row.extend(cells(task, seeds, "empty"));
        row
    };
    let rows: Vec<_> = lists.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let names = [
        "Task",
        "List",
        "AUC, the task's instruction",
        "Lift@10 %",
        "AUC, no instruction",
        "Lift@10 %",
    ];
    table(&head(&names), &rows, false)
}

pub(super) fn recommendation(proof: &SuiteProof) -> String {
    let mut out = String::new();
    for one in &proof.recommendation {
        let row = |method: &RankingMetrics| {
            vec![
                escape(&method.title),
                value(&method.hit_rate_full),
                value(&method.ndcg_full),
                value(&method.hit_rate_sampled),
                value(&method.ndcg_sampled),
            ]
        };
        let rows: Vec<_> = one.methods.iter().map(row).collect();
        out.push_str(&format!(
            "<p>{}: “{}”, {} users, {} candidates; sampled: one true among {} others.</p>\n",
            escape(&one.name),
            escape(&one.instruction),
            one.users,
            one.candidates,
            one.negatives
        ));
        let names = [
            "Method",
            "HR@10",
            "NDCG@10",
            "HR@10, sampled",
            "NDCG@10, sampled",
        ];
        out.push_str(&table(&head(&names), &rows, false));
    }
    out
}

pub(super) fn retrieval(proof: &SuiteProof) -> String {
    let row = |one: &RetrievalResult| {
        vec![
            escape(&one.kind),
            one.queries.to_string(),
            format!("recall@{}", one.k),
            value(&one.recall),
            number(one.chance),
        ]
    };
    let rows: Vec<_> = proof.retrieval.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(
        &head(&["Instructions", "Answers", "", "Found", "Chance"]),
        &rows,
        false,
    )
}

pub(super) fn examples(proof: &SuiteProof) -> String {
    let mut rows = Vec::new();
    for one in &proof.examples {
        for (at, user) in one.users.iter().enumerate() {
            let sentence = match at {
                0 => format!(
                    "{}<small>true of {:.0} % of all</small>",
                    wrapped(&one.sentence),
                    one.base_rate * 100.0
                ),
                _ => String::new(),
            };
            let truth = if user.positive {
                "<span class=\"good\">yes</span>"
            } else {
                "no"
            };
            let events = escape(&user.events.join(" · "));
            rows.push(vec![
                sentence,
                escape(&user.user),
                truth.to_owned(),
                format!("{:.3}", user.score),
                format!("<span class=\"wrap\">{events}</span>"),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(
        &head(&["Sentence", "User", "True?", "Score", "Newest events"]),
        &rows,
        false,
    )
}
