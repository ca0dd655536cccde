//! The page: its head, large numbers, and the order of its sections.

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use plotly::Plot;

use crate::error::Result;
use crate::files::write_atomically;
use crate::methods::{AVERAGE, Arm, COLES, LIGHTGBM, MINILM};
use crate::report::html::{folded, section, settings};
use crate::report::losses::{LossPoint, losses as loss_figures};
use crate::report::{forecasts, tasks, uses, vectors};
use crate::results::Evaluation;
use crate::table::number;

/// The page's own rule against loading anything.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     img-src data: blob:; base-uri 'none'; form-action 'none'";

/// Methods whose means are shown in large at the top.
const TILES: [&str; 8] = [
    Arm::Matched.id(),
    LIGHTGBM,
    COLES,
    MINILM,
    Arm::Untrained.id(),
    Arm::Counts.id(),
    Arm::Concatenated.id(),
    AVERAGE,
];

/// Writes one self-contained HTML page: losses, AUC and lift by method and task, curves,
/// searches, and whatever else the evaluation has; then how it was made.
///
/// The plotting script is part of the file (about 5 MB), and the page forbids itself to
/// load anything from elsewhere. Text from data or callers is escaped. `losses` may be
/// empty.
///
/// # Errors
/// When the file cannot be written.
pub fn write_report(path: &Path, evaluation: &Evaluation, losses: &[LossPoint]) -> Result<()> {
    let page = page(evaluation, losses).into_string();
    write_atomically(path, page.as_bytes())
}

fn page(evaluation: &Evaluation, losses: &[LossPoint]) -> Markup {
    let style = include_str!("style.css");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (evaluation.title) }
                style { (PreEscaped(style)) }
                (script())
            }
            body {
                header {
                    h1 { (evaluation.title) }
                    p { (evaluation.notes.join(" ")) }
                    (tiles(evaluation, losses))
                }
                main { (sections(evaluation, losses)) }
            }
        }
    }
}

/// The plotting library alone, without the one for formulas that comes with it.
fn script() -> PreEscaped<String> {
    const END: &str = "</script>";
    let mut all = Plot::offline_js_sources();
    if let Some(end) = all.find(END) {
        all.truncate(end + END.len());
    }
    PreEscaped(all)
}

/// Large numbers with what they are.
fn tiles(evaluation: &Evaluation, losses: &[LossPoint]) -> Markup {
    let mut tiles: Vec<(String, String)> = Vec::new();
    for method in TILES {
        if let Some(mean) = evaluation.mean(method) {
            let title = evaluation.title_of(method);
            tiles.push((number(mean.scores.auc.point), format!("mean AUC, {title}")));
        }
    }
    let first = evaluation.retrieval.first();
    if let Some(recall) = first.and_then(|found| found.recall.last()) {
        let name = format!("recall@{} (chance {})", recall.k, number(recall.chance));
        tiles.push((number(recall.trained.point), name));
    }
    let measured: Vec<bool> = evaluation
        .claims
        .iter()
        .filter_map(|claim| claim.met)
        .collect();
    if !evaluation.claims.is_empty() {
        let met = measured.iter().filter(|&&met| met).count();
        tiles.push((format!("{met} of {}", measured.len()), "targets met".into()));
    }
    tiles.push((evaluation.test_users().to_string(), "test users".into()));
    let speeds = losses.iter().filter_map(|point| point.users_per_second);
    let mut speeds: Vec<f64> = speeds.collect();
    if !speeds.is_empty() {
        speeds.sort_by(f64::total_cmp);
        let median = format!("{:.1}", speeds[speeds.len() / 2]);
        tiles.push((median, "users per second in training, median".into()));
    }
    html! {
        div class="tiles" {
            @for (value, name) in &tiles { div class="tile" { b { (value) } span { (name) } } }
        }
    }
}

fn sections(evaluation: &Evaluation, losses: &[LossPoint]) -> Markup {
    let measured = evaluation.measured().next().is_some();
    html! {
        (section(
            "Claims",
            "What is claimed, what would show it, and what was found.",
            vectors::claims(evaluation),
        ))
        (section("Training", "Both losses, each on its own scale.", loss_figures(losses)))
        (forecasts::sections(evaluation))
        @if measured { (tasks::sections(evaluation)) }
        (vectors::sections(evaluation))
        (uses::sections(evaluation))
        (left_out(evaluation))
        (section("Methods", "", tasks::methods(evaluation)))
        (folded("How it was made", "", settings(&facts(evaluation))))
    }
}

fn left_out(evaluation: &Evaluation) -> Markup {
    let skipped = evaluation.tasks.iter();
    let skipped = skipped.filter_map(|task| Some((task.name.clone(), task.skipped.clone()?)));
    let skipped: Vec<(String, String)> = skipped.collect();
    section(
        "Left out",
        "Tasks with too few users of a class.",
        settings(&skipped),
    )
}

/// The caller's facts, then the evaluation's own.
fn facts(evaluation: &Evaluation) -> Vec<(String, String)> {
    let options = &evaluation.options;
    let grid = options.cross_validation.grid.iter();
    let grid: Vec<String> = grid.map(|l2| format!("{l2:.3}")).collect();
    let sizes = evaluation.folds.iter();
    let sizes: Vec<String> = sizes
        .map(|fold| format!("{} + {}", fold.train, fold.test))
        .collect();
    let own = [
        ("training + test users by fold", sizes.join(", ")),
        ("seed", options.seed.to_string()),
        ("bootstrap resamples", options.resamples.to_string()),
        (
            "folds of a probe's cross-validation",
            options.cross_validation.folds.to_string(),
        ),
        ("penalties", grid.join(", ")),
    ];
    let own = own
        .into_iter()
        .map(|(name, value)| (format!("evaluation: {name}"), value));
    evaluation.facts.iter().cloned().chain(own).collect()
}
