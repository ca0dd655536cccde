//! Questions tuned on few labels, beside a probe with the same labels.

use instructue_eval::{Error as EvalError, UserRef, UserVectors};
use instructue_model::SoftPrompt;
use instructue_trainer::{TuneConfig, TuneData};

use crate::error::Result;
use crate::readout::{to_model, tune_question};
use crate::suite::bench::{Bench, Embedded, Group, Part};
use crate::suite::fold::{FoldResult, scored};

/// A probe on the vector under the task's own instruction.
pub(crate) const PROBE: &str = "probe";
/// Learned tokens, and what is read behind them.
pub(crate) const TUNED: &str = "tuned";
/// The same tokens and prototypes alone.
pub(crate) const TUNED_PROTOTYPES: &str = "tuned_prototypes";

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
            let tested = to_model(&embed_tuned(bench, part, &tuned)?);
            let prototypes = tuned.clone().without_readout();
            for (name, scores) in [
                (PROBE, frozen),
                (TUNED, of_second(&tuned.scores(&tested))),
                (TUNED_PROTOTYPES, of_second(&prototypes.scores(&tested))),
            ] {
                let condition = size.to_string();
                let found = scored(name, part.task, &condition, &part.test, scores);
                out.few_shot.push(found);
            }
        }
    }
    Ok(())
}

/// What is learned from the labels of `users`.
fn tuned(bench: &Bench<'_>, part: &Part, users: &[usize], labels: &[bool]) -> Result<SoftPrompt> {
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
    Ok(tune_question(&bench.run.model, &data, &config, &mut |_| {})?.tuned)
}

/// The vectors of the test users.
fn embed_tuned(bench: &Bench<'_>, part: &Part, tuned: &SoftPrompt) -> Result<UserVectors> {
    let refs = part.test.0.iter().map(|&user| bench.plan.refs[user]);
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
fn of_second(probabilities: &[f32]) -> Vec<f64> {
    let each = probabilities.chunks_exact(2);
    each.map(|both| f64::from(both[1])).collect()
}
