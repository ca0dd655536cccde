//! Whether vectors follow the instruction: variance, and the labels of neighbours.

use crate::error::Result;
use crate::fold::embed::{Asked, embed};
use crate::fold::group::Group;
use crate::fold::input::FoldInput;
use crate::fold::result::{FoldResult, Valued};
use crate::study::Study;
use instructue_metrics::{Neighbours, VarianceShares, neighbour_test};
use instructue_schema::Progress;

/// Nearest users whose labels are compared.
const NEAREST: usize = 10;
/// The kind of the values that are kept.
pub(crate) const NEIGHBOURS: &str = "neighbours";

/// Test users under the instruction of every task, at the tasks' common reference time.
pub(crate) fn awareness(
    study: &Study<'_>,
    input: &FoldInput<'_>,
    groups: &[Group],
    out: &mut FoldResult,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let reference = study.tasks.reference;
    let Some(group) = groups.iter().find(|group| group.reference == reference) else {
        return Ok(());
    };
    // Whoever has a label at that time: users with a profile that says something.
    let users = group.test_users();
    let tasks: Vec<usize> = study.measured().collect();
    if users.is_empty() || tasks.len() < 2 {
        return Ok(());
    }
    let own = |&task: &usize| Some(study.instruction(task).to_owned());
    let instructions: Vec<Option<String>> = tasks.iter().map(own).collect();
    let asked = Asked {
        users: users.clone(),
        reference,
        instructions: instructions.clone(),
    };
    let vectors = embed(input.trained, "trained", input.users, asked, progress)?;
    let by_instruction = instructions
        .iter()
        .map(|text| vectors.unit(text.as_deref(), &users))
        .collect::<Result<Vec<_>>>()?;
    let shares = VarianceShares::of(&by_instruction)?;
    out.variance = Some([shares.user, shares.instruction, shares.interaction]);
    let of_users = |&task: &usize| {
        let labels = users.iter().map(|&user| study.labels[task][user]);
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
        let name = &study.tasks.tasks[task].name;
        for (of, values) in [("own", own), ("other", other)] {
            out.values
                .push(Valued::new(NEIGHBOURS, name, of, &rows, values));
        }
    }
    Ok(())
}
