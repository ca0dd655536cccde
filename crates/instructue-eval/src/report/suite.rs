//! The proof of a suite as one HTML page that needs no network.

use std::path::Path;

use crate::bootstrap::Interval;
use crate::error::Result;
use crate::files::write_atomically;
use crate::report::html::{escape, settings, signed, table, value};
use crate::report::{document, folded, section, suite_plots, suite_uses, tile_row};
use crate::suite::{MethodKind, MethodScore, SourceShare, Stats, SuiteProof, SuiteTask};
use crate::table::number;

/// Writes one self-contained HTML page: claims with what was found, AUC and lift by
/// method and task, curves, models with one thing changed, noise, few labels,
/// searches and rankings, examples.
///
/// The plotting script is part of the file (about 5 MB), and the page forbids
/// itself to load anything from elsewhere. Text from data is escaped.
///
/// # Errors
/// When the file cannot be written.
pub fn write_suite_report(path: &Path, proof: &SuiteProof) -> Result<()> {
    write_atomically(path, page(proof).as_bytes())
}

fn page(proof: &SuiteProof) -> String {
    let subtitle = proof.notes.join(" ");
    document(&proof.title, &subtitle, &tiles(proof), &sections(proof))
}

fn tiles(proof: &SuiteProof) -> String {
    let mut tiles = Vec::new();
    for name in ["matched", "counts_lightgbm", "coles", "minilm", "untrained"] {
        if let Some(score) = proof.mean(name) {
            tiles.push((
                number(score.stats.auc.point),
                format!("mean AUC, {}", title(proof, name)),
            ));
        }
    }
    let measured: Vec<bool> = proof.claims.iter().filter_map(|claim| claim.met).collect();
    let met = measured.iter().filter(|&&met| met).count();
    tiles.push((
        format!("{met} of {}", measured.len()),
        "targets met".to_owned(),
    ));
    tile_row(&tiles)
}

pub(super) fn title(proof: &SuiteProof, name: &str) -> String {
    let info = proof.methods.iter().find(|info| info.name == name);
    escape(info.map_or(name, |info| &info.title))
}

fn measured(proof: &SuiteProof) -> Vec<&SuiteTask> {
    proof
        .tasks
        .iter()
        .filter(|task| task.skipped.is_none())
        .collect()
}

/// Sections, one after another.
#[derive(Default)]
struct Sections(String);

impl Sections {
    fn add(&mut self, heading: &str, text: &str, body: String) {
        self.0.push_str(&section(heading, text, &body));
    }

    /// What few will read: there when it is asked for.
    fn add_folded(&mut self, heading: &str, text: &str, body: String) {
        self.0.push_str(&folded(heading, text, &body));
    }
}

