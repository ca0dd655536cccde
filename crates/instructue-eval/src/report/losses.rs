//! The losses of a training, as measured and as figures.

use maud::{Markup, html};
use plotly::common::{Line, Mode};
use plotly::{Plot, Scatter};
use serde::{Deserialize, Serialize};

use crate::report::plots::{axis, figure, layout};

/// At most so many points are drawn of a curve.
const MOST_POINTS: usize = 1500;

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

/// Both losses; nothing without points.
pub(super) fn losses(points: &[LossPoint]) -> Markup {
    let contrastive = |point: &LossPoint| point.contrastive;
    let next_token = |point: &LossPoint| point.next_token;
    html! {
        @if !points.is_empty() {
            div class="two" {
                (loss(points, contrastive, "contrastive loss", "loss-c"))
                (loss(points, next_token, "next-token loss", "loss-n"))
            }
        }
    }
}

/// One loss over the steps: as measured, smoothed, and on validation users.
fn loss(points: &[LossPoint], pick: fn(&LossPoint) -> f64, name: &str, id: &str) -> Markup {
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
