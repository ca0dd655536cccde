//! The proof as one HTML page that needs no network.

mod html;
mod plots;
mod suite;
mod suite_plots;
mod suite_uses;

use std::path::Path;

use plotly::Plot;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files::write_atomically;
use crate::map::Map2d;
use crate::proof::{Arm, Evaluation};
use crate::table::number;
use html::escape;
pub use suite::write_suite_report;

/// One measurement of the losses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Optimiser steps done.
    pub step: u64,
    /// Measured on validation users, not on a training batch.
    #[serde(default)]
    pub validation: bool,
    /// Contrastive loss.
    pub contrastive: f64,
    /// Next-token loss.
    pub next_token: f64,
    /// Users per second.
    #[serde(default)]
    pub users_per_second: Option<f64>,
}

/// What stands at the top and at the end of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The heading.
    pub title: String,
    /// A sentence below it: which data, which model.
    pub subtitle: String,
    /// Names and values of the run's configuration.
    pub configuration: Vec<(String, String)>,
}

/// The page's own rule against loading anything.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     img-src data: blob:; base-uri 'none'; form-action 'none'";

/// Writes one self-contained HTML page: losses, tasks with intervals, ROC
/// curves, retrieval, a map of users and the configuration.
///
/// The plotting script is part of the file (about 5 MB), and the page forbids
/// itself to load anything from elsewhere. Text from data or callers is
/// escaped. `losses` and `map` may be empty; their sections are left out then.
///
/// # Errors
/// When the file cannot be written.
pub fn write_report(
    path: &Path,
    proof: &Evaluation,
    losses: &[LossPoint],
    map: &Map2d,
    summary: &Summary,
) -> Result<()> {
    write_atomically(path, page(proof, losses, map, summary).as_bytes())
}

/// A page with everything in it; `body` are its sections.
fn document(title: &str, subtitle: &str, tiles: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{}</style>\n{}\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{}</p>\n{tiles}</header>\n<main>\n\
         {body}</main>\n</body>\n</html>\n",
        include_str!("style.css"),
        script(),
        escape(subtitle),
    )
}

/// A section; nothing where there is nothing to show.
fn section(heading: &str, text: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{heading}</h2>\n<p>{text}</p>\n{body}</section>\n")
}

/// A section that is closed until it is asked for.
fn folded(heading: &str, text: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!(
        "<section>\n<details>\n<summary><h2>{heading}</h2></summary>\n<p>{text}</p>\n\
         {body}</details>\n</section>\n"
    )
}

fn page(proof: &Evaluation, losses: &[LossPoint], map: &Map2d, summary: &Summary) -> String {
    let mut out = String::new();
    let mut section = |heading: &str, text: &str, body: String| {
        out.push_str(&section(heading, text, &body));
    };
    section(
        "Training",
        "Both losses, each on its own scale.",
        training(losses),
    );
    tasks(proof, &mut section);
    if let Some(retrieval) = &proof.retrieval {
        let text = format!(
            "{} true answers to {} instructions, each searched among {:.0} test users under its \
             own instruction; {:.1} users on average gave the very same answer and count as found.",
            retrieval.queries, retrieval.instructions, retrieval.candidates, retrieval.relevant
        );
        section("Text → user", &text, html::retrieval(retrieval));
    }
    if !map.is_empty() {
        let text = format!(
            "Principal components of the vectors: {}",
            escape(&map.title)
        );
        section("Map of users", &text, plots::map(map, "map"));
    }
    section(
        "Configuration",
        "What this run was made with.",
        settings(proof, summary),
    );
    document(
        &summary.title,
        &summary.subtitle,
        &tiles(proof, losses),
        &out,
    )
}

