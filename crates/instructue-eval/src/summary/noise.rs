//! What changed events cost.

use crate::methods::{CLEAN, MethodInfo};
use crate::noise::NoiseKind;
use crate::results::{NoisePoint, NoiseResult};
use crate::summary::found::NoiseCondition;
use crate::summary::table::Table;
use instructue_metrics::Draws;

/// Mean AUC by share of changed events, per method and kind of change.
pub(crate) fn noise(
    conditions: &[NoiseCondition],
    table: &Table,
    methods: &[MethodInfo],
    confidence: f64,
) -> Vec<NoiseResult> {
    let mut kinds: Vec<(String, Vec<(f64, &str)>)> = Vec::new();
    for condition in conditions {
        let (kind, share) = match &condition.kind {
            NoiseKind::Foreign { share } => ("foreign".to_owned(), *share),
            NoiseKind::Shuffled { share } => ("shuffled".to_owned(), *share),
            NoiseKind::Missing { source } => (format!("missing {source}"), 1.0),
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, points)) => points.push((share, condition.name.as_str())),
            None => kinds.push((kind, vec![(share, condition.name.as_str())])),
        }
    }
    let mut out = Vec::new();
    for info in methods {
        let Some(clean) = table.mean(&info.name, CLEAN) else {
            continue;
        };
        let point = |share: f64, draws: &Draws| {
            Some(NoisePoint {
                share,
                auc: draws.interval(confidence)?,
                drop: clean.auc.minus(draws).interval(confidence)?,
            })
        };
        for (kind, points) in &kinds {
            let changed = points.iter().filter_map(|(share, condition)| {
                point(*share, &table.mean(&info.name, condition)?.auc)
            });
            let changed: Vec<NoisePoint> = changed.collect();
            if let (false, Some(first)) = (changed.is_empty(), point(0.0, &clean.auc)) {
                out.push(NoiseResult {
                    method: info.name.clone(),
                    kind: kind.clone(),
                    points: std::iter::once(first).chain(changed).collect(),
                });
            }
        }
    }
    out
}
