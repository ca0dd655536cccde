//! Questions tuned on few labels, beside a probe with the same labels.

use instructue_eval::methods::{PROBE, TUNED, TUNED_PROTOTYPES};
use instructue_eval::{Error as EvalError, FoldResult, Labelled, Measured, Part, Scored, Study};
use instructue_model::SoftPrompt;
use instructue_schema::{Timestamp, UserRef, UserVectors, seed};
use instructue_trainer::{TuneConfig, TuneData, tune};

use crate::error::Result;
use crate::suite::bench::Bench;

/// Where positives are rarer than this, few-shot labels are drawn so that they are not.
const FEW_SHOT_POSITIVES: f64 = 0.2;

/// The users that `size` labels are known of in a fold, drawn by the seed;
/// `None` where there are not so many. A rare class is a fifth of them.
pub(crate) fn few_shot_users(
    study: &Study<'_>,
    task: usize,
    fold: usize,
    size: usize,
) -> Option<Vec<usize>> {
    let Labelled { users, labels } = study.labelled(task, &study.folds[fold].train);
    if users.len() < size {
        return None;
    }
    let place = [task as u64, fold as u64, size as u64];
    let mut rng = seed::rng(study.options.seed, "few-shot users", &place);
    let mut order: Vec<usize> = (0..users.len()).collect();
    seed::shuffle(&mut order, &mut rng);
    let share = labels.iter().filter(|&&label| label).count() as f64 / labels.len() as f64;
    let share = share.clamp(FEW_SHOT_POSITIVES, 1.0 - FEW_SHOT_POSITIVES);
    let positives = (share * size as f64).round() as usize;
    let of = |class: bool, count: usize| {
        let rows = order.iter().copied().filter(|&row| labels[row] == class);
        let rows: Vec<usize> = rows.take(count).collect();
        (rows.len() == count).then_some(rows)
    };
    let mut rows = of(true, positives)?;
    rows.extend(of(false, size - positives)?);
    Some(rows.into_iter().map(|row| users[row]).collect())
}

/// Tunes each task's question on each number of labels that the fold has.
pub(crate) fn few_shot(
    bench: &Bench<'_>,
    measured: &Measured<'_>,
    out: &mut FoldResult,
) -> Result<()> {
    let (study, reference) = (bench.study, measured.group.reference);
    for part in &measured.group.parts {
        for &size in &bench.suite.few_shot.labels {
            let Some(users) = few_shot_users(study, part.task, bench.fold, size) else {
                continue;
            };
            let known = &study.labels[part.task];
            let labels = users.iter().map(|&user| known[user] == Some(true));
            let labels: Vec<bool> = labels.collect();
            let probe = study.cross_validation(bench.fold, part.task);
            let instruction = Some(study.instruction(part.task));
            let (x, second) = measured.trained.readable(instruction, &users)?;
            let frozen = probe.fit_blocks(&x, &labels, second)?;
            let (x, _) = measured.trained.readable(instruction, &part.test.users)?;
            let frozen = frozen.scores(&x)?;

            let tuned = tuned(bench, part.task, reference, &users, &labels)?;
            let tested = embed_tuned(bench, part, reference, &tuned)?;
            let prototypes = tuned.clone().without_readout();
            for (name, scores) in [
                (PROBE, frozen),
                (TUNED, of_second(&tuned.scores(&tested))),
                (TUNED_PROTOTYPES, of_second(&prototypes.scores(&tested))),
            ] {
                let condition = size.to_string();
                let found = Scored::new(name, part.task, &condition, &part.test, scores);
                out.few_shot.push(found);
            }
        }
    }
    Ok(())
}

/// What is learned from the labels of `users`.
fn tuned(
    bench: &Bench<'_>,
    task: usize,
    reference: Timestamp,
    users: &[usize],
    labels: &[bool],
) -> Result<SoftPrompt> {
    let settings = &bench.suite.few_shot;
    let data = TuneData {
        instruction: bench.study.instruction(task).into(),
        classes: vec!["no".into(), "yes".into()],
        profiles: bench.profiles(users, reference)?,
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

/// The vectors of the test users.
fn embed_tuned(
    bench: &Bench<'_>,
    part: &Part,
    reference: Timestamp,
    tuned: &SoftPrompt,
) -> Result<UserVectors> {
    let refs = part.test.users.iter().map(|&user| bench.plan.refs[user]);
    let refs: Vec<UserRef> = refs.collect();
    let found = bench
        .model
        .embed_tuned(&refs, reference, tuned, &mut |_| {});
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
