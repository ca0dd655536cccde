//! The sections about what vectors are used for beside probes.

use maud::{Markup, html};

use crate::methods::{Arm, PROBE};
use crate::report::html::{
    digits, head, lift, or_dash, section, signed, table, text, value, wrapped,
};
use crate::report::plots;
use crate::results::{Evaluation, RecallAt, RetrievalResult};

pub(super) fn sections(evaluation: &Evaluation) -> Markup {
    html! {
        (section(
            "Few labels",
            "A rare class is a fifth of the labelled users.",
            few_shot(evaluation),
        ))
        (section(
            "Audience from one sentence",
            "No label is used: users are sorted by cosine with a sentence.",
            audience(evaluation),
        ))
        (section(
            "Lookalike",
            "Test users sorted by cosine with the mean of a list of known positives; means over \
             drawn lists.",
            lookalike(evaluation),
        ))
        (section("Next items", "Ties count at chance.", recommendation(evaluation)))
        (section(
            "Text → user",
            "A user's answer to an instruction, searched among all test users under that \
             instruction; who gave the very same answer counts as found, too. Unseen families of \
             instructions were kept from training.",
            retrieval(evaluation),
        ))
        (section(
            "Map of users",
            &format!("Principal components of the vectors: {}", evaluation.map.title),
            plots::map(&evaluation.map, "map"),
        ))
        (section(
            "Examples",
            "The users that a sentence finds first (first fold).",
            examples(evaluation),
        ))
    }
}

fn few_shot(evaluation: &Evaluation) -> Markup {
    let rows = evaluation.few_shot.iter().map(|one| {
        vec![
            html! { (one.labels) },
            text(&one.title),
            html! { (one.tasks) },
            value(&one.auc),
            or_dash((one.method != PROBE).then(|| signed(&one.difference))),
        ]
    });
    let names = [
        "Labels",
        "Method",
        "Tasks",
        "Mean AUC",
        "Minus the probe on the frozen vector",
    ];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

fn audience(evaluation: &Evaluation) -> Markup {
    let rows = evaluation.audience.iter().map(|one| {
        vec![
            text(&one.task),
            wrapped(&one.sentence),
            text(&one.method.replace('_', " ")),
            digits(one.base_rate),
            value(&one.precision_10_percent),
            lift(&one.lift_10_percent),
            value(&one.auc),
        ]
    });
    let names = [
        "Task",
        "Sentence",
        "Score",
        "Base rate",
        "Precision@10 %",
        "Lift",
        "AUC",
    ];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

/// One row per task and length of the list.
fn lookalike(evaluation: &Evaluation) -> Markup {
    let mut lists: Vec<(&str, usize)> = Vec::new();
    for one in &evaluation.lookalike {
        if !lists.contains(&(one.task.as_str(), one.seeds)) {
            lists.push((&one.task, one.seeds));
        }
    }
    let rows = lists.iter().map(|&(task, seeds)| {
        let mut row = vec![text(task), html! { (seeds) }];
        for arm in [Arm::Matched, Arm::Empty] {
            let mut all = evaluation.lookalike.iter();
            let found =
                all.find(|one| one.task == task && one.seeds == seeds && one.method == arm.id());
            row.push(or_dash(found.map(|one| value(&one.auc))));
            row.push(or_dash(found.map(|one| lift(&one.lift_10_percent))));
        }
        row
    });
    let names = [
        "Task",
        "List",
        "AUC, the task's instruction",
        "Lift@10 %",
        "AUC, no instruction",
        "Lift@10 %",
    ];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

fn recommendation(evaluation: &Evaluation) -> Markup {
    let names = [
        "Method",
        "HR@10",
        "NDCG@10",
        "HR@10, sampled",
        "NDCG@10, sampled",
    ];
    html! {
        @for one in &evaluation.recommendation {
            p {
                (one.name) ": “" (one.instruction) "”, " (one.users) " users, " (one.candidates)
                " candidates; sampled: one true among " (one.negatives) " others."
            }
            @let rows: Vec<Vec<Markup>> = one.methods.iter().map(|method| vec![
                text(&method.title),
                value(&method.hit_rate_full),
                value(&method.ndcg_full),
                value(&method.hit_rate_sampled),
                value(&method.ndcg_sampled),
            ]).collect();
            (table(&head(&names), &rows))
        }
    }
}

fn retrieval(evaluation: &Evaluation) -> Markup {
    let rows = |one: &RetrievalResult| -> Vec<Vec<Markup>> {
        let row = |(at, recall): (usize, &RecallAt)| {
            let about = format!(
                "{}: {} answers to {} instructions, {:.0} users, {:.1} of them right",
                one.kind, one.queries, one.instructions, one.candidates, one.relevant
            );
            vec![
                html! { @if at == 0 { (wrapped(&about)) } },
                text(&format!("recall@{}", recall.k)),
                value(&recall.trained),
                or_dash(recall.untrained.as_ref().map(value)),
                digits(recall.chance),
                or_dash(recall.difference.as_ref().map(signed)),
            ]
        };
        one.recall.iter().enumerate().map(row).collect()
    };
    let rows: Vec<Vec<Markup>> = evaluation.retrieval.iter().flat_map(rows).collect();
    let names = [
        "Answers",
        "",
        "Trained",
        "Untrained",
        "Chance",
        "Trained − untrained",
    ];
    table(&head(&names), &rows)
}

fn examples(evaluation: &Evaluation) -> Markup {
    let mut rows = Vec::new();
    for one in &evaluation.examples {
        for (at, user) in one.users.iter().enumerate() {
            let share = format!("true of {:.0} % of all", one.base_rate * 100.0);
            rows.push(vec![
                html! { @if at == 0 { (wrapped(&one.sentence)) small { (share) } } },
                text(&user.user),
                html! { @if user.positive { span class="good" { "yes" } } @else { "no" } },
                text(&format!("{:.3}", user.score)),
                wrapped(&user.events.join(" · ")),
            ]);
        }
    }
    let names = ["Sentence", "User", "True?", "Score", "Newest events"];
    table(&head(&names), &rows)
}
