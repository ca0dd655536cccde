//! The little dense linear algebra that probes and maps need, in `f64`.

/// Row-major `rows × columns`.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Dense {
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// `self · v`.
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|row| dot(self.row(row), v)).collect()
    }

    /// `selfᵀ · v`.
    pub fn transposed_times(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.columns];
        for (row, &factor) in v.iter().enumerate() {
            axpy(factor, self.row(row), &mut out);
        }
        out
    }

    /// The lower triangle of `selfᵀ · self`, `columns × columns`.
    pub fn gram(&self) -> Vec<f64> {
        let d = self.columns;
        let mut out = vec![0.0; d * d];
        for row in 0..self.rows {
            let x = self.row(row);
            for (i, &factor) in x.iter().enumerate() {
                axpy(factor, &x[..=i], &mut out[i * d..i * d + i + 1]);
            }
        }
        out
    }

    /// The lower triangle of `self · selfᵀ`, `rows × rows`.
    pub fn kernel(&self) -> Vec<f64> {
        let n = self.rows;
        let mut out = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                out[i * n + j] = dot(self.row(i), self.row(j));
            }
        }
        out
    }
}

/// Four running sums, so that additions do not wait for one another.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4
        .remainder()
        .iter()
        .zip(b4.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a4.zip(b4) {
        sums[0] += x[0] * y[0];
        sums[1] += x[1] * y[1];
        sums[2] += x[2] * y[2];
        sums[3] += x[3] * y[3];
    }
    sums[0] + sums[1] + (sums[2] + sums[3]) + rest
}

/// `y += factor · x`.
pub(crate) fn axpy(factor: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// A Cholesky factor: the lower triangle `L` of `A = L · Lᵀ`.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors `scale · a + shift · 1` (lower triangle of `a` is read); `None` unless positive definite.
    pub fn new(a: &[f64], size: usize, scale: f64, shift: f64) -> Option<Self> {
        let mut lower = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let (done, current) = lower.split_at_mut(i * size);
                let of_j = if j == i {
                    &current[..j]
                } else {
                    &done[j * size..j * size + j]
                };
                let entry = scale * a[i * size + j] - dot(&current[..j], of_j);
                current[j] = if i == j {
                    let diagonal = entry + shift;
                    if !(diagonal > 0.0 && diagonal.is_finite()) {
                        return None;
                    }
                    diagonal.sqrt()
                } else {
                    entry / done[j * size + j]
                };
            }
        }
        Some(Self { size, lower })
    }

    /// Solves `A x = b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.size;
        let mut x = b.to_vec();
        for i in 0..n {
            let row = &self.lower[i * n..i * n + i];
            x[i] = (x[i] - dot(row, &x[..i])) / self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            x[i] /= self.lower[i * n + i];
            let value = x[i];
            axpy(-value, &self.lower[i * n..i * n + i], &mut x[..i]);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-10)
    }

    #[test]
    fn products_by_hand() {
        let a = Dense {
            rows: 2,
            columns: 3,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        assert_eq!(a.times(&[1.0, 0.0, -1.0]), [-2.0, -2.0]);
        assert_eq!(a.transposed_times(&[1.0, 2.0]), [9.0, 12.0, 15.0]);
        assert_eq!(
            a.gram(),
            [17.0, 0.0, 0.0, 22.0, 29.0, 0.0, 27.0, 36.0, 45.0]
        );
        assert_eq!(a.kernel(), [14.0, 0.0, 32.0, 77.0]);
        let long: Vec<f64> = (1..=7).map(f64::from).collect();
        assert_eq!(dot(&long, &long), 140.0);
    }

    #[test]
    fn cholesky_solves() {
        let a = [4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        let full = [[5.0, 2.0, 1.0], [2.0, 6.0, 3.0], [1.0, 3.0, 7.0]];
        let factor = Cholesky::new(&a, 3, 1.0, 1.0).unwrap();
        let x = [1.0, -2.0, 0.5];
        let b: Vec<f64> = full.iter().map(|row| dot(row, &x)).collect();
        assert!(close(&factor.solve(&b), &x));
        assert!(Cholesky::new(&[1.0, 0.0, 2.0, 1.0], 2, 1.0, 0.0).is_none());
    }
}
