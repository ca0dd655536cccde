//! The figures of methods: means, curves by task, what is changed.

use maud::{Markup, html};
use plotly::common::{HoverInfo, Line, Marker, Mode, Orientation};
use plotly::{Bar, Plot, Scatter};

use crate::methods::MethodKind;
use crate::report::html::escape;
use crate::report::plots::{self, COLOURS, axis, curve_layout, dotted, errors, figure, layout};
use crate::results::{Curves, Evaluation, TaskResult};
use instructue_metrics::Interval;

/// Mean AUC of every method with its interval.
pub(super) fn means(evaluation: &Evaluation) -> Markup {
    let rows: Vec<(&str, MethodKind, Interval)> = evaluation
        .methods
        .iter()
        .filter_map(|info| {
            Some((
                info.title.as_str(),
                info.kind,
                evaluation.mean(&info.name)?.scores.auc,
            ))
        })
        .collect();
    let mut plot = Plot::new();
    let kinds = [
        (MethodKind::Ours, "ours", "#2563eb"),
        (MethodKind::Baseline, "baselines", "#d97706"),
        (MethodKind::Together, "together", "#059669"),
    ];
    for (kind, name, colour) in kinds {
        let of = rows.iter().enumerate().filter(|(_, row)| row.1 == kind);
        let of: Vec<(f64, Interval)> = of
            .map(|(place, row)| ((rows.len() - 1 - place) as f64, row.2))
            .collect();
        let x: Vec<f64> = of.iter().map(|(_, auc)| auc.point).collect();
        let y: Vec<f64> = of.iter().map(|(place, _)| *place).collect();
        plot.add_trace(
            Scatter::new(x, y)
                .name(name)
                .mode(Mode::Markers)
                .hover_info(HoverInfo::X)
                .marker(Marker::new().color(colour).size(8))
                .error_x(errors(of.iter().map(|(_, auc)| auc), colour)),
        );
    }
    plot.set_layout(plots::rows(rows.iter().map(|row| row.0)));
    figure(plot, "means", 110 + 30 * rows.len())
}

/// The four figures of each task below one legend; nothing without curves.
pub(super) fn tasks(evaluation: &Evaluation) -> Markup {
    let tasks: Vec<&TaskResult> = evaluation.measured().collect();
    let drawn = tasks.iter().map(|task| &task.curves[..]);
    let longest = drawn.max_by_key(|curves| curves.len()).unwrap_or_default();
    html! {
        @if !longest.is_empty() {
            div class="legend" {
                @for curves in longest {
                    @let colour = colour_of(&curves.method, longest);
                    span { i style={ "background:" (colour) } {} (evaluation.title_of(&curves.method)) }
                }
            }
            @for (at, task) in tasks.iter().enumerate() { (of_task(task, longest, at)) }
        }
    }
}

/// A method has one colour at all tasks.
fn colour_of(method: &str, all: &[Curves]) -> &'static str {
    let place = all.iter().position(|curves| curves.method == method);
    COLOURS[place.unwrap_or(COLOURS.len() - 1) % COLOURS.len()]
}

/// ROC, KS, gain and calibration.
fn of_task(task: &TaskResult, all: &[Curves], at: usize) -> Markup {
    if task.curves.is_empty() {
        return Markup::default();
    }
    let diagonal = Some(((0.0, 0.0), (1.0, 1.0)));
    let until = largest(task);
    let calibration = |curves: &Curves| match &curves.calibration {
        Some(found) => {
            let bins = found.bins.iter();
            bins.map(|bin| (bin.predicted, bin.observed)).collect()
        }
        None => Vec::new(),
    };
    let draw = |kind: &str, axes, reference, pick: &dyn Fn(&Curves) -> Vec<(f64, f64)>| {
        let mut plot = lines(task, all, pick);
        if let Some((from, to)) = reference {
            dotted(&mut plot, from, to);
        }
        let (x, y): (&str, &str) = axes;
        let title = format!("{}: {kind}", task.name);
        let layout = curve_layout(&title, axis(x), axis(y)).show_legend(false);
        plot.set_layout(layout);
        figure(plot, &format!("{kind}-{at}"), 300)
    };
    let figures = [
        draw(
            "ROC",
            ("false-positive rate", "true-positive rate"),
            diagonal,
            &|curves| curves.roc.clone(),
        ),
        draw(
            "KS",
            ("share of users", "true − false-positive rate"),
            None,
            &|curves| curves.ks.clone(),
        ),
        draw(
            "gain",
            ("share of users", "share of positives"),
            diagonal,
            &|curves| curves.gain.clone(),
        ),
        draw(
            "calibration",
            ("predicted", "observed"),
            Some(((0.0, 0.0), (until, until))),
            &calibration,
        ),
    ];
    html! { div class="two" { @for figure in figures { (figure) } } }
}

