//! Whether vectors follow the instruction.

use rayon::prelude::*;

use crate::error::{Error, Result};
use instructue_schema::Matrix;

/// What the variance of vectors of users under instructions comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VarianceShares {
    /// Explained by the user alone.
    pub user: f64,
    /// Explained by the instruction alone.
    pub instruction: f64,
    /// Explained only by both together: what makes users differ otherwise under
    /// another instruction.
    pub interaction: f64,
}

impl VarianceShares {
    /// The two-way decomposition of the sum of squares around the mean of all vectors.
    ///
    /// # Shapes
    /// One matrix of `[users, width]` per instruction; the shares sum to 1, or are 0
    /// where all vectors are equal.
    ///
    /// # Errors
    /// No instruction or no user, matrices of different shapes, values that are not finite.
    pub fn of(vectors: &[Matrix]) -> Result<Self> {
        let first = check(vectors)?;
        let (users, width) = (first.rows, first.columns);
        let (i, u) = (vectors.len() as f64, users as f64);
        let at = |instruction: usize, user: usize, column: usize| {
            f64::from(vectors[instruction].values[user * width + column])
        };
        let mut sums = [0.0; 3];
        for column in 0..width {
            let of_user: Vec<f64> = (0..users)
                .map(|user| (0..vectors.len()).map(|k| at(k, user, column)).sum::<f64>() / i)
                .collect();
            let of_instruction: Vec<f64> = (0..vectors.len())
                .map(|k| (0..users).map(|user| at(k, user, column)).sum::<f64>() / u)
                .collect();
            let mean = of_user.iter().sum::<f64>() / u;
            for (user, of_user) in of_user.iter().enumerate() {
                for (k, of_instruction) in of_instruction.iter().enumerate() {
                    let (a, b) = (of_user - mean, of_instruction - mean);
                    sums[0] += a * a;
                    sums[1] += b * b;
                    sums[2] += (at(k, user, column) - mean - a - b).powi(2);
                }
            }
        }
        let all: f64 = sums.iter().sum();
        let [user, instruction, interaction] =
            sums.map(|sum| if all > 0.0 { sum / all } else { 0.0 });
        Ok(Self {
            user,
            instruction,
            interaction,
        })
    }
}

fn check(vectors: &[Matrix]) -> Result<&Matrix> {
    let first = vectors.first().filter(|first| first.rows > 0);
    let first =
        first.ok_or_else(|| Error::shape("vectors", "an instruction and a user", "none"))?;
    for matrix in vectors {
        matrix.check("vectors")?;
        if (matrix.rows, matrix.columns) != (first.rows, first.columns) {
            let expected = format!("{} × {}", first.rows, first.columns);
            let found = format!("{} × {}", matrix.rows, matrix.columns);
            return Err(Error::shape("vectors of an instruction", expected, found));
        }
    }
    Ok(first)
}

/// How the labels of neighbours agree with a user's own, for one task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Neighbours {
    /// Rows of the users that have a label.
    pub users: Vec<usize>,
    /// Per user: the weighted share of the nearest users with the same label, under
    /// the task's own instruction. Weights make both classes count alike among
    /// neighbours and, in the mean, among users; 0.5 is chance.
    pub own: Vec<f64>,
    /// The same under the other tasks' instructions, on average.
    pub other: Vec<f64>,
}

/// The same user under two instructions: do the neighbours change to the right ones?
///
/// For each task, the `k` nearest users among those with a label, by cosine under
/// each instruction, and how many of them have the user's label. Users at the same
/// distance come in the order of their rows.
///
/// # Shapes
/// `vectors` and `labels` have one entry per task: `[users, width]` and `[users]`.
///
/// # Errors
/// As [`VarianceShares::of`]; labels of another length.
pub fn neighbour_test(
    vectors: &[Matrix],
    labels: &[Vec<Option<bool>>],
    k: usize,
) -> Result<Vec<Neighbours>> {
    let first = check(vectors)?;
    if labels.len() != vectors.len() {
        return Err(Error::shape("labels: tasks", vectors.len(), labels.len()));
    }
    if let Some(bad) = labels.iter().find(|labels| labels.len() != first.rows) {
        return Err(Error::shape("labels: users", first.rows, bad.len()));
    }
    let of_task = |task: usize| {
        let users: Vec<usize> = (0..first.rows)
            .filter(|&user| labels[task][user].is_some())
            .collect();
        let classes: Vec<bool> = users
            .iter()
            .map(|&user| labels[task][user] == Some(true))
            .collect();
        let share = classes.iter().filter(|&&class| class).count() as f64 / users.len() as f64;
        if users.len() < 2 || share == 0.0 || share == 1.0 {
            return Neighbours::default();
        }
        let agreement = |instruction: usize| agreement(&vectors[instruction], &users, &classes, k);
        let own = agreement(task);
        let others: Vec<Vec<f64>> = (0..vectors.len())
            .filter(|&other| other != task)
            .map(agreement)
            .collect();
        let mean = |row: usize| {
            others.iter().map(|list| list[row]).sum::<f64>() / others.len().max(1) as f64
        };
        let other = (0..users.len()).map(mean).collect();
        Neighbours { users, own, other }
    };
    Ok((0..vectors.len()).into_par_iter().map(of_task).collect())
}

