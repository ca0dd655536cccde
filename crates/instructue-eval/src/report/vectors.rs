//! The sections about the vectors themselves: claims, parts of the model, instructions,
//! changed events.

use maud::{Markup, html};

use crate::report::html::{head, name, section, settings, signed, table, text, value, wrapped};
use crate::report::method_plots;
use crate::results::{Evaluation, SourceShares};
use crate::table::number;

pub(super) fn sections(evaluation: &Evaluation) -> Markup {
    html! {
        (section(
            "One thing changed",
            "Mean AUC under the matching instruction, minus the whole model's on the same folds.",
            html! { (method_plots::ablations(evaluation)) (ablations(evaluation)) },
        ))
        (section(
            "Do vectors follow the instruction?",
            "Shares of the variance of unit vectors; agreement of the ten nearest users with a \
             user's own label, both classes alike (.5 is chance), under the task's own and under the \
             others' instructions.",
            awareness(evaluation),
        ))
        (section(
            "Noise",
            "Probes of clean events on test users whose events were changed: foreign events come \
             from other users, shuffled ones exchange their times, a missing source has none.",
            html! { (method_plots::noise(evaluation)) (noise(evaluation)) },
        ))
    }
}

pub(super) fn claims(evaluation: &Evaluation) -> Markup {
    let rows = evaluation.claims.iter().map(|claim| {
        let met = match claim.met {
            Some(true) => html! { span class="good" { "met" } },
            Some(false) => html! { span class="bad" { "missed" } },
            None => text("–"),
        };
        vec![
            met,
            wrapped(&claim.claim),
            claim.value.as_ref().map_or_else(|| text("–"), signed),
            wrapped(&claim.found),
            wrapped(&claim.target),
        ]
    });
    let names = ["", "Claim", "Found", "", "Target"];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

fn ablations(evaluation: &Evaluation) -> Markup {
    let rows = evaluation.ablations.iter().map(|one| {
        let tasks = one.tasks.iter();
        let tasks = tasks.map(|(name, difference)| format!("{name} {difference:+.3}"));
        vec![
            wrapped(&one.title),
            html! { (one.folds) },
            value(&one.auc),
            signed(&one.difference),
            signed(&one.matched_minus_empty),
            wrapped(&tasks.collect::<Vec<_>>().join(", ")),
        ]
    });
    let names = [
        "Changed",
        "Folds",
        "AUC",
        "Difference",
        "Matched − empty",
        "By task",
    ];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

fn awareness(evaluation: &Evaluation) -> Markup {
    let Some(found) = &evaluation.awareness else {
        return Markup::default();
    };
    let mut facts = vec![
        ("variance: user".to_owned(), number(found.user)),
        (
            "variance: instruction".to_owned(),
            number(found.instruction),
        ),
        (
            "variance: both together".to_owned(),
            number(found.interaction),
        ),
    ];
    let cosine = found.cosine.iter();
    facts.extend(cosine.map(|(arm, value)| (format!("cosine, matched and {arm}"), number(*value))));
    let rows = found.neighbours.iter().map(|one| {
        vec![
            text(&one.task),
            value(&one.own),
            value(&one.other),
            signed(&one.difference),
            shares(&found.sources, &one.task),
            shares(&found.gradients, &one.task),
        ]
    });
    let names = [
        "Task",
        "Own instruction",
        "Others'",
        "Difference",
        "How far a missing source moves the vector",
        "Gradient of the probe's answer",
    ];
    html! { (settings(&facts)) (table(&head(&names), &rows.collect::<Vec<_>>())) }
}

/// A task's shares of sources.
fn shares(all: &[SourceShares], task: &str) -> Markup {
    let of_task = all.iter().find(|shares| shares.task == task);
    let shares = of_task.map_or(&[][..], |found| &found.shares);
    html! {
        span class="wrap" {
            @for (at, (source, share)) in shares.iter().enumerate() {
                @if at > 0 { ", " }
                (name(source)) " " (format!("{:.0} %", share * 100.0))
            }
        }
    }
}

fn noise(evaluation: &Evaluation) -> Markup {
    let mut rows = Vec::new();
    for one in &evaluation.noise {
        for point in one.points.iter().skip(1) {
            rows.push(vec![
                text(evaluation.title_of(&one.method)),
                text(&one.kind),
                text(&format!("{:.0} %", point.share * 100.0)),
                value(&point.auc),
                signed(&point.drop),
            ]);
        }
    }
    let names = ["Method", "Events", "Share", "Mean AUC", "Drop"];
    table(&head(&names), &rows)
}
