//! Whether vectors follow the instruction, and whether answers find their users.

use std::collections::BTreeMap;

use instructue_eval::suite::FoldValues;
use instructue_eval::{
    Answer, Neighbours, ProveOptions, RetrievalInput, UserRef, VarianceShares, neighbour_test,
    search,
};
use instructue_userqa::{Split, Triple};

use crate::pipeline::error::Result;
use crate::pipeline::proof::answers_of;
use crate::pipeline::run::{TrainedRun, Watch};
use crate::pipeline::suite::fold::{Bench, FoldResult, Valued, method};
use crate::pipeline::suite::uses::TOP;

/// Nearest users whose labels are compared.
const NEAREST: usize = 10;

/// Test users under the instruction of every task, at the tasks' common reference time.
pub(crate) fn awareness(
    bench: &Bench<'_>,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let plan = bench.plan;
    let parts = bench.parts();
    // Whoever has a label at that time: users with a profile that says something.
    let at_reference = parts
        .iter()
        .filter(|part| part.reference == plan.tasks.reference);
    let mut users: Vec<usize> = at_reference.flat_map(|part| part.test.0.clone()).collect();
    users.sort_unstable();
    users.dedup();
    if users.is_empty() || parts.len() < 2 {
        return Ok(());
    }
    let instructions: Vec<Option<String>> = parts
        .iter()
        .map(|part| Some(bench.instruction(part.task).to_owned()))
        .collect();
    let vectors = bench.embed_clean(&users, plan.tasks.reference, instructions.clone(), watch)?;
    let by_instruction: Vec<_> = instructions
        .iter()
        .map(|text| vectors.unit(text.as_deref(), &users))
        .collect();
    let shares = VarianceShares::of(&by_instruction)?;
    out.variance = Some([shares.user, shares.instruction, shares.interaction]);
    let labels: Vec<Vec<Option<bool>>> = parts
        .iter()
        .map(|part| {
            users
                .iter()
                .map(|&user| plan.labels[part.task][user])
                .collect()
        })
        .collect();
    for (part, found) in parts
        .iter()
        .zip(neighbour_test(&by_instruction, &labels, NEAREST)?)
    {
        let Neighbours {
            users: rows,
            own,
            other,
            ..
        } = found;
        for (name, values) in [("own", own), ("other", other)] {
            out.values.push(Valued {
                kind: "neighbours".into(),
                of: plan.tasks.tasks[part.task].name.clone(),
                method: name.into(),
                values: FoldValues {
                    users: rows.iter().map(|&row| users[row] as u32).collect(),
                    values,
                },
            });
        }
    }
    Ok(())
}

/// Test users' own answers to instructions of trained families, and of families
/// that were kept from training.
pub(crate) fn retrieval(
    bench: &Bench<'_>,
    run: &TrainedRun,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let plan = bench.plan;
    let reference = *run
        .userqa
        .references
        .last()
        .expect("validated: at least one");
    let mut places: BTreeMap<UserRef, usize> = BTreeMap::new();
    for &user in &bench.test {
        places.insert(plan.refs[user], user);
    }
    let test: Vec<UserRef> = bench.test.iter().map(|&user| plan.refs[user]).collect();
    for (kind, unseen) in [("seen families", false), ("unseen families", true)] {
        let wanted = |triple: &Triple| {
            triple.split == Split::Test
                && triple.reference == reference
                && triple.held_out == unseen
        };
        let store = &plan.ingested.store;
        let answers: Vec<Answer> =
            answers_of(store, &run.triples, &wanted, INSTRUCTIONS, bench.suite.seed)?;
        if answers.is_empty() {
            continue;
        }
        let input = RetrievalInput {
            reference,
            answers: &answers,
        };
        let options = ProveOptions {
            seed: bench.suite.seed,
            recall_at: vec![TOP],
            ..ProveOptions::default()
        };
        let progress = &mut |stage| watch.stage(crate::pipeline::proof::progress(stage));
        let found = search(&input, &bench.model, &test, &options, progress)?;
        let users: Vec<u32> = found
            .queries
            .iter()
            .map(|&query| places[&answers[query].user] as u32)
            .collect();
        let chance = vec![found.chance[0]; users.len()];
        for (of, values) in [("recall", found.hits[0].clone()), ("chance", chance)] {
            out.values.push(Valued {
                kind: kind.into(),
                of: of.into(),
                method: method::MATCHED.into(),
                values: FoldValues {
                    users: users.clone(),
                    values,
                },
            });
        }
    }
    Ok(())
}

/// Instructions that answers are searched with.
const INSTRUCTIONS: usize = 16;
