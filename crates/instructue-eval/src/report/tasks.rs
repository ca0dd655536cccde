//! The sections about tasks: every method at every task, and what is drawn of it.

use maud::{Markup, html};

use crate::methods::{Arm, MethodKind, arm_of};
use crate::report::html::{
    digits, folded, head, lift, name, or_dash, section, signed, table, text, value, wrapped,
};
use crate::report::method_plots;
use crate::results::{Difference, Evaluation, MethodScores, Scores, TaskResult};

pub(super) fn sections(evaluation: &Evaluation) -> Markup {
    let percent = evaluation.options.confidence * 100.0;
    let about = format!(
        "Logistic regression on frozen vectors, trained on training users and measured on {} test \
         users, whom neither model nor probe has seen. Small print: {percent} % bootstrap intervals \
         over users; every method and task on the same resamples.",
        evaluation.test_users()
    );
    html! {
        (section("AUC by method and task", &about, scores(evaluation, |s| value(&s.auc))))
        (section("Mean AUC at a glance", "Dots with their intervals.", method_plots::means(evaluation)))
        (section(
            "Differences of AUC",
            "Both sides on the same resamples; in blue when zero lies outside the interval.",
            differences(evaluation),
        ))
        (section(
            "Curves by task",
            "All folds together. ROC; gap of the two rates over the share of users (its height is \
             KS); positives found over the share of users that is asked; predicted beside observed \
             rates.",
            method_plots::tasks(evaluation),
        ))
        (section(
            "Lift among the first 10 %",
            "Rate of positives among those with the highest scores, over that of all.",
            scores(evaluation, |s| lift(&s.lift_10_percent)),
        ))
        (folded("Lift among the first 5 %", "", scores(evaluation, |s| lift(&s.lift_5_percent))))
        (folded("Lift among the first 1 %", "", scores(evaluation, |s| lift(&s.lift_1_percent))))
        (folded(
            "KS by method and task",
            "Kolmogorov–Smirnov distance of the scores of both classes.",
            scores(evaluation, |s| value(&s.ks)),
        ))
        (folded(
            "Deciles",
            "Users by score in ten equal parts: lift of each part.",
            deciles(evaluation),
        ))
        (section(
            "Instructions",
            "How far another instruction moves the vectors, and what the matched instruction's \
             probe makes of them.",
            instructions(evaluation),
        ))
        (section(
            "Zero-shot",
            "Cosine with a true answer minus cosine with a false one: AUC without any training on \
             labels.",
            zero_shot(evaluation),
        ))
    }
}

/// One row per method, one column per task.
fn scores(evaluation: &Evaluation, show: impl Fn(&Scores) -> Markup) -> Markup {
    let tasks: Vec<&TaskResult> = evaluation.measured().collect();
    let mut names = head(&["Method", "Mean"]);
    names.extend(tasks.iter().map(|task| {
        html! { (name(&task.name)) br; small { (task.test.positives) " of " (task.test.users) } }
    }));
    let cell = |found: Option<&MethodScores>| or_dash(found.map(|found| show(&found.scores)));
    let rows = evaluation.methods.iter().map(|info| {
        let mut row = vec![wrapped(&info.title), cell(evaluation.mean(&info.name))];
        row.extend(tasks.iter().map(|task| cell(task.score(&info.name))));
        row
    });
    table(&names, &rows.collect::<Vec<_>>())
}

/// One row per task and one for the mean, one column per comparison.
fn differences(evaluation: &Evaluation) -> Markup {
    let tasks: Vec<&TaskResult> = evaluation.measured().collect();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for difference in tasks.iter().flat_map(|task| &task.differences) {
        let pair = (difference.left.as_str(), difference.right.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let mut names = vec![text("Task")];
    let of_pair = |(left, right): &(&str, &str)| html! { (name(left)) " −" br; (name(right)) };
    names.extend(pairs.iter().map(of_pair));
    let cell = |found: Option<&Difference>| or_dash(found.map(|found| signed(&found.auc)));
    let rows = tasks.iter().map(|task| {
        let mut row = vec![text(&task.name)];
        let found = pairs
            .iter()
            .map(|(left, right)| task.difference(left, right));
        row.extend(found.map(cell));
        row
    });
    let mut rows: Vec<_> = rows.collect();
    let mut mean = vec![html! { b { "Mean" } }];
    let found = pairs.iter();
    let found = found.map(|(left, right)| evaluation.mean_difference(left, right));
    mean.extend(found.map(cell));
    rows.push(mean);
    table(&names, &rows)
}

fn deciles(evaluation: &Evaluation) -> Markup {
    let mut names = head(&["Task", "Method"]);
    names.extend((1..=10).map(|part| html! { (part) }));
    let mut rows = Vec::new();
    for task in evaluation.measured() {
        for curves in &task.curves {
            let parts = curves.deciles.parts.iter();
            let mut row = vec![text(&task.name), text(evaluation.title_of(&curves.method))];
            row.extend(parts.map(|part| text(&format!("{:.2}", part.lift))));
            rows.push(row);
        }
    }
    table(&names, &rows)
}

/// How far another instruction moves the vectors, and what it costs a probe of the matched ones.
fn instructions(evaluation: &Evaluation) -> Markup {
    let names = [
        "Task",
        "Instruction",
        "",
        "cosine to matched",
        "AUC, own probe",
        "AUC, probe of matched",
        "l2",
    ];
    let mut rows = Vec::new();
    for task in evaluation.measured() {
        for probe in &task.probes {
            let arm = match arm_of(&probe.method) {
                Some(arm @ (Arm::Matched | Arm::Empty | Arm::Wrong | Arm::Reworded)) => arm,
                _ => continue,
            };
            rows.push(vec![
                text(&task.name),
                text(arm.name()),
                wrapped(probe.instruction.as_deref().unwrap_or("(none)")),
                or_dash(probe.cosine_to_matched.map(digits)),
                digits(probe.auc),
                or_dash(probe.matched_probe_auc.map(digits)),
                text(&format!("{:.3}", probe.l2)),
            ]);
        }
    }
    table(&head(&names), &rows)
}

fn zero_shot(evaluation: &Evaluation) -> Markup {
    let found = evaluation.measured();
    let found = found.filter_map(|task| Some((task, task.zero_shot?)));
    let rows = found.map(|(task, scores)| {
        vec![
            text(&task.name),
            value(&scores.trained),
            value(&scores.untrained),
            signed(&scores.difference),
        ]
    });
    let names = ["Task", "Trained", "Untrained", "Trained − untrained"];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

pub(super) fn methods(evaluation: &Evaluation) -> Markup {
    let rows = evaluation.methods.iter().map(|info| {
        let kind = match info.kind {
            MethodKind::Ours => "ours",
            MethodKind::Baseline => "baseline",
            MethodKind::Together => "together",
        };
        vec![
            text(&info.name),
            wrapped(&info.title),
            text(kind),
            html! { @if let Some(features) = info.features { (features) } },
            html! { @if let Some(seconds) = info.seconds { (format!("{seconds:.0}")) } },
        ]
    });
    let names = ["Name", "Method", "", "Inputs", "Seconds per fold"];
    table(&head(&names), &rows.collect::<Vec<_>>())
}
