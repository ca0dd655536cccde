//! An index that compares every vector.

use instructue_gemm::{MatrixView, multiply};
use instructue_schema::{Matrix, MatrixError};
use rayon::prelude::*;

use crate::best::Best;
use crate::dots::dots;
use crate::hit::Hit;

/// Rows of one task where one question is asked.
const ROWS: usize = 8192;
/// Questions from which they are asked by products of matrices.
const MANY: usize = 4;
/// Questions and rows of one product: its scores stay in the cache, and it stays on one thread.
const QUESTIONS: usize = 64;
const ROWS_OF_PRODUCT: usize = 512;

/// What an index does not take.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Values that are no matrix, or no numbers.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// Vectors of another width than those of the index.
    #[error("vectors asked for: expected {expected} numbers each, found {found}")]
    Width {
        /// The width of the index.
        expected: usize,
        /// That of the questions.
        found: usize,
    },
}

/// Vectors in memory, compared one by one.
#[derive(Debug, Clone)]
pub struct ExactIndex {
    /// Of length 1, but for vectors of length 0.
    vectors: Matrix,
}

impl ExactIndex {
    /// An index of these vectors, `[rows, width]`. Lengths do not matter; a vector of length 0 has
    /// the cosine 0 with everything.
    ///
    /// # Errors
    /// Values that are no matrix, or not finite.
    pub fn new(vectors: Matrix) -> Result<Self, Error> {
        Ok(Self {
            vectors: normalised(vectors)?,
        })
    }