fn sections(proof: &SuiteProof) -> String {
    let mut page = Sections::default();
    let percent = proof.confidence * 100.0;
    page.add(
        "Claims",
        "What is claimed, what would show it, and what was found.",
        claims(proof),
    );
    let text = format!(
        "Each user is tested once, by methods that have not seen them. Small print: {percent} % \
         bootstrap intervals over users; every method and task on the same resamples."
    );
    page.add(
        "AUC by method and task",
        &text,
        scores(proof, |stats| value(&stats.auc)),
    );
    page.add(
        "Mean AUC at a glance",
        "Dots with their intervals.",
        suite_plots::means(proof),
    );
    page.add(
        "Differences of AUC",
        "Both sides on the same resamples; in blue when zero lies outside the interval.",
        differences(proof),
    );
    let curves = suite_plots::tasks(&measured(proof), |name| title(proof, name));
    page.add(
        "Curves by task",
        "All folds together. ROC; gap of the two rates over the share of users (its height is KS); \
         positives found over the share of users that is asked; predicted beside observed rates.",
        curves,
    );
    page.add(
        "Lift among the first 10 %",
        "Rate of positives among those with the highest scores, over that of all.",
        scores(proof, |stats| lift(&stats.lift_10_percent)),
    );
    page.add_folded(
        "Lift among the first 5 %",
        "",
        scores(proof, |stats| lift(&stats.lift_5_percent)),
    );
    page.add_folded(
        "Lift among the first 1 %",
        "",
        scores(proof, |stats| lift(&stats.lift_1_percent)),
    );
    page.add_folded(
        "KS by method and task",
        "Kolmogorov–Smirnov distance of the scores of both classes.",
        scores(proof, |stats| value(&stats.ks)),
    );
    page.add_folded(
        "Deciles",
        "Users by score in ten equal parts: lift of each part.",
        deciles(proof),
    );
    if !proof.ablations.is_empty() {
        let text =
            "Mean AUC under the matching instruction, minus the whole model's on the same folds.";
        let body = suite_plots::ablations(proof) + &ablations(proof);
        page.add("One thing changed", text, body);
    }
    page.add(
        "Do vectors follow the instruction?",
        "Shares of the variance of unit vectors; agreement of the ten nearest users with a user's \
         own label, both classes alike (.5 is chance), under the task's own and under the others' \
         instructions.",
        awareness(proof),
    );
    page.add(
        "Noise",
        "Probes of clean events on test users whose events were changed: foreign events come from \
         other users, shuffled ones exchange their times, a missing source has none.",
        suite_plots::noise(proof) + &suite_uses::noise(proof),
    );
    page.add(
        "Few labels",
        "A rare class is a fifth of the labelled users.",
        suite_uses::few_shot(proof),
    );
    page.add(
        "Audience from one sentence",
        "No label is used: users are sorted by cosine with a sentence.",
        suite_uses::audience(proof),
    );
    page.add(
        "Lookalike",
        "Test users sorted by cosine with the mean of a list of known positives; means over drawn lists.",
        suite_uses::lookalike(proof),
    );
    page.add(
        "Next items",
        "Ties count at chance.",
        suite_uses::recommendation(proof),
    );
    page.add(
        "Answers find their users",
        "A user's answer to an instruction, searched among all test users under that instruction; \
         unseen families of instructions were kept from training.",
        suite_uses::retrieval(proof),
    );
    page.add(
        "Examples",
        "The users that a sentence finds first (first fold).",
        suite_uses::examples(proof),
    );
    let left_out: Vec<(String, String)> = proof
        .tasks
        .iter()
        .filter_map(|task| Some((task.name.clone(), task.skipped.clone()?)))
        .collect();
    if !left_out.is_empty() {
        page.add("Left out", "", settings(&left_out));
    }
    page.add("Methods", "", methods(proof));
    page.add_folded("How it was made", "", settings(&proof.facts));
    page.0
}

pub(super) fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn claims(proof: &SuiteProof) -> String {
    let rows: Vec<Vec<String>> = proof
        .claims
        .iter()
        .map(|claim| {
            let met = match claim.met {
                Some(true) => "<span class=\"good\">met</span>",
                Some(false) => "<span class=\"bad\">missed</span>",
                None => "–",
            };
            let value = claim.value.as_ref().map_or_else(|| "–".to_owned(), signed);
            vec![
                met.to_owned(),
                wrapped(&claim.claim),
                value,
                wrapped(&claim.found),
                wrapped(&claim.target),
            ]
        })
        .collect();
    table(&head(&["", "Claim", "Found", "", "Target"]), &rows, false)
}

/// Text that may break into lines.
pub(super) fn wrapped(text: &str) -> String {
    format!("<span class=\"wrap\">{}</span>", escape(text))
}

/// A name that may break at its underscores.
fn name(text: &str) -> String {
    escape(text).replace('_', "_<wbr>")
}

/// A lift with its interval in small print.
pub(super) fn lift(interval: &Interval) -> String {
    let Interval {
        point, low, high, ..
    } = *interval;
    format!("{point:.2}<small>{low:.2} to {high:.2}</small>")
}

/// One row per method, one column per task.
fn scores(proof: &SuiteProof, show: impl Fn(&Stats) -> String) -> String {
    let tasks = measured(proof);
    let mut names = vec!["Method".to_owned(), "Mean".to_owned()];
    names.extend(tasks.iter().map(|task| {
        format!(
            "{}<br><small>{} of {}</small>",
            name(&task.name),
            task.positives,
            task.users
        )
    }));
    let cell = |scores: &[MethodScore], method: &str| {
        let found = scores.iter().find(|score| score.method == method);
        found.map_or_else(|| "–".to_owned(), |score| show(&score.stats))
    };
    let rows: Vec<Vec<String>> = proof
        .methods
        .iter()
        .map(|info| {
            let mut row = vec![wrapped(&info.title), cell(&proof.means, &info.name)];
            row.extend(tasks.iter().map(|task| cell(&task.scores, &info.name)));
            row
        })
        .collect();
    table(&names, &rows, false)
}

