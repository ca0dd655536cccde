//! What vectors are used for beside probes: sentences that find users, lists that
//! find more of their kind, next items, and questions tuned on few labels.

use instructue_data::{Profile, SourceProfile, seed};
use instructue_eval::suite::{Example, ExampleUser, FoldValues};
use instructue_eval::{
    Candidates, Embedder, Error as EvalError, Matrix, RidgeRanker, UserRef, look_alike,
};
use instructue_trainer::{TuneConfig, TuneData, tune};
use instructue_userqa::Split;

use crate::pipeline::error::Result;
use crate::pipeline::run::Watch;
use crate::pipeline::suite::declare::Suite;
use crate::pipeline::suite::fold::{Bench, Embedded, FoldResult, Scored, Valued, method, scored};
use crate::pipeline::suite::plan::{NextItems, Plan};

/// Users shown per sentence, and events per user.
const EXAMPLES: (usize, usize) = (5, 8);
/// Penalties of the map from vectors to items, chosen on validation users.
const RIDGE: [f64; 5] = [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
/// First places that count in rankings.
pub(crate) const TOP: usize = 10;

/// Sentences → users → users, at each task's own reference time.
pub(crate) fn searches(
    bench: &Bench<'_>,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let plan = bench.plan;
    for part in bench.parts() {
        let task = &plan.tasks.tasks[part.task];
        let own = Some(task.instruction.as_str());
        let known: Vec<usize> = part.train.0.iter().chain(&part.test.0).copied().collect();
        let instructions = vec![None, own.map(str::to_owned)];
        let vectors = bench.embed_clean(&known, part.reference, instructions, watch)?;
        for (name, instruction) in [(method::EMPTY, None), (method::MATCHED, own)] {
            let lists = look_alike_scores(bench, &part, &vectors, name, instruction);
            out.lookalike.extend(lists);
        }
        let (Some(positive), Some(negative)) = (&task.positive_text, &task.negative_text) else {
            continue;
        };
        let texts = bench
            .model
            .embed_texts(&[positive.clone(), negative.clone()]);
        let texts = texts.map_err(|source| EvalError::Model {
            model: "trained",
            source,
        })?;
        let general = vectors.unit(None, &part.test.0);
        let asked = vectors.unit(own, &part.test.0);
        let cosines = |vectors: &Matrix, text: usize| -> Vec<f64> {
            let rows = 0..vectors.rows;
            rows.map(|row| vectors.cosine(row, &texts, text)).collect()
        };
        let to_asked = cosines(&asked, 0);
        let contrast = to_asked.iter().zip(cosines(&asked, 1));
        let contrast: Vec<f64> = contrast.map(|(yes, no)| yes - no).collect();
        out.examples
            .push(example(bench, &part, positive, &contrast)?);
        for (name, scores) in [
            (method::TEXT, cosines(&general, 0)),
            (method::TEXT_INSTRUCTED, to_asked),
            (method::TEXT_CONTRAST, contrast),
        ] {
            let found = scored(name, part.task, positive, &part.test, scores);
            out.audience.push(found);
        }
    }
    Ok(())
}

fn look_alike_scores(
    bench: &Bench<'_>,
    part: &super::fold::Part,
    vectors: &Embedded,
    name: &str,
    instruction: Option<&str>,
) -> Vec<Scored> {
    let settings = &bench.suite.lookalike;
    let labels = part.train.0.iter().zip(&part.train.1);
    let positives: Vec<usize> = labels
        .filter(|(_, label)| **label)
        .map(|(user, _)| *user)
        .collect();
    let candidates = vectors.unit(instruction, &part.test.0);
    let mut out = Vec::new();
    for &size in settings
        .seeds
        .iter()
        .filter(|&&size| size <= positives.len())
    {
        for draw in 0..settings.draws {
            let place = [
                bench.fold as u64,
                part.task as u64,
                size as u64,
                draw as u64,
            ];
            let mut rng = seed::rng(bench.suite.seed, "lookalike seeds", &place);
            let mut list = positives.clone();
            seed::shuffle(&mut list, &mut rng);
            list.truncate(size);
            let scores = look_alike(&vectors.unit(instruction, &list), &candidates);
            out.push(scored(
                name,
                part.task,
                &size.to_string(),
                &part.test,
                scores,
            ));
        }
    }
    out
}

/// The users that a sentence finds first.
fn example(
    bench: &Bench<'_>,
    part: &super::fold::Part,
    sentence: &str,
    scores: &[f64],
) -> Result<Example> {
    let plan = bench.plan;
    let (users, labels) = &part.test;
    let mut order: Vec<usize> = (0..users.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let positives = labels.iter().filter(|&&label| label).count();
    let mut found = Vec::new();
    for &row in order.iter().take(EXAMPLES.0) {
        let profile = profile(bench, users[row], part.reference)?;
        found.push(ExampleUser {
            user: plan.users[users[row]].as_str().to_owned(),
            score: scores[row],
            positive: labels[row],
            events: texts_of(&profile),
        });
    }
    Ok(Example {
        task: plan.tasks.tasks[part.task].name.clone(),
        sentence: sentence.into(),
        base_rate: positives as f64 / labels.len().max(1) as f64,
        users: found,
    })
}

fn profile(
    bench: &Bench<'_>,
    user: usize,
    reference: instructue_schema::Timestamp,
) -> Result<Profile> {
    let UserRef { shard, index } = bench.plan.refs[user];
    let shard = bench.histories.store.shard(shard)?;
    let builder = bench.inner.preparation().profiles();
    Ok(builder.build(&shard.history(index), reference))
}

/// The newest texts of a profile.
fn texts_of(profile: &Profile) -> Vec<String> {
    let events = profile.sources.iter().filter_map(|source| match source {
        SourceProfile::Events(events) => Some(events.iter().rev()),
        _ => None,
    });
    let texts = events.flatten().map(|event| event.text.as_str().to_owned());
    texts.take(EXAMPLES.1).collect()
}

/// Next items: by cosine with each item's text, and by a linear map from vectors.
pub(crate) fn recommend(
    bench: &Bench<'_>,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let plan = bench.plan;
    for (number, one) in plan.recommendations.iter().enumerate() {
        let known = |users: &[usize]| -> Vec<usize> {
            let users = users.iter().copied();
            users.filter(|&user| !one.next[user].is_empty()).collect()
        };
        let (train, test) = (known(&bench.train), known(&bench.test));
        let all: Vec<usize> = train.iter().chain(&test).copied().collect();
        let instruction = one.declared.instruction.as_str();
        let asked = vec![Some(instruction.to_owned())];
        let reference = plan.tasks.reference;
        let vectors = bench.embed_clean(&all, reference, asked, watch)?;
        let items = bench.model.embed_texts(&one.texts());
        let items = items.map_err(|source| EvalError::Model {
            model: "trained",
            source,
        })?;
        let users = vectors.unit(Some(instruction), &test);
        let by_text = |row: usize| -> Vec<f32> {
            let items_rows = 0..items.rows;
            items_rows
                .map(|item| users.cosine(row, &items, item) as f32)
                .collect()
        };
        let scores: Vec<Vec<f32>> = (0..test.len()).map(by_text).collect();
        out.values.extend(ranking_values(
            bench.suite,
            bench.plan,
            number,
            "text",
            &test,
            &scores,
        ));
        let scores = mapped(bench, one, &vectors, instruction, &train, &test)?;
        out.values.extend(ranking_values(
            bench.suite,
            bench.plan,
            number,
            "matched",
            &test,
            &scores,
        ));
    }
    Ok(())
}

/// Scores of all items by a ridge regression from vectors to what came next.
fn mapped(
    bench: &Bench<'_>,
    one: &NextItems,
    vectors: &Embedded,
    instruction: &str,
    train: &[usize],
    test: &[usize],
) -> Result<Vec<Vec<f32>>> {
    let splits = &bench.plan.splits[bench.fold];
    let of = |split: Split| -> Vec<usize> {
        let users = train.iter().copied();
        users.filter(|&user| splits[user] == split).collect()
    };
    let (learn, check) = (of(Split::Train), of(Split::Validation));
    let fit = |users: &[usize], penalty: f64| -> Result<RidgeRanker> {
        let (x, _) = vectors.readable(Some(instruction), users)?;
        let targets: Vec<&[usize]> = users
            .iter()
            .map(|&user| one.next[user].as_slice())
            .collect();
        Ok(RidgeRanker::fit(&x, &targets, one.items.len(), penalty)?)
    };
    let mut best = (f64::NEG_INFINITY, RIDGE[0]);
    for penalty in RIDGE {
        let (x, _) = vectors.readable(Some(instruction), &check)?;
        let scores = fit(&learn, penalty)?.scores(&x)?;
        let quality = check
            .iter()
            .enumerate()
            .map(|(row, &user)| candidates(one, user, scores.row(row)).ndcg_at_k(TOP));
        let quality = quality.sum::<f64>();
        if quality > best.0 {
            best = (quality, penalty);
        }
    }
    let (x, _) = vectors.readable(Some(instruction), test)?;
    let scores = fit(train, best.1)?.scores(&x)?;
    Ok((0..test.len())
        .map(|row| scores.row(row).to_vec())
        .collect())
}

fn candidates(one: &NextItems, user: usize, scores: &[f32]) -> Candidates {
    let excluded: &[usize] = match one.declared.exclude_seen {
        true => &one.seen[user],
        false => &[],
    };
    Candidates::new(scores, &one.next[user], excluded)
}

/// HR and NDCG of each test user, among all and among sampled candidates.
pub(crate) fn ranking_values(
    suite: &Suite,
    plan: &Plan,
    number: usize,
    method: &str,
    test: &[usize],
    scores: &[Vec<f32>],
) -> Vec<Valued> {
    let one = &plan.recommendations[number];
    let mut values: [Vec<f64>; 4] = Default::default();
    for (&user, scores) in test.iter().zip(scores) {
        let all = candidates(one, user, scores);
        // The negatives depend on the user alone: every method has the same.
        let seed = seed::derive(
            suite.seed,
            "sampled negatives",
            &[number as u64, user as u64],
        );
        let some = all.sampled(one.declared.negatives, seed);
        values[0].push(all.hit_rate_at_k(TOP));
        values[1].push(all.ndcg_at_k(TOP));
        values[2].push(some.hit_rate_at_k(TOP));
        values[3].push(some.ndcg_at_k(TOP));
    }
    let kinds = ["hit_full", "ndcg_full", "hit_sampled", "ndcg_sampled"];
    kinds
        .into_iter()
        .zip(values)
        .map(|(kind, values)| Valued {
            kind: kind.into(),
            of: one.declared.name.clone(),
            method: method.into(),
            values: FoldValues {
                users: test.iter().map(|&user| user as u32).collect(),
                values,
            },
        })
        .collect()
}

/// Questions tuned on few labels, beside a probe on the frozen vector with the same labels.
pub(crate) fn few_shot(
    bench: &Bench<'_>,
    out: &mut FoldResult,
    watch: &mut dyn Watch,
) -> Result<()> {
    let settings = &bench.suite.few_shot;
    for part in bench.parts() {
        let instruction = bench.instruction(part.task);
        for &size in &settings.labels {
            let Some(users) = bench
                .plan
                .few_shot(bench.suite, part.task, bench.fold, size)
            else {
                continue;
            };
            let labels: Vec<bool> = users
                .iter()
                .map(|&user| bench.plan.labels[part.task][user] == Some(true))
                .collect();
            let condition = size.to_string();
            let all: Vec<usize> = users.iter().chain(&part.test.0).copied().collect();
            let asked = vec![Some(instruction.to_owned())];
            let vectors = bench.embed_clean(&all, part.reference, asked, watch)?;
            let (x, second) = vectors.readable(Some(instruction), &users)?;
            let fit = bench
                .cross_validation(part.task)
                .fit_blocks(&x, &labels, second)?;
            let (x, _) = vectors.readable(Some(instruction), &part.test.0)?;
            let scores = fit.scores(&x)?;
            let probe = scored("probe", part.task, &condition, &part.test, scores);
            out.few_shot.push(probe);
            let profiles = users
                .iter()
                .map(|&user| profile(bench, user, part.reference));
            let data = TuneData {
                instruction: instruction.into(),
                classes: vec!["no".into(), "yes".into()],
                profiles: profiles.collect::<Result<_>>()?,
                labels: labels.iter().map(|&label| usize::from(label)).collect(),
            };
            let config = TuneConfig {
                seed: bench.suite.seed,
                tokens: settings.tokens,
                steps: settings.steps,
                ..TuneConfig::default()
            };
            let tuned = tune(bench.inner, &data, &config, &mut |_| {})?.tuned;
            let refs: Vec<UserRef> = part
                .test
                .0
                .iter()
                .map(|&user| bench.plan.refs[user])
                .collect();
            let tested = bench
                .model
                .embed_tuned(&refs, part.reference, &tuned, &mut |_, _| {})
                .map_err(|source| EvalError::Model {
                    model: "tuned",
                    source,
                })?;
            let probabilities = tuned.scores(&instructue_model::Vectors {
                width: tested.unit.columns,
                values: tested.unit.values,
            });
            let scores: Vec<f64> = probabilities
                .chunks_exact(2)
                .map(|both| f64::from(both[1]))
                .collect();
            let tuned = scored("tuned", part.task, &condition, &part.test, scores);
            out.few_shot.push(tuned);
        }
    }
    Ok(())
}
