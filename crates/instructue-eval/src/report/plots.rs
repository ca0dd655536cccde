//! The figures of the report.
//!
//! Names that come from data are escaped here too: plotly reads a little HTML
//! in names and labels.

use plotly::color::NamedColor;
use plotly::common::{
    Anchor, DashType, ErrorData, ErrorType, Font, HoverInfo, Line, Marker, Mode, Orientation, Title,
};
use plotly::configuration::DisplayModeBar;
use plotly::layout::{Axis, Legend, Margin};
use plotly::{Configuration, Layout, Plot, Scatter};

use super::LossPoint;
use super::html::escape;
use crate::bootstrap::Interval;
use crate::map::Map2d;
use crate::proof::{Arm, Evaluation, TaskProof};

/// Colours of what comes in a list, by place.
pub(super) const COLOURS: [&str; 8] = [
    "#2563eb", "#d97706", "#059669", "#dc2626", "#8b5cf6", "#0891b2", "#be185d", "#7b8794",
];

/// At most so many points are drawn of a curve.
const MOST_POINTS: usize = 1500;

fn colour(arm: Arm) -> &'static str {
    match arm {
        Arm::Matched => "#2563eb",
        Arm::Empty => "#8b5cf6",
        Arm::Wrong => "#dc2626",
        Arm::Reworded => "#0891b2",
        Arm::Untrained => "#7b8794",
        Arm::Counts => "#d97706",
        Arm::Concatenated => "#059669",
    }
}

pub(super) fn axis(title: &str) -> Axis {
    Axis::new()
        .title(Title::with_text(title))
        .grid_color("#eceff3")
        .zero_line(false)
        .line_color("#cbd2d9")
        .show_line(true)
        .auto_margin(true)
}

pub(super) fn layout(x: Axis, y: Axis) -> Layout {
    Layout::new()
        .x_axis(x)
        .y_axis(y)
        .auto_size(true)
        .font(
            Font::new()
                .family("system-ui, sans-serif")
                .size(12)
                .color("#323f4b"),
        )
        .paper_background_color(NamedColor::White)
        .plot_background_color(NamedColor::White)
        .margin(Margin::new().left(56).right(16).top(36).bottom(44))
        .legend(
            Legend::new()
                .orientation(Orientation::Horizontal)
                .x(0.0)
                .y(1.02)
                .y_anchor(Anchor::Bottom),
        )
}

/// The figure's HTML, `height` pixels high.
pub(super) fn figure(mut plot: Plot, id: &str, height: usize) -> String {
    let configuration = Configuration::new()
        .responsive(true)
        .display_logo(false)
        .typeset_math(false)
        .display_mode_bar(DisplayModeBar::Hover);
    plot.set_configuration(configuration);
    format!(
        "<div style=\"height:{height}px\">{}</div>\n",
        plot.to_inline_html(Some(id))
    )
}

/// One loss over the steps: as measured, smoothed, and on validation users.
pub(super) fn loss(
    points: &[LossPoint],
    pick: fn(&LossPoint) -> f64,
    name: &str,
    id: &str,
) -> String {
    let (validation, training): (Vec<_>, Vec<_>) =
        points.iter().partition(|point| point.validation);
    let finite = |list: Vec<&LossPoint>| -> Vec<(u64, f64)> {
        let all = list.into_iter().map(|point| (point.step, pick(point)));
        all.filter(|(_, loss)| loss.is_finite()).collect()
    };
    let (training, validation) = (finite(training), finite(validation));
    let mut plot = Plot::new();
    let mut add = |points: &[(u64, f64)], name: &str, mode, line: Line| {
        let (x, y) = points.iter().copied().unzip();
        plot.add_trace(Scatter::new(x, y).name(name).mode(mode).line(line));
    };
    add(
        &bins(&training),
        "training",
        Mode::Lines,
        Line::new().color("#bcd0f7").width(1.0),
    );
    if training.len() >= 20 {
        let line = Line::new().color("#2563eb").width(2.0);
        add(
            &bins(&smoothed(&training)),
            "training, smoothed",
            Mode::Lines,
            line,
        );
    }
    if !validation.is_empty() {
        add(
            &validation,
            "validation",
            Mode::LinesMarkers,
            Line::new().color("#d97706").width(2.0),
        );
    }
    plot.set_layout(layout(axis("step"), axis(name)));
    figure(plot, id, 320)
}

/// Means of equal runs of points, so that long curves stay light.
fn bins(points: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |run: &[(u64, f64)]| run.iter().map(|point| point.1).sum::<f64>() / run.len() as f64;
    points
        .chunks(size)
        .map(|run| (run[run.len() / 2].0, mean(run)))
        .collect()
}

