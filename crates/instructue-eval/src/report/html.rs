//! Cells and tables of the report. Text from data or a caller is escaped by `maud`.

use maud::{Markup, html};

use crate::table::{difference, number};
use instructue_metrics::Interval;

/// Text made safe for plotly, which reads a little HTML in names and labels.
pub(super) fn escape(text: &str) -> String {
    html! { (text) }.into_string()
}

/// A table; nothing without rows.
pub(super) fn table(head: &[Markup], rows: &[Vec<Markup>]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div class="scroll" {
                table {
                    thead { tr { @for cell in head { th { (cell) } } } }
                    tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
                }
            }
        }
    }
}

/// A section; nothing where there is nothing to show.
pub(super) fn section(heading: &str, text: &str, body: Markup) -> Markup {
    html! {
        @if !body.0.is_empty() { section { h2 { (heading) } p { (text) } (body) } }
    }
}

/// A section that is closed until it is asked for.
pub(super) fn folded(heading: &str, text: &str, body: Markup) -> Markup {
    html! {
        @if !body.0.is_empty() {
            section { details { summary { h2 { (heading) } } p { (text) } (body) } }
        }
    }
}

/// Plain names of columns.
pub(super) fn head(names: &[&str]) -> Vec<Markup> {
    names.iter().map(|name| text(name)).collect()
}

pub(super) fn text(text: &str) -> Markup {
    html! { (text) }
}

/// A cell of which there may be nothing.
pub(super) fn or_dash(cell: Option<Markup>) -> Markup {
    cell.unwrap_or_else(|| text("–"))
}

pub(super) fn digits(value: f64) -> Markup {
    text(&number(value))
}

/// A value with its interval in small print.
pub(super) fn value(interval: &Interval) -> Markup {
    html! {
        (number(interval.point))
        small { (number(interval.low)) " to " (number(interval.high)) }
    }
}

/// A lift with its interval in small print.
pub(super) fn lift(interval: &Interval) -> Markup {
    let Interval {
        point, low, high, ..
    } = *interval;
    html! { (format!("{point:.2}")) small { (format!("{low:.2} to {high:.2}")) } }
}

/// A difference; set apart where zero lies outside its interval.
pub(super) fn signed(interval: &Interval) -> Markup {
    let shown = difference(interval);
    match interval.excludes_zero() {
        true => html! { span class="sure" { (shown) } },
        false => text(&shown),
    }
}

/// Text that may break into lines.
pub(super) fn wrapped(text: &str) -> Markup {
    html! { span class="wrap" { (text) } }
}

/// A name that may break at its underscores.
pub(super) fn name(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('_').enumerate() {
            @if at > 0 { "_" wbr; }
            (part)
        }
    }
}

/// Names and values; nothing without any.
pub(super) fn settings(pairs: &[(String, String)]) -> Markup {
    html! {
        @if !pairs.is_empty() {
            div class="scroll" {
                table {
                    tbody {
                        @for (name, value) in pairs { tr { td { (name) } td class="wrap" { (value) } } }
                    }
                }
            }
        }
    }
}