    /// The vectors, of length 1 but for those of length 0.
    pub fn vectors(&self) -> &Matrix {
        &self.vectors
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.vectors.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vectors of the greatest cosines with each question, `[questions, width]`: at most `top`,
    /// the best first, of equal ones the first row.
    ///
    /// # Errors
    /// Questions of another width, or not finite.
    pub fn search(&self, questions: &Matrix, top: usize) -> Result<Vec<Vec<Hit>>, Error> {
        if questions.columns != self.vectors.columns && questions.rows > 0 {
            return Err(Error::Width {
                expected: self.vectors.columns,
                found: questions.columns,
            });
        }
        let questions = normalised(questions.clone())?;
        if top == 0 || self.is_empty() || self.vectors.columns == 0 {
            return Ok(vec![Vec::new(); questions.rows]);
        }
        let top = top.min(self.len());
        let width = self.vectors.columns;
        if questions.rows < MANY {
            let rows = questions.values.chunks_exact(width);
            return Ok(rows.map(|question| self.one(question, top)).collect());
        }
        let groups = questions.values.chunks(QUESTIONS * width);
        Ok(groups.flat_map(|group| self.many(group, top)).collect())
    }

    /// One question, by inner products.
    fn one(&self, question: &[f32], top: usize) -> Vec<Hit> {
        let width = question.len();
        let none = || Best::new(top);
        let parts = self.vectors.values.par_chunks(ROWS * width).enumerate();
        let found = parts.fold(
            || (none(), Vec::new()),
            |(mut best, mut scores), (part, rows)| {
                scores.resize(rows.len() / width, 0.0);
                dots(question, rows, &mut scores);
                best.offer(part * ROWS, &scores);
                (best, scores)
            },
        );
        let found = found.map(|(best, _)| best);
        hits(found.reduce(none, Best::merge))
    }

    /// Several questions, by products of matrices.
    fn many(&self, questions: &[f32], top: usize) -> Vec<Vec<Hit>> {
        let width = self.vectors.columns;
        let count = questions.len() / width;
        let asked = MatrixView::new(questions, [count, width]);
        let none = || (0..count).map(|_| Best::new(top)).collect::<Vec<_>>();
        let parts = self
            .vectors
            .values
            .par_chunks(ROWS_OF_PRODUCT * width)
            .enumerate();
        let found = parts.fold(
            || (none(), Vec::new()),
            |(mut best, mut scores), (part, rows)| {
                let length = rows.len() / width;
                scores.resize(count * length, 0.0);
                let rows = MatrixView::new(rows, [length, width]).transposed();
                multiply(&mut scores, asked, rows);
                for (best, scores) in best.iter_mut().zip(scores.chunks_exact(length)) {
                    best.offer(part * ROWS_OF_PRODUCT, scores);
                }
                (best, scores)
            },
        );
        let merged = found.map(|(best, _)| best).reduce(none, |left, right| {
            let pairs = left.into_iter().zip(right);
            pairs.map(|(left, right)| left.merge(right)).collect()
        });
        merged.into_iter().map(hits).collect()
    }
}

/// What was found, the best first.
fn hits(best: Best<usize>) -> Vec<Hit> {
    let found = best.sorted().into_iter();
    found.map(|(score, row)| Hit { row, score }).collect()
}

/// Rows of length 1, as they were where their length is 0.
fn normalised(mut vectors: Matrix) -> Result<Matrix, Error> {
    vectors.check("vectors")?;
    let width = vectors.columns.max(1);
    vectors.values.par_chunks_exact_mut(width).for_each(|row| {
        // In double precision, in which no square of a single one overflows.
        let square: f64 = row.iter().map(|value| f64::from(*value).powi(2)).sum();
        if square > 0.0 {
            let factor = 1.0 / square.sqrt();
            row.iter_mut()
                .for_each(|value| *value = (f64::from(*value) * factor) as f32);
        }
    });
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(rows: usize, width: usize, seed: u32) -> Matrix {
        let number = |i: usize| {
            let mixed = (i as u32 ^ seed)
                .wrapping_mul(2_654_435_761)
                .rotate_left(13);
            (mixed % 2_001) as f32 / 1_000.0 - 1.0
        };
        Matrix::new(rows, width, (0..rows * width).map(number).collect()).unwrap()
    }

    /// Each question by comparing with everything and sorting.
    fn expected(index: &ExactIndex, questions: &Matrix, top: usize) -> Vec<Vec<Hit>> {
        let questions = normalised(questions.clone()).unwrap();
        let of_question = |question: usize| {
            let score = |row: usize| {
                let pairs = questions.row(question).iter().zip(index.vectors.row(row));
                pairs
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum::<f64>()
            };
            let mut hits: Vec<Hit> = (0..index.len())
                .map(|row| Hit {
                    row,
                    score: score(row) as f32,
                })
                .collect();
            hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
            hits.truncate(top);
            hits
        };
        (0..questions.rows).map(of_question).collect()
    }

    fn near(found: &[Vec<Hit>], expected: &[Vec<Hit>]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                // Rows of nearly equal scores may change places.
                assert!(
                    (found.score - expected.score).abs() < 1e-5,
                    "{found:?} {expected:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn the_nearest_are_found(
            rows in 0usize..700,
            width in 1usize..140,
            asked in 0usize..9,
            top in 0usize..20,
        ) {
            let index = ExactIndex::new(numbers(rows, width, 1)).unwrap();
            let questions = numbers(asked, width, 2);
            let found = index.search(&questions, top).unwrap();
            near(&found, &expected(&index, &questions, top));
            for hits in &found {
                prop_assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
            }
        }
    }

    #[test]
    fn many_parts_and_one_question_give_what_many_questions_do() {
        let index = ExactIndex::new(numbers(20_000, 96, 3)).unwrap();
        let questions = numbers(70, 96, 4);
        let together = index.search(&questions, 10).unwrap();
        near(&together, &expected(&index, &questions, 10));
        let first = Matrix::new(1, 96, questions.row(0).to_vec()).unwrap();
        near(&index.search(&first, 10).unwrap(), &together[..1]);
    }

    #[test]
    fn equal_scores_come_in_the_order_of_rows() {
        let index = ExactIndex::new(Matrix::new(20_000, 1, vec![1.0; 20_000]).unwrap()).unwrap();
        for asked in [1, 5] {
            let questions = Matrix::new(asked, 1, vec![2.0; asked]).unwrap();
            for hits in index.search(&questions, 3).unwrap() {
                assert_eq!(
                    hits.iter().map(|hit| hit.row).collect::<Vec<_>>(),
                    [0, 1, 2]
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let index = ExactIndex::new(numbers(3, 4, 1)).unwrap();
        let error = index.search(&numbers(1, 5, 1), 1).unwrap_err().to_string();
        assert_eq!(error, "vectors asked for: expected 4 numbers each, found 5");
        let broken = Matrix {
            rows: 1,
            columns: 2,
            values: vec![1.0, f32::NAN],
        };
        assert!(
            ExactIndex::new(broken)
                .unwrap_err()
                .to_string()
                .contains("column 1")
        );
        let zeros = ExactIndex::new(Matrix::new(2, 3, vec![0.0; 6]).unwrap()).unwrap();
        assert_eq!(zeros.search(&numbers(1, 3, 1), 2).unwrap()[0][0].score, 0.0);
        let large = ExactIndex::new(Matrix::new(1, 2, vec![1e30, 1e30]).unwrap()).unwrap();
        let hits = large
            .search(&Matrix::new(1, 2, vec![3e-30, 3e-30]).unwrap(), 1)
            .unwrap();
        assert!((hits[0][0].score - 1.0).abs() < 1e-6);
    }
}
