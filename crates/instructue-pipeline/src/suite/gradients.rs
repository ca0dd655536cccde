//! Which sources the probes' answers rest on.

use instructue_eval::{Arm, FoldResult, Measured};
use instructue_model::VectorKind;
use instructue_schema::DataText;

use crate::error::Result;
use crate::suite::bench::Bench;

/// Users whose gradients are taken.
const GRADIENT_USERS: usize = 64;

/// Each source's share of the gradient of the matched probe's log-odds, through the
/// state, over some test users.
pub(crate) fn gradients(
    bench: &Bench<'_>,
    measured: &Measured<'_>,
    out: &mut FoldResult,
) -> Result<()> {
    let model = &bench.run.model;
    for part in &measured.group.parts {
        let probe = &measured.probes[&(part.task, Arm::Matched)];
        // Numbers stand before the state.
        let before = probe.weights.len() - model.width_of(VectorKind::State);
        let weights = probe.weights[before..].iter().zip(&probe.scale[before..]);
        let direction: Vec<f32> = weights.map(|(w, scale)| (w / scale) as f32).collect();
        let users = &part.test.users[..part.test.users.len().min(GRADIENT_USERS)];
        let profiles = bench.profiles(users, measured.group.reference)?;
        let instruction = DataText::new(bench.study.instruction(part.task));
        let found = model.source_gradients(&profiles, Some(&instruction), &direction)?;
        let sources = &model.preprocessor().schema().sources;
        let sum = |source: usize| found.iter().map(|user| user[source]).sum::<f64>();
        let sums: Vec<f64> = (0..sources.len()).map(sum).collect();
        let all = sums.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let names = sources.iter().map(|source| source.name.clone());
        let shares = names.zip(sums).map(|(name, sum)| (name, sum / all));
        out.gradients.push((part.task, shares.collect()));
    }
    Ok(())
}