/// Per user: the weight of neighbours with the same class over that of all neighbours.
fn agreement(vectors: &Matrix, users: &[usize], classes: &[bool], k: usize) -> Vec<f64> {
    let positives = classes.iter().filter(|&&class| class).count() as f64;
    let negatives = classes.len() as f64 - positives;
    // Neighbours of a class count by how rare it is.
    let weight = |class: bool| 1.0 / if class { positives } else { negatives };
    // Users of a class count by how rare it is, so that a plain mean over users is balanced.
    let of_user = |class: bool| classes.len() as f64 / 2.0 * weight(class);
    (0..users.len())
        .map(|row| {
            let mut others: Vec<(f64, usize)> = (0..users.len())
                .filter(|&other| other != row)
                .map(|other| (vectors.cosine(users[row], vectors, users[other]), other))
                .collect();
            others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let (mut same, mut all) = (0.0, 0.0);
            for &(_, other) in others.iter().take(k) {
                all += weight(classes[other]);
                if classes[other] == classes[row] {
                    same += weight(classes[other]);
                }
            }
            of_user(classes[row]) * same / all
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[[f32; 2]]) -> Matrix {
        Matrix::from_rows(rows).unwrap()
    }

    #[test]
    fn shares_by_hand() {
        let user = [
            matrix(&[[1.0, 0.0], [0.0, 1.0]]),
            matrix(&[[1.0, 0.0], [0.0, 1.0]]),
        ];
        let shares = VarianceShares::of(&user).unwrap();
        assert!((shares.user - 1.0).abs() < 1e-12, "{shares:?}");
        let instruction = [
            matrix(&[[1.0, 0.0], [1.0, 0.0]]),
            matrix(&[[0.0, 1.0], [0.0, 1.0]]),
        ];
        let shares = VarianceShares::of(&instruction).unwrap();
        assert!((shares.instruction - 1.0).abs() < 1e-12, "{shares:?}");
        let both = [
            matrix(&[[1.0, 0.0], [-1.0, 0.0]]),
            matrix(&[[-1.0, 0.0], [1.0, 0.0]]),
        ];
        let shares = VarianceShares::of(&both).unwrap();
        assert!((shares.interaction - 1.0).abs() < 1e-12, "{shares:?}");
        let mixed = [
            matrix(&[[1.0, 2.0], [3.0, -1.0]]),
            matrix(&[[0.5, 0.0], [2.0, 2.0]]),
        ];
        let shares = VarianceShares::of(&mixed).unwrap();
        assert!((shares.user + shares.instruction + shares.interaction - 1.0).abs() < 1e-12);
        let same = VarianceShares::of(&[matrix(&[[1.0, 0.0]])]).unwrap();
        assert_eq!(same, VarianceShares::default());
        assert!(VarianceShares::of(&[]).is_err());
        assert!(VarianceShares::of(&[matrix(&[[1.0, 0.0]]), matrix(&[])]).is_err());
    }

    /// Users in four groups; instruction A arranges them by the first label, B by the second.
    #[test]
    fn neighbours_that_follow_the_instruction_agree_more() {
        let users = 40;
        let label = |user: usize, task: usize| (user >> task).is_multiple_of(2);
        let vectors: Vec<Matrix> = (0..2)
            .map(|task| {
                let place = |user: usize| {
                    let angle = if label(user, task) { 0.0 } else { 1.5 };
                    let angle: f32 = angle + (user * 7 % 40) as f32 * 0.01;
                    [angle.cos(), angle.sin()]
                };
                Matrix::from_rows(&(0..users).map(place).collect::<Vec<_>>()).unwrap()
            })
            .collect();
        let labels: Vec<Vec<Option<bool>>> = (0..2)
            .map(|task| (0..users).map(|user| Some(label(user, task))).collect())
            .collect();
        for found in neighbour_test(&vectors, &labels, 5).unwrap() {
            let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
            assert!(
                (mean(&found.own) - 1.0).abs() < 1e-9,
                "{}",
                mean(&found.own)
            );
            assert!(
                (mean(&found.other) - 0.5).abs() < 0.15,
                "{}",
                mean(&found.other)
            );
        }
        let mut some = labels.clone();
        some[0] = vec![None; users];
        let found = neighbour_test(&vectors, &some, 5).unwrap();
        assert_eq!(found[0], Neighbours::default());
        assert!(neighbour_test(&vectors, &labels[..1], 5).is_err());
    }

    #[test]
    fn a_vector_that_says_nothing_is_at_chance() {
        // One in ten is positive; neighbours are random.
        let users = 300;
        let place = |user: usize| {
            let hash = instructue_schema::seed::derive(1, "place", &[user as u64]);
            let angle = (hash % 6_283) as f32 / 1_000.0;
            [angle.cos(), angle.sin()]
        };
        let vectors = Matrix::from_rows(&(0..users).map(place).collect::<Vec<_>>()).unwrap();
        let labels = vec![
            (0..users)
                .map(|user| Some(user % 10 == 0))
                .collect::<Vec<_>>(),
        ];
        let found = &neighbour_test(&[vectors], &labels, 10).unwrap()[0];
        let mean = found.own.iter().sum::<f64>() / users as f64;
        assert!((mean - 0.5).abs() < 0.1, "{mean}");
    }
}
