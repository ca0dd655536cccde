//! The order of the measurements of a fold.

use instructue_schema::UserRef;

use crate::embedder::distinct_instructions;
use crate::error::{Error, Result};
use crate::fold::awareness::awareness;
use crate::fold::embed::{Asked, Embedded, embed};
use crate::fold::group::Group;
use crate::fold::input::{FoldInput, Instructions};
use crate::fold::probes::{Counts, FoldVectors, Probes};
use crate::fold::result::FoldResult;
use crate::fold::retrieval::retrieval;
use crate::fold::search::searches;
use crate::study::Study;
use instructue_schema::Progress;

/// Measurements of the caller on a group's vectors; `E` is the caller's error.
pub type Further<'a, E> =
    dyn FnMut(&Measured<'_>, &mut FoldResult, &mut dyn FnMut(Progress)) -> Result<(), E> + 'a;

/// The vectors of a group of tasks, and the probes that were fitted on them.
pub struct Measured<'a> {
    /// The tasks.
    pub group: &'a Group,
    /// Vectors of the trained model.
    pub trained: &'a Embedded,
    /// Probes of the matched and the empty instruction.
    pub probes: &'a Probes,
}

/// Trains probes on a fold's training users and scores its test users; searches with
/// sentences, lists and answers.
///
/// Per reference time and model there is one call of
/// [`Embedder::embed_users`](crate::Embedder::embed_users) with all instructions. Penalties are
/// chosen on training users alone. `further` measures what the caller wants beside that,
/// group by group.
///
/// # Errors
/// Vectors and counts of other shapes than were asked for, errors of the models and the
/// closures, probes that cannot be fitted.
pub fn measure_fold<E: From<Error>>(
    study: &Study<'_>,
    input: &FoldInput<'_>,
    further: &mut Further<'_, E>,
    progress: &mut dyn FnMut(Progress),
) -> Result<FoldResult, E> {
    if input.users.len() != study.users.len() {
        let (expected, found) = (study.users.len(), input.users.len());
        return Err(Error::shape("users of a fold", expected, found).into());
    }
    let mut out = FoldResult::default();
    let groups = Group::all(study, input.number);
    let total = groups.iter().map(|group| group.parts.len()).sum();
    let mut done = 0;
    for group in &groups {
        let trained = embed_group(study, input, group, progress)?;
        let untrained = embed_untrained(study, input, group, progress)?;
        let counts = counts(study, input, group)?;
        let fold = FoldVectors {
            study,
            input,
            trained: &trained,
            untrained: untrained.as_ref(),
            counts: counts.as_ref(),
        };
        let mut fitted = Probes::new();
        for part in &group.parts {
            progress(Progress::of(done, total));
            fold.probe(part, &mut fitted, &mut out)?;
            if input.instructions == Instructions::All {
                searches(&fold, part, &mut out)?;
            }
            done += 1;
            progress(Progress::of(done, total));
        }
        let measured = Measured {
            group,
            trained: &trained,
            probes: &fitted,
        };
        further(&measured, &mut out, progress)?;
    }
    if input.instructions == Instructions::All {
        if study.options.awareness {
            awareness(study, input, &groups, &mut out, progress)?;
        }
        for answers in input.answers {
            retrieval(study, input, answers, &mut out, progress)?;
        }
    }
    Ok(out)
}

/// Vectors of every instruction that the tasks of a group need.
fn embed_group(
    study: &Study<'_>,
    input: &FoldInput<'_>,
    group: &Group,
    progress: &mut dyn FnMut(Progress),
) -> Result<Embedded> {
    let mut texts = vec![None];
    for part in &group.parts {
        texts.push(Some(study.instruction(part.task)));
        if input.instructions == Instructions::All {
            texts.push(Some(study.tasks.wrong_of(part.task)));
            let reworded = study.tasks.tasks[part.task].reworded.iter();
            texts.extend(reworded.map(|text| Some(text.as_str())));
        }
    }
    let asked = Asked {
        users: group.users(),
        reference: group.reference,
        instructions: distinct_instructions(texts),
    };
    embed(input.trained, "trained", input.users, asked, progress)
}

/// Vectors of the model before training, under the tasks' own instructions.
fn embed_untrained(
    study: &Study<'_>,
    input: &FoldInput<'_>,
    group: &Group,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Embedded>> {
    let asked = Asked {
        users: group.users(),
        reference: group.reference,
        instructions: group.matched(study),
    };
    let model = input.untrained;
    model
        .map(|model| embed(model, "untrained", input.users, asked, progress))
        .transpose()
}

/// The counts of a group's users, in the order of [`Group::users`].
fn counts(study: &Study<'_>, input: &FoldInput<'_>, group: &Group) -> Result<Option<Counts>> {
    let Some(counts) = input.counts else {
        return Ok(None);
    };
    let users = group.users();
    let refs: Vec<UserRef> = users.iter().map(|&user| study.users[user]).collect();
    let matrix = counts(&refs, group.reference).map_err(|source| Error::Caller {
        what: "counts",
        source,
    })?;
    matrix.check("counts")?;
    if matrix.rows != users.len() {
        return Err(Error::shape("counts: rows", users.len(), matrix.rows));
    }
    Ok(Some(Counts::new(&users, matrix)))
}