/// The sections about downstream tasks.
fn tasks(proof: &Evaluation, section: &mut dyn FnMut(&str, &str, String)) {
    let percent = proof.options.confidence * 100.0;
    if proof.average.tasks > 0 {
        let text = format!(
            "Logistic regression on frozen vectors, trained on training users, measured on {} test \
             users. Small print: {percent} % bootstrap intervals. Matched: the task's own \
             instruction; empty: none; wrong: about something else; reworded: the mean over other \
             wordings; untrained: the same model before training; counts: recency, counts and \
             sums without any model.",
            proof.test_users
        );
        section("Tasks: AUC", &text, html::scores(proof, |score| score.auc));
        section(
            "AUC at a glance",
            "Dots with their intervals.",
            plots::dots(proof, "dots"),
        );
        let text = "Both sides on the same resamples of test users; in blue when zero lies outside \
                    the interval.";
        section("Differences of AUC", text, html::differences(proof));
        let curves: String = proof
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.skipped.is_none())
            .map(|(at, task)| plots::roc(task, &format!("roc-{at}")))
            .collect();
        let text = "Trained and untrained under the task's instruction, and counts.";
        section(
            "ROC curves",
            text,
            format!("<div class=\"grid\">{curves}</div>\n"),
        );
        let text = "Kolmogorov–Smirnov distance of the scores of both classes. It is a maximum, so it \
                    is higher on resamples than on the sample: near zero the interval may lie \
                    above the value.";
        section("Tasks: KS", text, html::scores(proof, |score| score.ks));
        let text = "How far another instruction moves the vectors, and what the matched \
                    instruction's probe makes of them.";
        section("Instructions", text, html::instructions(proof));
        let text = "Cosine with a true answer minus cosine with a false one: AUC without any \
                    training on labels.";
        section("Zero-shot", text, html::zero_shot(proof));
    }
    let left_out: Vec<_> = proof
        .tasks
        .iter()
        .filter_map(|task| Some((task.name.clone(), task.skipped.clone()?)))
        .collect();
    if !left_out.is_empty() {
        section(
            "Left out",
            "Tasks with too few users of a class.",
            html::settings(&left_out),
        );
    }
}

/// The plotting library alone, without the one for formulas that comes with it.
fn script() -> String {
    const END: &str = "</script>";
    let mut all = Plot::offline_js_sources();
    if let Some(end) = all.find(END) {
        all.truncate(end + END.len());
    }
    all
}

fn tiles(proof: &Evaluation, losses: &[LossPoint]) -> String {
    let mut tiles: Vec<(String, String)> = Vec::new();
    for arm in [Arm::Matched, Arm::Untrained, Arm::Counts, Arm::Concatenated] {
        if let Some(score) = proof.average.score(arm) {
            let name = format!("mean AUC, {}", arm.name());
            tiles.push((number(score.auc.point), name));
        }
    }
    if let Some(recall) = proof
        .retrieval
        .as_ref()
        .and_then(|found| found.recall.last())
    {
        let name = format!("recall@{} (chance {})", recall.k, number(recall.chance));
        tiles.push((number(recall.trained.point), name));
    }
    tiles.push((proof.test_users.to_string(), "test users".to_owned()));
    let mut speeds: Vec<f64> = losses
        .iter()
        .filter_map(|point| point.users_per_second)
        .collect();
    if !speeds.is_empty() {
        speeds.sort_by(f64::total_cmp);
        let median = format!("{:.1}", speeds[speeds.len() / 2]);
        tiles.push((median, "users per second in training, median".to_owned()));
    }
    tile_row(&tiles)
}

/// Large numbers with what they are.
fn tile_row(tiles: &[(String, String)]) -> String {
    let tiles: String = tiles
        .iter()
        .map(|(value, name)| {
            format!("<div class=\"tile\"><b>{value}</b><span>{name}</span></div>\n")
        })
        .collect();
    format!("<div class=\"tiles\">\n{tiles}</div>\n")
}

fn training(losses: &[LossPoint]) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let contrastive = plots::loss(
        losses,
        |point| point.contrastive,
        "contrastive loss",
        "loss-c",
    );
    let next_token = plots::loss(
        losses,
        |point| point.next_token,
        "next-token loss",
        "loss-n",
    );
    format!("<div class=\"two\">{contrastive}{next_token}</div>\n")
}

fn settings(proof: &Evaluation, summary: &Summary) -> String {
    let options = &proof.options;
    let grid: Vec<String> = options
        .cross_validation
        .grid
        .iter()
        .map(|l2| format!("{l2:.3}"))
        .collect();
    let mut pairs = summary.configuration.clone();
    pairs.extend([
        (
            "evaluation: training users".to_owned(),
            proof.train_users.to_string(),
        ),
        (
            "evaluation: test users".to_owned(),
            proof.test_users.to_string(),
        ),
        ("evaluation: seed".to_owned(), options.seed.to_string()),
        (
            "evaluation: bootstrap resamples".to_owned(),
            options.resamples.to_string(),
        ),
        (
            "evaluation: folds".to_owned(),
            options.cross_validation.folds.to_string(),
        ),
        ("evaluation: penalties".to_owned(), grid.join(", ")),
    ]);
    html::settings(&pairs)
}
