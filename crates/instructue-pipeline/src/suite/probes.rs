//! What probes tell from a model's vectors, and from vectors of changed events.

use std::collections::BTreeMap;

use instructue_eval::{
    LogisticRegression, Matrix, NoiseKind, UserRef, count_matrix, distinct_instructions,
};
use rayon::prelude::*;

use crate::error::Result;
use crate::run::Watch;
use crate::store_embedder::StoreEmbedder;
use crate::suite::bench::{Asked, Bench, Embedded, Group, Part, embed};
use crate::suite::exchange::{CLEAN, OwnVectors};
use crate::suite::fold::{FoldResult, method, scored};
use crate::suite::stores::Noisy;

/// Fitted probes by task, for vectors of other events.
pub(crate) type Probes = BTreeMap<(usize, &'static str), LogisticRegression>;

/// A kind of instruction: its name, and the text that a task is asked with.
type Arm<'a> = (String, Option<&'a str>);

/// What a task is asked with; models other than the whole one have the first two alone.
fn arms<'a>(bench: &Bench<'a>, task: usize, all: bool) -> Vec<Arm<'a>> {
    let tasks = &bench.plan.tasks;
    let own = Some(bench.instruction(task));
    let mut arms = vec![(method::MATCHED.into(), own), (method::EMPTY.into(), None)];
    if all {
        arms.push((method::WRONG.into(), Some(tasks.wrong_of(task))));
        let reworded = tasks.tasks[task].reworded.iter().enumerate();
        arms.extend(reworded.map(|(number, text)| {
            let name = format!("{}{}", method::REWORDED, number + 1);
            (name, Some(text.as_str()))
        }));
    }
    arms
}

/// All vectors that the tasks of a group need.
pub(crate) fn embed_group(
    bench: &Bench<'_>,
    group: &Group,
    all: bool,
    watch: &mut dyn Watch,
) -> Result<Embedded> {
    let of_part = |part: &Part| arms(bench, part.task, all);
    let texts = group.parts.iter().flat_map(of_part);
    let asked = Asked {
        users: group.users(),
        reference: group.reference,
        instructions: distinct_instructions(texts.map(|(_, text)| text)),
    };
    bench.embed(&asked, watch)
}

/// Vectors of the model before training, under the tasks' own instructions.
pub(crate) fn embed_untrained(
    bench: &Bench<'_>,
    group: &Group,
    watch: &mut dyn Watch,
) -> Result<Embedded> {
    let model = StoreEmbedder::new(&bench.run.untrained, &bench.histories.store);
    let asked = Asked {
        users: group.users(),
        reference: group.reference,
        instructions: group.matched(bench),
    };
    embed(&model, bench.histories, &asked, watch)
}

/// Probes under each kind of instruction. `before` are vectors before training:
/// with them, all kinds; without, what [`embed_group`] embeds for other models.
pub(crate) fn probes(
    bench: &Bench<'_>,
    group: &Group,
    trained: &Embedded,
    before: Option<&Embedded>,
    out: &mut FoldResult,
) -> Result<Probes> {
    let mut fitted = Probes::new();
    for part in &group.parts {
        let own = Some(bench.instruction(part.task));
        let arms = arms(bench, part.task, before.is_some());
        let after = arms.len();
        let mut trials: Vec<(String, &Embedded, Option<&str>)> = arms
            .into_iter()
            .map(|(name, text)| (name, trained, text))
            .collect();
        if let Some(before) = before {
            trials.push((method::UNTRAINED.into(), before, own));
        }
        let cross_validation = bench.cross_validation(part.task);
        let fits = trials
            .par_iter()
            .map(|(_, vectors, instruction)| {
                let (x, second) = vectors.readable(*instruction, &part.train.0)?;
                let fit = cross_validation.fit_blocks(&x, &part.train.1, second)?;
                let (x, _) = vectors.readable(*instruction, &part.test.0)?;
                let scores = fit.scores(&x)?;
                Ok((fit, scores))
            })
            .collect::<Result<Vec<_>>>()?;
        for ((name, _, _), (fit, scores)) in trials.iter().zip(fits) {
            out.width = fit.weights.len();
            let found = scored(name, part.task, CLEAN, &part.test, scores);
            out.scores.push(found);
            for kept in [method::MATCHED, method::EMPTY] {
                if name == kept {
                    fitted.insert((part.task, kept), fit.clone());
                }
            }
        }
        let unit = trained.unit(own, &part.test.0);
        for (name, _, other) in &trials[1..after] {
            let mean = mean_cosine(&unit, &trained.unit(*other, &part.test.0));
            let arm = name.trim_end_matches(|c: char| c.is_ascii_digit());
            out.cosine.push((arm.to_owned(), mean));
        }
    }
    Ok(fitted)
}

