//! Probes on vectors of changed events.

use std::collections::BTreeMap;

use instructue_eval::{
    Arm, Asked, FoldResult, Measured, NoiseKind, Scored, distinct_instructions, embed, mean_cosine,
};

use crate::error::Result;
use crate::store_embedder::StoreEmbedder;
use crate::suite::bench::Bench;
use crate::suite::stores::Noisy;
use instructue_schema::Progress;

/// The probes of clean events on test users whose events were changed. How far a
/// missing source moves the vectors says how much of an instruction's answer lies in it.
pub(crate) fn under_noise(
    bench: &Bench<'_>,
    measured: &Measured<'_>,
    noisy: &[Noisy],
    out: &mut FoldResult,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let Measured { group, probes, .. } = measured;
    let own = group.matched(bench.study);
    let own = own.iter().map(Option::as_deref);
    let asked = Asked {
        users: group.test_users(),
        reference: group.reference,
        instructions: distinct_instructions(std::iter::once(None).chain(own)),
    };
    let mut moved: BTreeMap<usize, Vec<(String, f64)>> = BTreeMap::new();
    for noise in noisy {
        let model = StoreEmbedder::new(&bench.run.model, &noise.histories.store)
            .with_answers(bench.run.answers.as_ref());
        let users = &noise.histories.refs;
        let vectors = embed(&model, "trained", users, asked.clone(), progress)?;
        for part in &group.parts {
            let own = Some(bench.study.instruction(part.task));
            for (arm, instruction) in [(Arm::Matched, own), (Arm::Empty, None)] {
                let (x, _) = vectors.readable(instruction, &part.test.users)?;
                let scores = probes[&(part.task, arm)].scores(&x)?;
                let condition = &noise.condition;
                let found = Scored::new(arm.id(), part.task, condition, &part.test, scores);
                out.scores.push(found);
            }
            if let NoiseKind::Missing { source } = &noise.kind {
                let before = measured.trained.unit(own, &part.test.users)?;
                let after = vectors.unit(own, &part.test.users)?;
                let distance = 1.0 - mean_cosine(&before, &after);
                let of_task = moved.entry(part.task).or_default();
                of_task.push((source.clone(), distance));
            }
        }
    }
    for (task, list) in moved {
        let all: f64 = list.iter().map(|(_, distance)| distance).sum();
        let share = |(source, distance): (String, f64)| (source, distance / all.max(1e-12));
        out.sources
            .push((task, list.into_iter().map(share).collect()));
    }
    Ok(())
}
