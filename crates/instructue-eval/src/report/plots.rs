//! What all figures of the report share, and the map of users.
//!
//! Names that come from data are escaped here too: plotly reads a little HTML
//! in names and labels.

use maud::{Markup, PreEscaped, html};
use plotly::color::NamedColor;
use plotly::common::{
    Anchor, DashType, ErrorData, ErrorType, Font, HoverInfo, Line, Marker, Mode, Orientation, Title,
};
use plotly::configuration::DisplayModeBar;
use plotly::layout::{Axis, Legend, Margin};
use plotly::{Configuration, Layout, Plot, Scatter};

use crate::report::html::escape;
use instructue_metrics::Interval;
use instructue_metrics::Map2d;

/// Colours of what comes in a list, by place.
pub(super) const COLOURS: [&str; 8] = [
    "#2563eb", "#d97706", "#059669", "#dc2626", "#8b5cf6", "#0891b2", "#be185d", "#7b8794",
];

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
pub(super) fn figure(mut plot: Plot, id: &str, height: usize) -> Markup {
    let configuration = Configuration::new()
        .responsive(true)
        .display_logo(false)
        .typeset_math(false)
        .display_mode_bar(DisplayModeBar::Hover);
    plot.set_configuration(configuration);
    let figure = PreEscaped(plot.to_inline_html(Some(id)));
    html! { div style={ "height:" (height) "px" } { (figure) } }
}

/// A mean AUC across and one row per name, the first at the top: what belongs to it is drawn at
/// the number of names below it.
pub(super) fn rows<'a>(names: impl DoubleEndedIterator<Item = &'a str>) -> Layout {
    let names: Vec<String> = names.rev().map(escape).collect();
    let y = axis("")
        .tick_values((0..names.len()).map(|at| at as f64).collect())
        .range(vec![-0.6, names.len() as f64 - 0.4])
        .tick_text(names)
        .show_grid(false);
    layout(axis("mean AUC"), y)
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

/// The users in two dimensions, one colour per group; nothing without users.
pub(super) fn map(map: &Map2d, id: &str) -> Markup {
    if map.is_empty() {
        return Markup::default();
    }
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
