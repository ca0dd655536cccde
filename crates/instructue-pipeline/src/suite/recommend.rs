//! Next items, ranked.

use instructue_eval::methods::TEXT;
use instructue_eval::{Arm, Asked, Embedded, FoldResult, RankedItems, Valued};
use instructue_metrics::{Candidates, RidgeRanker};
use instructue_schema::{Progress, seed};
use instructue_userqa::Split;

use crate::error::Result;
use crate::suite::bench::Bench;
use crate::suite::declare::Suite;
use crate::suite::next_items::NextItems;

/// Penalties of the map from vectors to items, chosen on validation users.
const RIDGE: [f64; 5] = [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
/// First places that count in rankings.
const TOP: usize = 10;

/// Next items: by cosine with each item's text, and by a linear map from vectors.
pub(crate) fn recommend(
    bench: &Bench<'_>,
    out: &mut FoldResult,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let plan = bench.plan;
    let fold = &bench.study.folds[bench.fold];
    for (number, one) in plan.recommendations.iter().enumerate() {
        let (train, test) = (one.known(&fold.train), one.known(&fold.test));
        let instruction = one.declared.instruction.as_str();
        let asked = Asked {
            users: train.iter().chain(&test).copied().collect(),
            reference: plan.tasks.reference,
            instructions: vec![Some(instruction.to_owned())],
        };
        let vectors = bench.embed(asked, progress)?;
        let items = bench.embed_texts(&one.texts())?;
        let users = vectors.unit(Some(instruction), &test)?;
        let by_text = |row: usize| -> Vec<f32> {
            let all = 0..items.rows;
            all.map(|item| users.cosine(row, &items, item) as f32)
                .collect()
        };
        let by_text: Vec<Vec<f32>> = (0..test.len()).map(by_text).collect();
        let by_map = mapped(bench, one, &vectors, &train, &test)?;
        for (name, scores) in [(TEXT, by_text), (Arm::Matched.id(), by_map)] {
            let found = ranking_values(bench.suite, (number, one), name, &test, &scores);
            out.values.extend(found);
        }
        out.ranked.push(RankedItems {
            name: one.declared.name.clone(),
            instruction: one.declared.instruction.clone(),
            candidates: one.items.len(),
            negatives: one.declared.negatives,
        });
    }
    Ok(())
}

/// Scores of all items by a ridge regression from vectors to what came next.
fn mapped(
    bench: &Bench<'_>,
    one: &NextItems,
    vectors: &Embedded,
    train: &[usize],
    test: &[usize],
) -> Result<Vec<Vec<f32>>> {
    let splits = &bench.plan.splits[bench.fold];
    let of = |split: Split| -> Vec<usize> {
        let users = train.iter().copied();
        users.filter(|&user| splits[user] == split).collect()
    };
    let (learn, check) = (of(Split::Train), of(Split::Validation));
    let instruction = Some(one.declared.instruction.as_str());
    let x = |users: &[usize]| vectors.readable(instruction, users);
    let fit = |users: &[usize], penalty: f64| -> Result<RidgeRanker> {
        let targets = users.iter().map(|&user| one.next[user].as_slice());
        let targets: Vec<&[usize]> = targets.collect();
        let (count, x) = (one.items.len(), x(users)?.0);
        Ok(RidgeRanker::fit(&x, &targets, count, penalty)?)
    };
    let checked = x(&check)?.0;
    let mut best = (f64::NEG_INFINITY, RIDGE[0]);
    for penalty in RIDGE {
        let scores = fit(&learn, penalty)?.scores(&checked)?;
        let each = check.iter().enumerate();
        let each = each.map(|(row, &user)| candidates(one, user, scores.row(row)).ndcg_at_k(TOP));
        let quality = each.sum::<f64>();
        if quality > best.0 {
            best = (quality, penalty);
        }
    }
    let scores = fit(train, best.1)?.scores(&x(test)?.0)?;
    let rows = 0..test.len();
    Ok(rows.map(|row| scores.row(row).to_vec()).collect())
}

fn candidates(one: &NextItems, user: usize, scores: &[f32]) -> Candidates {
    let excluded: &[usize] = match one.declared.exclude_seen {
        true => &one.seen[user],
        false => &[],
    };
    Candidates::new(scores, &one.next[user], excluded)
}

/// HR and NDCG of each test user, among all and among sampled candidates, of the
/// recommendation of that number.
pub(crate) fn ranking_values(
    suite: &Suite,
    (number, one): (usize, &NextItems),
    method: &str,
    test: &[usize],
    scores: &[Vec<f32>],
) -> Vec<Valued> {
    let mut values: [Vec<f64>; 4] = Default::default();
    for (&user, scores) in test.iter().zip(scores) {
        let all = candidates(one, user, scores);
        // The negatives depend on the user alone: every method has the same.
        let place = [number as u64, user as u64];
        let seed = seed::derive(suite.seed, "sampled negatives", &place);
        let some = all.sampled(one.declared.negatives, seed);
        values[0].push(all.hit_rate_at_k(TOP));
        values[1].push(all.ndcg_at_k(TOP));
        values[2].push(some.hit_rate_at_k(TOP));
        values[3].push(some.ndcg_at_k(TOP));
    }
    let kinds = ["hit_full", "ndcg_full", "hit_sampled", "ndcg_sampled"];
    let named = kinds.into_iter().zip(values);
    named
        .map(|(kind, values)| Valued::new(kind, &one.declared.name, method, test, values))
        .collect()
}
