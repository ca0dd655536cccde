//! What a sentence finds first, to judge by eye.

use std::collections::HashSet;

use instructue_eval::methods::TEXT_CONTRAST;
use instructue_eval::{Example, ExampleUser, FoldResult, Group, Measured, Part, Scored};
use instructue_features::{Profile, SourceProfile};
use instructue_schema::{DataText, Timestamp, UserCounts, user_key};

use crate::error::Result;
use crate::suite::bench::Bench;

/// Users shown per sentence, and events per user.
const EXAMPLES: (usize, usize) = (5, 8);
/// Profiles that are held while texts are counted.
const AT_A_TIME: usize = 1_024;

/// The examples of a group's tasks, by the scores that the fold's searches left.
pub(crate) fn examples(
    bench: &Bench<'_>,
    measured: &Measured<'_>,
    out: &mut FoldResult,
) -> Result<()> {
    let group = measured.group;
    let common = common_texts(bench, group)?;
    for part in &group.parts {
        let mut found = out.audience.iter();
        let found = found.find(|one| one.task == part.task && one.method == TEXT_CONTRAST);
        if let Some(scored) = found {
            let example = example(bench, part, group.reference, scored, &common)?;
            out.examples.push(example);
        }
    }
    Ok(())
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
    reference: Timestamp,
    scored: &Scored,
    common: &HashSet<DataText>,
) -> Result<Example> {
    let plan = bench.plan;
    let (users, labels) = (&part.test.users, &part.test.labels);
    let scores = &scored.scores.scores;
    let mut order: Vec<usize> = (0..users.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let positives = labels.iter().filter(|&&label| label).count();
    order.truncate(EXAMPLES.0);
    let shown: Vec<usize> = order.iter().map(|&row| users[row]).collect();
    let profiles = bench.profiles(&shown, reference)?;
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
        sentence: scored.condition.clone(),
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
    let events = events.flatten().filter(|event| event.vector.is_none());
    events.map(|event| &event.text)
}