fn differences(proof: &SuiteProof) -> String {
    let tasks = measured(proof);
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for difference in tasks.iter().flat_map(|task| &task.differences) {
        let pair = (difference.left.as_str(), difference.right.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let mut names = vec!["Task".to_owned()];
    names.extend(
        pairs
            .iter()
            .map(|(left, right)| format!("{} −<br>{}", name(left), name(right))),
    );
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .map(|task| {
            let mut row = vec![escape(&task.name)];
            row.extend(pairs.iter().map(|(left, right)| {
                let mut all = task.differences.iter();
                let found = all.find(|one| one.left == *left && one.right == *right);
                found.map_or_else(|| "–".to_owned(), |one| signed(&one.auc))
            }));
            row
        })
        .collect();
    table(&names, &rows, false)
}

fn deciles(proof: &SuiteProof) -> String {
    let mut names = head(&["Task", "Method"]);
    names.extend((1..=10).map(|part| part.to_string()));
    let mut rows = Vec::new();
    for task in measured(proof) {
        for curves in &task.curves {
            let mut row = vec![escape(&task.name), title(proof, &curves.method)];
            row.extend(
                curves
                    .deciles
                    .parts
                    .iter()
                    .map(|part| format!("{:.2}", part.lift)),
            );
            rows.push(row);
        }
    }
    if rows.is_empty() {
        String::new()
    } else {
        table(&names, &rows, false)
    }
}

fn ablations(proof: &SuiteProof) -> String {
    let rows: Vec<Vec<String>> = proof
        .ablations
        .iter()
        .map(|one| {
            let tasks: Vec<String> = one
                .tasks
                .iter()
                .map(|(name, difference)| format!("{} {difference:+.3}", escape(name)))
                .collect();
            vec![
                wrapped(&one.title),
                one.folds.to_string(),
                value(&one.auc),
                signed(&one.difference),
                signed(&one.matched_minus_empty),
                format!("<span class=\"wrap\">{}</span>", tasks.join(", ")),
            ]
        })
        .collect();
    let names = [
        "Changed",
        "Folds",
        "AUC",
        "Difference",
        "Matched − empty",
        "By task",
    ];
    table(&head(&names), &rows, false)
}

fn awareness(proof: &SuiteProof) -> String {
    let Some(found) = &proof.awareness else {
        return String::new();
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
    let rows: Vec<Vec<String>> = found
        .neighbours
        .iter()
        .map(|one| {
            vec![
                escape(&one.task),
                value(&one.own),
                value(&one.other),
                signed(&one.difference),
                shares(&found.sources, &one.task),
                shares(&found.gradients, &one.task),
            ]
        })
        .collect();
    let names = [
        "Task",
        "Own instruction",
        "Others'",
        "Difference",
        "How far a missing source moves the vector",
        "Gradient of the probe's answer",
    ];
    settings(&facts) + &table(&head(&names), &rows, false)
}

/// A task's shares of sources.
fn shares(all: &[SourceShare], task: &str) -> String {
    let of_task = all.iter().find(|shares| shares.task == task);
    let shares = of_task.into_iter().flat_map(|found| &found.shares);
    let texts = shares.map(|(source, share)| format!("{} {:.0} %", name(source), share * 100.0));
    let texts: Vec<String> = texts.collect();
    format!("<span class=\"wrap\">{}</span>", texts.join(", "))
}

fn methods(proof: &SuiteProof) -> String {
    let rows: Vec<Vec<String>> = proof
        .methods
        .iter()
        .map(|info| {
            let kind = match info.kind {
                MethodKind::Ours => "ours",
                MethodKind::Baseline => "baseline",
                MethodKind::Together => "together",
            };
            vec![
                escape(&info.name),
                wrapped(&info.title),
                kind.to_owned(),
                info.features.map_or_else(String::new, |n| n.to_string()),
                info.seconds.map_or_else(String::new, |s| format!("{s:.0}")),
            ]
        })
        .collect();
    table(
        &head(&["Name", "Method", "", "Inputs", "Seconds per fold"]),
        &rows,
        false,
    )
}
