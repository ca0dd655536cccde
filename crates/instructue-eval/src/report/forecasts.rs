//! The section about answers to questions that nobody trained on.

use instructue_metrics::{Calibration, Interval};
use maud::{Markup, html};
use plotly::common::{HoverInfo, Line, Marker, Mode};
use plotly::{Plot, Scatter};

use crate::forecast::{ForecastResult, ForecastSubset};
use crate::report::html::{digits, escape, head, or_dash, section, signed, table, text, value};
use crate::report::plots::{self, COLOURS, axis, curve_layout, dotted, errors, figure};
use crate::results::Evaluation;

pub(super) fn sections(evaluation: &Evaluation) -> Markup {
    let Some(found) = &evaluation.forecasts else {
        return html! {};
    };
    html! {
        (section(
            "Questions without labels",
            "Mean AUC of yes-or-no questions about the days to come, asked of test users; intervals \
             are over users and questions. Half of all values, and all families but one, were kept \
             from learning.",
            means(found),
        ))
        (section(
            "What labels are worth",
            "The same for values that learning never named: each method's mean with its interval. A \
             question's own labels begin to tell more where their dot is right of the answer score's.",
            unseen_values(found),
        ))
        (section(
            "Differences of these means",
            "On the questions that both answered; zero is outside the bold ones.",
            differences(found),
        ))
        (section(
            "Lift, ranking and calibration",
            "Over the families that were learned: lift in the first 1, 5 and 10 % of users, means over \
             questions; the AUC of ranking the questions of one user; the mean distance of predicted \
             and observed rates, which the figure shows; how often an answer is right, a yes and a no \
             counting alike, if it is yes where that is likelier, or likelier than for the mean user.",
            html! { (calibration(found)) (qualities(found)) },
        ))
    }
}

fn means(found: &ForecastResult) -> Markup {
    let mut names = vec![text("")];
    names.extend(
        ForecastSubset::ALL
            .iter()
            .map(|subset| text(subset.title())),
    );
    let rows = found.qualities.iter().map(|quality| {
        let cell = |subset: &ForecastSubset| {
            let mean = found.mean(&quality.method, *subset);
            or_dash(mean.map(|mean| value(&mean.auc)))
        };
        let cells = ForecastSubset::ALL.iter().map(cell);
        [text(&quality.method.label())]
            .into_iter()
            .chain(cells)
            .collect()
    });
    table(&names, &rows.collect::<Vec<_>>())
}

/// Mean AUC of every method on values that learning never named.
fn unseen_values(found: &ForecastResult) -> Markup {
    let rows = found.qualities.iter().filter_map(|quality| {
        let mean = found.mean(&quality.method, ForecastSubset::UnseenValue)?;
        Some((quality.method.label(), mean.auc))
    });
    let rows: Vec<(String, Interval)> = rows.collect();
    if rows.is_empty() {
        return Markup::default();
    }
    let places = (0..rows.len()).map(|at| (rows.len() - 1 - at) as f64);
    let marker = Marker::new().color(COLOURS[0]).size(8);
    let x: Vec<f64> = rows.iter().map(|(_, auc)| auc.point).collect();
    let mut plot = Plot::new();
    plot.add_trace(
        Scatter::new(x, places.collect())
            .mode(Mode::Markers)
            .show_legend(false)
            .hover_info(HoverInfo::X)
            .marker(marker)
            .error_x(errors(rows.iter().map(|(_, auc)| auc), COLOURS[0])),
    );
    plot.set_layout(plots::rows(rows.iter().map(|(name, _)| &**name)));
    figure(plot, "unseen-values", 110 + 22 * rows.len())
}

/// Predicted beside observed rates.
fn calibration(found: &ForecastResult) -> Markup {
    let drawn = found.qualities.iter();
    let drawn = drawn.filter_map(|one| Some((one.method.label(), one.calibration.as_ref()?)));
    let drawn: Vec<(String, &Calibration)> = drawn.collect();
    if drawn.is_empty() {
        return Markup::default();
    }
    let mut plot = Plot::new();
    let mut until = 0.05f64;
    for ((name, found), colour) in drawn.iter().zip(COLOURS.iter().cycle()) {
        let bins = found.bins.iter().map(|bin| (bin.predicted, bin.observed));
        let (predicted, observed): (Vec<f64>, Vec<f64>) = bins.unzip();
        until = predicted
            .iter()
            .chain(&observed)
            .copied()
            .fold(until, f64::max);
        plot.add_trace(
            Scatter::new(predicted, observed)
                .name(escape(name))
                .mode(Mode::LinesMarkers)
                .line(Line::new().color(*colour).width(2.0)),
        );
    }
    dotted(&mut plot, (0.0, 0.0), (until, until));
    let layout = curve_layout("Calibration", axis("predicted"), axis("observed"));
    plot.set_layout(layout);
    figure(plot, "forecast-calibration", 360)
}

fn differences(found: &ForecastResult) -> Markup {
    let rows = found.differences.iter().map(|one| {
        vec![
            text(&one.method.label()),
            text(&one.against.label()),
            text(one.subset.title()),
            signed(&one.auc),
        ]
    });
    let names = ["", "minus", "questions", "difference"];
    table(&head(&names), &rows.collect::<Vec<_>>())
}

fn qualities(found: &ForecastResult) -> Markup {
    let rows = found.qualities.iter().map(|quality| {
        let mut cells = vec![text(&quality.method.label())];
        cells.extend(quality.lift.map(|lift| or_dash(lift.map(digits))));
        cells.push(or_dash(quality.within_user.map(digits)));
        let error = quality
            .calibration
            .as_ref()
            .map(|found| found.expected_error);
        cells.push(or_dash(error.map(digits)));
        cells.push(or_dash(quality.right.map(|right| digits(right.likelier))));
        cells.push(or_dash(
            quality.right.map(|right| digits(right.likelier_than_mean)),
        ));
        cells
    });
    let names = [
        "",
        "lift at 1 %",
        "at 5 %",
        "at 10 %",
        "within a user",
        "calibration error",
        "right",
        "right by the mean",
    ];
    table(&head(&names), &rows.collect::<Vec<_>>())
}
