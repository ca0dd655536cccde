//! The figures of a suite's report.

use plotly::common::{
    Anchor, DashType, ErrorData, ErrorType, Font, HoverInfo, Line, Marker, Mode, Title,
};
use plotly::layout::Legend;
use plotly::{Bar, Plot, Scatter};

use crate::bootstrap::Interval;
use crate::report::html::escape;
use crate::report::plots::{axis, figure, layout};
use crate::suite::{Curves, MethodKind, SuiteProof, SuiteTask};

/// Colours of methods by place.
const COLOURS: [&str; 8] = [
    "#2563eb", "#d97706", "#059669", "#dc2626", "#8b5cf6", "#0891b2", "#be185d", "#7b8794",
];

/// Mean AUC of every method with its interval.
pub(super) fn means(proof: &SuiteProof) -> String {
    let rows: Vec<(&str, MethodKind, Interval)> = proof
        .methods
        .iter()
        .filter_map(|info| {
            Some((
                info.title.as_str(),
                info.kind,
                proof.mean(&info.name)?.stats.auc,
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
    let names = rows.iter().rev().map(|row| escape(row.0)).collect();
    let y = axis("")
        .tick_values((0..rows.len()).map(|at| at as f64).collect())
        .tick_text(names)
        .range(vec![-0.6, rows.len() as f64 - 0.4])
        .show_grid(false);
    plot.set_layout(layout(axis("mean AUC"), y));
    figure(plot, "means", 110 + 30 * rows.len())
}

fn errors<'a>(
    intervals: impl Iterator<Item = &'a Interval> + Clone,
    colour: &'static str,
) -> ErrorData {
    ErrorData::new(ErrorType::Data)
        .symmetric(false)
        .array(intervals.clone().map(|one| one.high - one.point).collect())
        .array_minus(intervals.map(|one| one.point - one.low).collect())
        .color(colour)
        .thickness(1.2)
        .width(0)
}

/// The four figures of a task.
pub(super) fn task(task: &SuiteTask, at: usize) -> String {
    if task.curves.is_empty() {
        return String::new();
    }
    let all: [String; 4] = [
        lines(
            task,
            &format!("suite-roc-{at}"),
            &task.name,
            ("false-positive rate", "true-positive rate"),
            Some(((0.0, 0.0), (1.0, 1.0))),
            |curves| curves.roc.clone(),
        ),
        lines(
            task,
            &format!("suite-ks-{at}"),
            "gap of the rates",
            ("share of users", "true − false-positive rate"),
            None,
            |curves| curves.ks.clone(),
        ),
        lines(
            task,
            &format!("suite-gain-{at}"),
            "gain",
            ("share of users", "share of positives"),
            Some(((0.0, 0.0), (1.0, 1.0))),
            |curves| curves.gain.clone(),
        ),
        lines(
            task,
            &format!("suite-calibration-{at}"),
            "calibration",
            ("predicted", "observed"),
            Some(((0.0, 0.0), (largest(task), largest(task)))),
            |curves| match &curves.calibration {
                Some(found) => found
                    .bins
                    .iter()
                    .map(|bin| (bin.predicted, bin.observed))
                    .collect(),
                None => Vec::new(),
            },
        ),
    ];
    format!("<div class=\"grid\">{}</div>\n", all.concat())
}

fn largest(task: &SuiteTask) -> f64 {
    let bins = task
        .curves
        .iter()
        .filter_map(|curves| curves.calibration.as_ref());
    let bins = bins.flat_map(|found| &found.bins);
    bins.map(|bin| bin.predicted.max(bin.observed))
        .fold(0.05, f64::max)
}

/// One line per method, and a dotted one where `reference` says.
fn lines(
    task: &SuiteTask,
    id: &str,
    title: &str,
    (x, y): (&str, &str),
    reference: Option<((f64, f64), (f64, f64))>,
    pick: impl Fn(&Curves) -> Vec<(f64, f64)>,
) -> String {
    let mut plot = Plot::new();
    for (place, curves) in task.curves.iter().enumerate() {
        let (xs, ys): (Vec<f64>, Vec<f64>) = pick(curves).into_iter().unzip();
        let line = Line::new().color(COLOURS[place % COLOURS.len()]).width(2.0);
        plot.add_trace(
            Scatter::new(xs, ys)
                .name(escape(&curves.method))
                .mode(Mode::Lines)
                .line(line),
        );
    }
    if let Some((from, to)) = reference {
        plot.add_trace(
            Scatter::new(vec![from.0, to.0], vec![from.1, to.1])
                .mode(Mode::Lines)
                .show_legend(false)
                .hover_info(HoverInfo::Skip)
                .line(Line::new().color("#cbd2d9").width(1.0).dash(DashType::Dot)),
        );
    }
    let title = Title::with_text(escape(title))
        .font(Font::new().size(14))
        .x(0.02);
    let legend = Legend::new()
        .x(0.98)
        .y(0.04)
        .x_anchor(Anchor::Right)
        .y_anchor(Anchor::Bottom);
    plot.set_layout(layout(axis(x), axis(y)).title(title).legend(legend));
    figure(plot, id, 320)
}

/// What each part is worth.
pub(super) fn ablations(proof: &SuiteProof) -> String {
    let names: Vec<String> = proof
        .ablations
        .iter()
        .rev()
        .map(|one| escape(&one.title))
        .collect();
    let values: Vec<f64> = proof
        .ablations
        .iter()
        .rev()
        .map(|one| one.difference.point)
        .collect();
    let bar = Bar::new(values, names.clone())
        .orientation(plotly::common::Orientation::Horizontal)
        .marker(Marker::new().color("#2563eb"))
        .error_x(errors(
            proof.ablations.iter().rev().map(|one| &one.difference),
            "#52606d",
        ));
    let mut plot = Plot::new();
    plot.add_trace(bar);
    plot.set_layout(layout(axis("AUC minus the whole model's"), axis("")));
    figure(plot, "ablations", 120 + 34 * names.len())
}

/// Mean AUC over the share of changed events, one figure per kind.
pub(super) fn noise(proof: &SuiteProof) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for one in proof.noise.iter().filter(|one| one.points.len() > 2) {
        if !kinds.contains(&one.kind.as_str()) {
            kinds.push(&one.kind);
        }
    }
    let figures: String = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let mut plot = Plot::new();
            let of = proof.noise.iter().filter(|one| one.kind == *kind);
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
    match figures.is_empty() {
        true => figures,
        false => format!("<div class=\"two\">{figures}</div>\n"),
    }
}
