//! The section about answers to questions that nobody trained on.

use maud::{Markup, html};

use crate::forecast::{ForecastResult, ForecastSubset};
use crate::report::html::{digits, head, or_dash, section, signed, table, text, value};
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
            "Differences of these means",
            "On the questions that both answered; zero is outside the bold ones.",
            differences(found),
        ))
        (section(
            "Lift, ranking and calibration",
            "Over the families that were learned: lift in the first 1, 5 and 10 % of users, means over \
             questions; the AUC of ranking the questions of one user; the mean distance of predicted \
             and observed rates.",
            qualities(found),
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
        cells
    });
    let names = [
        "",
        "lift at 1 %",
        "at 5 %",
        "at 10 %",
        "within a user",
        "calibration error",
    ];
    table(&head(&names), &rows.collect::<Vec<_>>())
}
