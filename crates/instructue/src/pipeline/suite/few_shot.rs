//! Questions tuned on few labels, beside a probe with the same labels.

use instructue_eval::{Error as EvalError, UserRef, UserVectors};
use instructue_model::{Tuned, Vectors};
use instructue_trainer::{TuneConfig, TuneData, tune};

use crate::pipeline::error::Result;
use crate::pipeline::suite::bench::{Bench, Embedded, Group, Part};
use crate::pipeline::suite::fold::{FoldResult, scored};

/// A probe on the vector under the task's own instruction.
pub(crate) const PROBE: &str = "probe";
/// Learned tokens and prototypes.
pub(crate) const TUNED: &str = "tuned";
/// A probe on the vector under the instruction with the learned tokens.
pub(crate) const TUNED_PROBE: &str = "tuned_probe";

/// Tunes each task's question on each number of labels that the fold has.
pub(crate) fn few_shot(
    bench: &Bench<'_>,
    group: &Group,
    vectors: &Embedded,
    out: &mut FoldResult,
) -> Result<()> {
    for part in &group.parts {
        for &size in &bench.suite.few_shot.labels {
            let drawn = bench
                .plan
                .few_shot(bench.suite, part.task, bench.fold, size);
            let Some(users) = drawn else {
                continue;
            };
            let known = &bench.plan.labels[part.task];
            let labels = users.iter().map(|&user| known[user] == Some(true));
            let labels: Vec<bool> = labels.collect();
            let probe = bench.cross_validation(part.task);
            let instruction = Some(bench.instruction(part.task));
            let (x, second) = vectors.readable(instruction, &users)?;
            let frozen = probe.fit_blocks(&x, &labels, second)?;
            let frozen = frozen.scores(&vectors.readable(instruction, &part.test.0)?.0)?;

            let tuned = tuned(bench, part, &users, &labels)?;
            let (x, second) = embed_tuned(bench, part, &tuned, &users)?.readable()?;
            let fit = probe.fit_blocks(&x, &labels, second)?;
            let tested = embed_tuned(bench, part, &tuned, &part.test.0)?;
            let beside_numbers = fit.scores(&tested.readable()?.0)?;
            for (name, scores) in [
                (PROBE, frozen),
                (TUNED, by_prototypes(&tuned, tested)),
                (TUNED_PROBE, beside_numbers),
            ] {
                let condition = size.to_string();
                let found = scored(name, part.task, &condition, &part.test, scores);
                out.few_shot.push(found);
            }
        }
    }
    Ok(())
}

/// Tokens and prototypes learned from the labels of `users`.
fn tuned(bench: &Bench<'_>, part: &Part, users: &[usize], labels: &[bool]) -> Result<Tuned> {
    let settings = &bench.suite.few_shot;
    let data = TuneData {
        instruction: bench.instruction(part.task).into(),
        classes: vec!["no".into(), "yes".into()],
        profiles: bench.profiles(users, part.reference)?,
        labels: labels.iter().map(|&label| usize::from(label)).collect(),
    };
    let config = TuneConfig {
        seed: bench.suite.seed,
        tokens: settings.tokens,
        steps: settings.steps,
        ..TuneConfig::default()
    };
    Ok(tune(&bench.run.model, &data, &config, &mut |_| {})?.tuned)
}

fn embed_tuned(
    bench: &Bench<'_>,
    part: &Part,
    tuned: &Tuned,
    users: &[usize],
) -> Result<UserVectors> {
    let refs = users.iter().map(|&user| bench.plan.refs[user]);
    let refs: Vec<UserRef> = refs.collect();
    let found = bench
        .model
        .embed_tuned(&refs, part.reference, tuned, &mut |_, _| {});
    Ok(found.map_err(|source| EvalError::Model {
        model: TUNED,
        source,
    })?)
}

/// The probability of the second class.
fn by_prototypes(tuned: &Tuned, users: UserVectors) -> Vec<f64> {
    let probabilities = tuned.scores(&Vectors {
        width: users.unit.columns,
        values: users.unit.values,
    });
    let each = probabilities.chunks_exact(2);
    each.map(|both| f64::from(both[1])).collect()
}
