//! Whether vectors follow the instruction, and whether answers find their users.

use std::collections::BTreeMap;

use instructue_eval::{
    Answer, EvaluateOptions, Neighbours, RetrievalInput, UserRef, VarianceShares, neighbour_test,
    search,
};
use instructue_model::VectorKind;
use instructue_schema::DataText;
use instructue_userqa::{Split, Triple};

use crate::error::Result;
use crate::proof::{answers_of, progress};
use crate::run::Watch;
use crate::suite::bench::{Asked, Bench, Group};
use crate::suite::fold::{FoldResult, method, valued};
use crate::suite::probes::Probes;
use crate::suite::recommend::TOP;

/// Nearest users whose labels are compared.
const NEAREST: usize = 10;
/// Instructions that answers are searched with.
const INSTRUCTIONS: usize = 16;
/// Users whose gradients are taken.
const GRADIENT_USERS: usize = 64;

/// Test users under the instruction of every task, at the tasks' common reference time.
pub(crate) fn awareness(
    bench: &Bench<'_>,
    groups: &[Group],
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let plan = bench.plan;
    let reference = plan.tasks.reference;
    let Some(group) = groups.iter().find(|group| group.reference == reference) else {
        return Ok(());
    };
    // Whoever has a label at that time: users with a profile that says something.
    let users = group.test_users();
    let tasks: Vec<usize> = plan.measured().collect();
    if users.is_empty() || tasks.len() < 2 {
        return Ok(());
    }
    let own = |&task: &usize| Some(bench.instruction(task).to_owned());
    let asked = Asked {
        users,
        reference,
        instructions: tasks.iter().map(own).collect(),
    };
    let vectors = bench.embed(&asked, watch)?;
    let Asked {
        users,
        instructions,
        ..
    } = asked;
    let by_instruction: Vec<_> = instructions
        .iter()
        .map(|text| vectors.unit(text.as_deref(), &users))
        .collect();
    let shares = VarianceShares::of(&by_instruction)?;
    out.variance = Some([shares.user, shares.instruction, shares.interaction]);
    let of_users = |&task: &usize| {
        let labels = users.iter().map(|&user| plan.labels[task][user]);
        labels.collect()
    };
    let labels: Vec<Vec<Option<bool>>> = tasks.iter().map(of_users).collect();
    let found = neighbour_test(&by_instruction, &labels, NEAREST)?;
    for (&task, found) in tasks.iter().zip(found) {
        let Neighbours {
            users: rows,
            own,
            other,
            ..
        } = found;
        let rows: Vec<usize> = rows.iter().map(|&row| users[row]).collect();
        let name = &plan.tasks.tasks[task].name;
        for (of, values) in [("own", own), ("other", other)] {
            out.values
                .push(valued("neighbours", name, of, &rows, values));
        }
    }
    Ok(())
}

/// Which sources the probes' answers rest on: the gradient of the matched probe's
/// log-odds, through the state, over some test users.
pub(crate) fn gradients(
    bench: &Bench<'_>,
    group: &Group,
    probes: &Probes,
    out: &mut FoldResult,
) -> Result<()> {
    let model = &bench.run.model;
    for part in &group.parts {
        let probe = &probes[&(part.task, method::MATCHED)];
        // Numbers stand before the state.
        let before = probe.weights.len() - model.width_of(VectorKind::State);
        let weights = probe.weights[before..].iter().zip(&probe.scale[before..]);
        let direction: Vec<f32> = weights.map(|(w, scale)| (w / scale) as f32).collect();
        let users = &part.test.0[..part.test.0.len().min(GRADIENT_USERS)];
        let profiles = bench.profiles(users, part.reference)?;
        let instruction = DataText::new(bench.instruction(part.task));
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

/// Test users' own answers to instructions of trained families, and of families
/// that were kept from training.
pub(crate) fn retrieval(
    bench: &Bench<'_>,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let (plan, run) = (bench.plan, bench.run);
    let reference = *run
        .userqa
        .references
        .last()
        .expect("validated: at least one");
    let places: BTreeMap<UserRef, usize> = bench
        .test
        .iter()
        .map(|&user| (plan.refs[user], user))
        .collect();
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
        let options = EvaluateOptions {
            seed: bench.suite.seed,
            recall_at: vec![TOP],
            ..EvaluateOptions::default()
        };
        let shown = &mut |stage| watch.stage(progress(stage));
        let found = search(&input, &bench.model, &test, &options, shown)?;
        let (Some(hits), Some(&chance)) = (found.hits.into_iter().next(), found.chance.first())
        else {
            continue;
        };
        let queries = found.queries.iter();
        let users: Vec<usize> = queries.map(|&query| places[&answers[query].user]).collect();
        let chance = vec![chance; users.len()];
        for (of, values) in [("recall", hits), ("chance", chance)] {
            out.values
                .push(valued(kind, of, method::MATCHED, &users, values));
        }
    }
    Ok(())
}
