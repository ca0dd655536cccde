//! Sentences that find users, and lists of users that find more of their kind.

use std::collections::HashSet;

use instructue_eval::look_alike;
use instructue_eval::suite::{Example, ExampleUser};
use instructue_features::{Profile, SourceProfile};
use instructue_schema::DataText;
use instructue_schema::{UserCounts, seed, user_key};

use crate::error::Result;
use crate::suite::bench::{Bench, Embedded, Group, Part};
use crate::suite::fold::{FoldResult, Scored, method, scored};

/// Users shown per sentence, and events per user.
const EXAMPLES: (usize, usize) = (5, 8);
/// Profiles that are held while texts are counted.
const AT_A_TIME: usize = 1_024;

/// Sentences → users → users, at each task's own reference time.
pub(crate) fn searches(
    bench: &Bench<'_>,
    group: &Group,
    vectors: &Embedded,
    out: &mut FoldResult,
) -> Result<()> {
    let common = common_texts(bench, group)?;
    for part in &group.parts {
        let task = &bench.plan.tasks.tasks[part.task];
        let own = Some(task.instruction.as_str());
        for (name, instruction) in [(method::EMPTY, None), (method::MATCHED, own)] {
            let lists = look_alike_scores(bench, part, vectors, name, instruction);
            out.lookalike.extend(lists);
        }
        let (Some(positive), Some(negative)) = (&task.positive_text, &task.negative_text) else {
            continue;
        };
        let texts = bench.embed_texts(&[positive.clone(), negative.clone()])?;
        let cosines = |instruction: Option<&str>, text: usize| -> Vec<f64> {
            let users = vectors.unit(instruction, &part.test.0);
            let rows = 0..users.rows;
            rows.map(|row| users.cosine(row, &texts, text)).collect()
        };
        let asked = cosines(own, 0);
        let contrast = asked.iter().zip(cosines(own, 1));
        let contrast: Vec<f64> = contrast.map(|(yes, no)| yes - no).collect();
        out.examples
            .push(example(bench, part, positive, &contrast, &common)?);
        for (name, scores) in [
            (method::TEXT, cosines(None, 0)),
            (method::TEXT_INSTRUCTED, asked),
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
    part: &Part,
    vectors: &Embedded,
    name: &str,
    instruction: Option<&str>,
) -> Vec<Scored> {
    let settings = &bench.suite.lookalike;
    let (users, labels) = &part.train;
    let known = users.iter().zip(labels).filter(|(_, label)| **label);
    let positives: Vec<usize> = known.map(|(user, _)| *user).collect();
    let candidates = vectors.unit(instruction, &part.test.0);
    let sizes = settings.seeds.iter();
    let mut out = Vec::new();
    for &size in sizes.filter(|&&size| size <= positives.len()) {
        for draw in 0..settings.draws {
            let place = [bench.fold, part.task, size, draw].map(|number| number as u64);
            let mut rng = seed::rng(bench.suite.seed, "lookalike seeds", &place);
            let mut list = positives.clone();
            seed::shuffle(&mut list, &mut rng);
            list.truncate(size);
            let scores = look_alike(&vectors.unit(instruction, &list), &candidates);
            let condition = size.to_string();
            out.push(scored(name, part.task, &condition, &part.test, scores));
        }
    }
    out
}

/// The event texts that enough of the tested users have for a report to show them.
fn common_texts(bench: &Bench<'_>, group: &Group) -> Result<HashSet<DataText>> {
    let tasks = &bench.plan.tasks.tasks;
    let mut searched = group.parts.iter();
    if !searched.any(|part| tasks[part.task].positive_text.is_some()) {
        return Ok(HashSet::new());
    }
    let mut counts = UserCounts::<DataText>::new(bench.run.userqa.min_users);
    for users in group.test_users().chunks(AT_A_TIME) {
        for profile in bench.profiles(users, group.reference)? {
            let user = user_key(&profile.user);
            texts_of(&profile).for_each(|text| counts.add(user, text));
        }
    }
    Ok(counts.common().into_keys().collect())
}

/// The users that a sentence finds first, without their ids and with events alone that
/// others have, too: a report goes further than the data.
fn example(
    bench: &Bench<'_>,
    part: &Part,
    sentence: &str,
    scores: &[f64],
    common: &HashSet<DataText>,
) -> Result<Example> {
    let plan = bench.plan;
    let (users, labels) = &part.test;
    let mut order: Vec<usize> = (0..users.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let positives = labels.iter().filter(|&&label| label).count();
    order.truncate(EXAMPLES.0);
    let shown: Vec<usize> = order.iter().map(|&row| users[row]).collect();
    let profiles = bench.profiles(&shown, part.reference)?;
    let mut found = Vec::new();
    for ((row, profile), place) in order.into_iter().zip(profiles).zip(1..) {
        let texts = texts_of(&profile).filter(|text| common.contains(text));
        let texts = texts.map(|text| text.as_str().to_owned());
        found.push(ExampleUser {
            user: format!("{place}"),
            score: scores[row],
            positive: labels[row],
            events: texts.take(EXAMPLES.1).collect(),
        });
    }
    Ok(Example {
        task: plan.tasks.tasks[part.task].name.clone(),
        sentence: sentence.into(),
        base_rate: positives as f64 / labels.len().max(1) as f64,
        users: found,
    })
}

/// The texts of a profile, the newest first.
fn texts_of(profile: &Profile) -> impl Iterator<Item = &DataText> {
    let events = profile.sources.iter().filter_map(|source| match source {
        SourceProfile::Events(events) => Some(events.iter().rev()),
        _ => None,
    });
    events.flatten().map(|event| &event.text)
}