fn largest(task: &TaskResult) -> f64 {
    let bins = task
        .curves
        .iter()
        .filter_map(|curves| curves.calibration.as_ref());
    let bins = bins.flat_map(|found| &found.bins);
    bins.map(|bin| bin.predicted.max(bin.observed))
        .fold(0.05, f64::max)
}

/// One line per method.
fn lines(task: &TaskResult, all: &[Curves], pick: &dyn Fn(&Curves) -> Vec<(f64, f64)>) -> Plot {
    let mut plot = Plot::new();
    for curves in &task.curves {
        let (xs, ys): (Vec<f64>, Vec<f64>) = pick(curves).into_iter().unzip();
        let line = Line::new().color(colour_of(&curves.method, all)).width(2.0);
        plot.add_trace(
            Scatter::new(xs, ys)
                .name(escape(&curves.method))
                .mode(Mode::Lines)
                .line(line),
        );
    }
    plot
}

/// What each part is worth.
pub(super) fn ablations(evaluation: &Evaluation) -> Markup {
    if evaluation.ablations.is_empty() {
        return Markup::default();
    }
    let names: Vec<String> = evaluation
        .ablations
        .iter()
        .rev()
        .map(|one| escape(&one.title))
        .collect();
    let values: Vec<f64> = evaluation
        .ablations
        .iter()
        .rev()
        .map(|one| one.difference.point)
        .collect();
    let bar = Bar::new(values, names.clone())
        .orientation(Orientation::Horizontal)
        .marker(Marker::new().color("#2563eb"))
        .error_x(errors(
            evaluation.ablations.iter().rev().map(|one| &one.difference),
            "#52606d",
        ));
    let mut plot = Plot::new();
    plot.add_trace(bar);
    plot.set_layout(layout(axis("AUC minus the whole model's"), axis("")));
    figure(plot, "ablations", 120 + 34 * names.len())
}

/// Mean AUC over the share of changed events, one figure per kind.
pub(super) fn noise(evaluation: &Evaluation) -> Markup {
    let mut kinds: Vec<&str> = Vec::new();
    for one in evaluation.noise.iter().filter(|one| one.points.len() > 2) {
        if !kinds.contains(&one.kind.as_str()) {
            kinds.push(&one.kind);
        }
    }
    let figures: Vec<Markup> = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let mut plot = Plot::new();
            let of = evaluation.noise.iter().filter(|one| one.kind == *kind);
            for (place, one) in of.enumerate() {
                let colour = COLOURS[place % COLOURS.len()];
                let x = one.points.iter().map(|point| point.share).collect();
                let y = one.points.iter().map(|point| point.auc.point).collect();
                plot.add_trace(
                    Scatter::new(x, y)
                        .name(escape(&one.method))
                        .mode(Mode::LinesMarkers)
                        .line(Line::new().color(colour).width(2.0))
                        .error_y(errors(one.points.iter().map(|point| &point.auc), colour)),
                );
            }
            let x = format!("share of {} events", escape(kind));
            plot.set_layout(layout(axis(&x), axis("mean AUC")));
            figure(plot, &format!("noise-{at}"), 360)
        })
        .collect();
    html! {
        @if !figures.is_empty() { div class="two" { @for figure in figures { (figure) } } }
    }
}