/// The mean cosine of rows of the same place.
fn mean_cosine(left: &Matrix, right: &Matrix) -> f64 {
    let each = (0..left.rows).map(|row| left.cosine(row, right, row));
    each.sum::<f64>() / left.rows.max(1) as f64
}

/// The counts that need no other program, alone and with the vectors beside them;
/// and the vectors for programs that put their own counts beside them.
pub(crate) fn beside_counts(
    bench: &Bench<'_>,
    group: &Group,
    trained: &Embedded,
    out: &mut FoldResult,
    own_vectors: &mut OwnVectors,
) -> Result<()> {
    let plan = bench.plan;
    for part in &group.parts {
        let own = Some(bench.instruction(part.task));
        let side = |users: &[usize]| -> Result<(Matrix, Matrix)> {
            let refs: Vec<UserRef> = users.iter().map(|&user| plan.refs[user]).collect();
            let counts = count_matrix(&plan.ingested.store, &refs, part.reference)?;
            Ok((counts, trained.readable(own, users)?.0))
        };
        let (train, test) = (side(&part.train.0)?, side(&part.test.0)?);
        let cross_validation = bench.cross_validation(part.task);
        let (alone, _) = cross_validation.fit(&train.0, &part.train.1)?;
        let both = train.0.beside(&train.1)?;
        let both = cross_validation.fit_blocks(&both, &part.train.1, train.0.columns)?;
        for (name, scores) in [
            (method::SIMPLE_COUNTS, alone.scores(&test.0)?),
            (
                method::BESIDE_SIMPLE_COUNTS,
                both.scores(&test.0.beside(&test.1)?)?,
            ),
        ] {
            let found = scored(name, part.task, CLEAN, &part.test, scores);
            out.scores.push(found);
        }
        let task = &plan.tasks.tasks[part.task].name;
        for (users, vectors) in [(&part.train.0, &train.1), (&part.test.0, &test.1)] {
            for (row, &user) in users.iter().enumerate() {
                own_vectors.push(task, CLEAN, plan.users[user].as_str(), vectors.row(row));
            }
        }
    }
    Ok(())
}

/// The probes of clean events on test users whose events were changed. How far a
/// missing source moves the vectors says how much of an instruction's answer lies in it.
pub(crate) fn under_noise(
    bench: &Bench<'_>,
    group: &Group,
    noisy: &[Noisy],
    (clean, probes): (&Embedded, &Probes),
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let own = group.matched(bench);
    let own = own.iter().map(Option::as_deref);
    let asked = Asked {
        users: group.test_users(),
        reference: group.reference,
        instructions: distinct_instructions(std::iter::once(None).chain(own)),
    };
    let mut moved: BTreeMap<usize, Vec<(String, f64)>> = BTreeMap::new();
    for noise in noisy {
        let model = StoreEmbedder::new(&bench.run.model, &noise.histories.store);
        let vectors = embed(&model, &noise.histories, &asked, watch)?;
        for part in &group.parts {
            let own = Some(bench.instruction(part.task));
            for (name, instruction) in [(method::MATCHED, own), (method::EMPTY, None)] {
                let (x, _) = vectors.readable(instruction, &part.test.0)?;
                let scores = probes[&(part.task, name)].scores(&x)?;
                let found = scored(name, part.task, &noise.condition, &part.test, scores);
                out.scores.push(found);
            }
            if let NoiseKind::Missing { source } = &noise.kind {
                let [before, after] = [clean, &vectors].map(|of| of.unit(own, &part.test.0));
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
