//! Sentences that find users, and lists of users that find more of their kind.

use instructue_schema::seed;

use crate::error::Result;
use crate::fold::embed::embed_texts;
use crate::fold::group::Part;
use crate::fold::probes::FoldVectors;
use crate::fold::result::{FoldResult, Scored};
use crate::methods::{Arm, TEXT, TEXT_CONTRAST, TEXT_INSTRUCTED};
use instructue_metrics::look_alike;

/// Sentences → users → users, at the task's own reference time.
pub(crate) fn searches(fold: &FoldVectors<'_>, part: &Part, out: &mut FoldResult) -> Result<()> {
    let task = &fold.study.tasks.tasks[part.task];
    let own = Some(task.instruction.as_str());
    for (arm, instruction) in [(Arm::Empty, None), (Arm::Matched, own)] {
        lists(fold, part, arm, instruction, out)?;
    }
    let (Some(positive), Some(negative)) = (&task.positive_text, &task.negative_text) else {
        return Ok(());
    };
    let sentences = [positive.clone(), negative.clone()];
    let columns = fold.trained.unit(own, &[])?.columns;
    let texts = embed_texts(fold.input.trained, "trained", &sentences, columns)?;
    let cosines = |instruction: Option<&str>, text: usize| -> Result<Vec<f64>> {
        let users = fold.trained.unit(instruction, &part.test.users)?;
        let rows = 0..users.rows;
        Ok(rows.map(|row| users.cosine(row, &texts, text)).collect())
    };
    let asked = cosines(own, 0)?;
    let contrast = minus(&asked, &cosines(own, 1)?);
    let scored =
        |method: &str, scores| Scored::new(method, part.task, positive, &part.test, scores);
    out.zero_shot
        .push(scored(Arm::Matched.id(), contrast.clone()));
    for (method, scores) in [
        (TEXT, cosines(None, 0)?),
        (TEXT_INSTRUCTED, asked),
        (TEXT_CONTRAST, contrast),
    ] {
        fold.rank(part, &scores)?;
        out.audience.push(scored(method, scores));
    }
    if let (Some(model), Some(vectors)) = (fold.input.untrained, fold.untrained) {
        let users = vectors.unit(own, &part.test.users)?;
        let texts = embed_texts(model, "untrained", &sentences, users.columns)?;
        let of = |text: usize| -> Vec<f64> {
            let rows = 0..users.rows;
            rows.map(|row| users.cosine(row, &texts, text)).collect()
        };
        let contrast = minus(&of(0), &of(1));
        fold.rank(part, &contrast)?;
        out.zero_shot.push(scored(Arm::Untrained.id(), contrast));
    }
    Ok(())
}

fn minus(left: &[f64], right: &[f64]) -> Vec<f64> {
    let pairs = left.iter().zip(right);
    pairs.map(|(left, right)| left - right).collect()
}

/// Drawn lists of known positives: test users by cosine with the mean of each list.
fn lists(
    fold: &FoldVectors<'_>,
    part: &Part,
    arm: Arm,
    instruction: Option<&str>,
    out: &mut FoldResult,
) -> Result<()> {
    let options = &fold.study.options;
    let known = part.train.users.iter().zip(&part.train.labels);
    let positives = known.filter(|(_, label)| **label);
    let positives: Vec<usize> = positives.map(|(user, _)| *user).collect();
    let candidates = fold.trained.unit(instruction, &part.test.users)?;
    let sizes = options.lookalike.seeds.iter();
    for &size in sizes.filter(|&&size| size <= positives.len()) {
        for draw in 0..options.lookalike.draws {
            let place = [fold.input.number, part.task, size, draw].map(|number| number as u64);
            let mut rng = seed::rng(options.seed, "lookalike seeds", &place);
            let mut list = positives.clone();
            seed::shuffle(&mut list, &mut rng);
            list.truncate(size);
            let scores = look_alike(&fold.trained.unit(instruction, &list)?, &candidates);
            let condition = size.to_string();
            let scored = Scored::new(arm.id(), part.task, &condition, &part.test, scores);
            out.lookalike.push(scored);
        }
    }
    Ok(())
}