/// An exponential mean over about a fiftieth of the curve, without a bias at its start.
fn smoothed(points: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let keep = 1.0 - 1.0 / (points.len() as f64 / 50.0).max(5.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    points
        .iter()
        .map(|&(step, loss)| {
            sum = keep * sum + loss;
            weight = keep * weight + 1.0;
            (step, sum / weight)
        })
        .collect()
}

/// ROC curves of a task: matched, untrained and counts.
pub(super) fn roc(task: &TaskProof, id: &str) -> String {
    let mut plot = Plot::new();
    for arm in [Arm::Matched, Arm::Untrained, Arm::Counts] {
        let Some(result) = task.arm(arm) else {
            continue;
        };
        let (x, y) = result.roc.iter().copied().unzip();
        let name = format!("{} {:.3}", arm.name(), result.score.auc.point);
        plot.add_trace(
            Scatter::new(x, y)
                .name(name)
                .mode(Mode::Lines)
                .line(Line::new().color(colour(arm)).width(2.0)),
        );
    }
    dotted(&mut plot, (0.0, 0.0), (1.0, 1.0));
    let (x, y) = (axis("false-positive rate"), axis("true-positive rate"));
    let layout = curve_layout(
        &task.name,
        x.range(vec![-0.01, 1.01]),
        y.range(vec![-0.01, 1.01]),
    );
    plot.set_layout(layout);
    figure(plot, id, 340)
}

/// A line that curves are seen against.
pub(super) fn dotted(plot: &mut Plot, from: (f64, f64), to: (f64, f64)) {
    plot.add_trace(
        Scatter::new(vec![from.0, to.0], vec![from.1, to.1])
            .mode(Mode::Lines)
            .show_legend(false)
            .hover_info(HoverInfo::Skip)
            .line(Line::new().color("#cbd2d9").width(1.0).dash(DashType::Dot)),
    );
}

/// A small title, and the legend in the corner that curves of good scores leave free.
pub(super) fn curve_layout(title: &str, x: Axis, y: Axis) -> Layout {
    let title = Title::with_text(escape(title))
        .font(Font::new().size(14))
        .x(0.02);
    let legend = Legend::new()
        .x(0.98)
        .y(0.04)
        .x_anchor(Anchor::Right)
        .y_anchor(Anchor::Bottom);
    layout(x, y).title(title).legend(legend)
}

/// AUC of every arm with its interval, one line of dots per task.
pub(super) fn dots(proof: &Evaluation, id: &str) -> String {
    let tasks: Vec<_> = proof
        .tasks
        .iter()
        .filter(|task| task.skipped.is_none())
        .collect();
    let mut plot = Plot::new();
    for (at, arm) in Arm::ALL.into_iter().enumerate() {
        // First task on top; the arms of a task below one another.
        let shift = 0.36 - 0.72 * at as f64 / (Arm::ALL.len() - 1) as f64;
        let place = |task: usize| (tasks.len() - 1 - task) as f64 + shift;
        let scores = tasks
            .iter()
            .enumerate()
            .filter_map(|(row, task)| Some((place(row), task.score(arm)?.auc)));
        let (places, aucs): (Vec<f64>, Vec<Interval>) = scores.unzip();
        let x = aucs.iter().map(|auc| auc.point).collect();
        plot.add_trace(
            Scatter::new(x, places)
                .name(arm.name())
                .mode(Mode::Markers)
                .hover_info(HoverInfo::X)
                .marker(Marker::new().color(colour(arm)).size(7))
                .error_x(errors(aucs.iter(), colour(arm))),
        );
    }
    let names = tasks.iter().rev().map(|task| escape(&task.name)).collect();
    let y = axis("")
        .tick_values((0..tasks.len()).map(|at| at as f64).collect())
        .tick_text(names)
        .range(vec![-0.6, tasks.len() as f64 - 0.4])
        .show_grid(false);
    plot.set_layout(layout(axis("AUC"), y));
    figure(plot, id, 110 + 76 * tasks.len().max(1))
}

/// Bars from the low to the high end of intervals.
pub(super) fn errors<'a>(
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

/// The users in two dimensions, one colour per group.
pub(super) fn map(map: &Map2d, id: &str) -> String {
    let mut sizes: Vec<(&str, usize)> = Vec::new();
    for group in &map.groups {
        match sizes.iter_mut().find(|(name, _)| name == group) {
            Some((_, size)) => *size += 1,
            None => sizes.push((group, 1)),
        }
    }
    // Large groups are drawn first, so that small ones lie on top.
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut plot = Plot::new();
    for (at, (group, size)) in sizes.into_iter().enumerate() {
        let points = map
            .points
            .iter()
            .zip(&map.groups)
            .filter(|(_, name)| *name == group);
        let (x, y) = points.map(|(point, _)| *point).unzip();
        plot.add_trace(
            Scatter::new(x, y)
                .name(format!("{} ({size})", escape(group)))
                .mode(Mode::Markers)
                .hover_info(HoverInfo::Name)
                .marker(
                    Marker::new()
                        .color(COLOURS[at % COLOURS.len()])
                        .size(6)
                        .opacity(0.7),
                ),
        );
    }
    let title = |number: u32, share: f64| {
        format!(
            "component {number} ({:.1} % of the variance)",
            share * 100.0
        )
    };
    let x = axis(&title(1, map.explained.0));
    let y = axis(&title(2, map.explained.1));
    plot.set_layout(layout(x, y));
    figure(plot, id, 520)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_binned_and_smoothed_without_bias() {
        let curve: Vec<(u64, f64)> = (0..10_000).map(|step| (step, 3.0)).collect();
        let drawn = bins(&smoothed(&curve));
        assert!(drawn.len() <= MOST_POINTS && drawn.len() > MOST_POINTS / 2);
        assert!(drawn.iter().all(|point| (point.1 - 3.0).abs() < 1e-9));
        assert_eq!(bins(&[(4, 1.0), (5, 2.0)]), [(4, 1.0), (5, 2.0)]);
        assert_eq!(bins(&[]), []);
    }
}
