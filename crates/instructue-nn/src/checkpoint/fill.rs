//! A tensor in host memory that is filled piece by piece, in its own element
//! type and order: no second copy of it is made on the way.

use std::thread;

use burn::tensor::{Device, Tensor, TensorData, bf16, f16};

use crate::Precision;

/// A tensor that is being read, row-major or transposed.
#[derive(Debug)]
pub struct Filling {
    elements: Elements,
    shape: Vec<usize>,
    /// Of the matrix as it comes, if it is to be transposed.
    turned: Option<[usize; 2]>,
    filled: usize,
}

#[derive(Debug)]
enum Elements {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

/// A finite value that became infinite: its place and the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TooLarge {
    /// Row-major, of the tensor as it comes.
    pub index: usize,
    /// As it came.
    pub value: f32,
}

impl Filling {
    /// An empty tensor that will come row-major.
    pub fn new(shape: &[usize], precision: Precision) -> Self {
        let count = shape.iter().product();
        Self {
            elements: match precision {
                Precision::F32 => Elements::F32(zeros(count, 0.0)),
                Precision::F16 => Elements::F16(zeros(count, f16::ZERO)),
                Precision::Bf16 => Elements::Bf16(zeros(count, bf16::ZERO)),
            },
            shape: shape.into(),
            turned: None,
            filled: 0,
        }
    }

    /// An empty matrix `[columns, rows]` that will come as `[rows, columns]`.
    pub fn transposed([rows, columns]: [usize; 2], precision: Precision) -> Self {
        Self {
            turned: Some([rows, columns]),
            ..Self::new(&[columns, rows], precision)
        }
    }

    /// Elements that are still to come.
    pub fn missing(&self) -> usize {
        self.shape.iter().product::<usize>() - self.filled
    }

    /// Takes the next values.
    ///
    /// # Errors
    ///
    /// The first of them that the precision cannot hold.
    ///
    /// # Panics
    ///
    /// If there are more than are [`missing`](Self::missing).
    pub fn push(&mut self, values: &[f32]) -> Result<(), TooLarge> {
        assert!(values.len() <= self.missing(), "more values than elements");
        let start = self.filled;
        // What rounds to infinity: half a step above the largest element.
        let limit = match &mut self.elements {
            Elements::F32(out) => {
                place(out, start, self.turned, values, |x| x);
                f32::INFINITY
            }
            Elements::F16(out) => {
                place(out, start, self.turned, values, f16::from_f32);
                65_520.0
            }
            Elements::Bf16(out) => {
                place(out, start, self.turned, values, bf16::from_f32);
                f32::from_bits(0x7f7f_8000)
            }
        };
        self.filled += values.len();
        if limit == f32::INFINITY {
            return Ok(());
        }
        let large = |x: &f32| x.is_finite() && x.abs() >= limit;
        match values.iter().position(large) {
            None => Ok(()),
            Some(at) => Err(TooLarge {
                index: start + at,
                value: values[at],
            }),
        }
    }

    /// The precision of the elements.
    pub fn precision(&self) -> Precision {
        match self.elements {
            Elements::F32(_) => Precision::F32,
            Elements::F16(_) => Precision::F16,
            Elements::Bf16(_) => Precision::Bf16,
        }
    }

    /// The tensor on a device; what did not come is zero.
    ///
    /// # Panics
    ///
    /// If `D` is not the number of its axes.
    pub fn upload<const D: usize>(self, device: &Device) -> Tensor<D> {
        let dtype = self.precision().dtype();
        Tensor::from_data(self.finish(), (device, dtype))
    }

    fn finish(self) -> TensorData {
        match self.elements {
            Elements::F32(values) => TensorData::new(values, self.shape),
            Elements::F16(values) => TensorData::new(values, self.shape),
            Elements::Bf16(values) => TensorData::new(values, self.shape),
        }
    }
}

/// As many zeros, in memory that is there.
///
/// The kernel provides a page of fresh memory when it is touched first, which
/// takes longer than reading the file: so several threads touch it.
fn zeros<E: Copy + Send>(count: usize, zero: E) -> Vec<E> {
    /// Bytes of a page, and bytes below which a thread costs more than it brings.
    const PAGE: usize = 4 << 10;
    const LARGE: usize = 1 << 20;
    let mut values = vec![zero; count];
    let size = size_of::<E>();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(count * size / LARGE).min(8);
    if threads > 1 {
        thread::scope(|scope| {
            for part in values.chunks_mut(count.div_ceil(threads)) {
                let touch = move || {
                    for page in part.chunks_mut(PAGE / size) {
                        page[0] = zero;
                    }
                };
                // Without the thread its pages are touched later.
                let _ = thread::Builder::new().spawn_scoped(scope, touch);
            }
        });
    }
    values
}

/// Puts values at `start` and after, in the order in which a matrix `turned`
/// comes if it is to be transposed.
fn place<E: Copy>(
    out: &mut [E],
    start: usize,
    turned: Option<[usize; 2]>,
    values: &[f32],
    convert: impl Fn(f32) -> E,
) {
    let Some([rows, columns]) = turned else {
        for (out, value) in out[start..].iter_mut().zip(values) {
            *out = convert(*value);
        }
        return;
    };
    // Blocks that fit the cache: a row of them at a time.
    const BLOCK: usize = 32;
    let end = start + values.len();
    let mut top = start / columns.max(1);
    while top * columns < end {
        let bottom = (top + BLOCK).min(rows);
        for left in (0..columns).step_by(BLOCK) {
            let right = (left + BLOCK).min(columns);
            for row in top..bottom {
                // Those of the block that have come; the first and the last row
                // may be here in part.
                let from = (row * columns + left).clamp(start, end);
                let to = (row * columns + right).clamp(start, end);
                for at in from..to {
                    out[(at - row * columns) * rows + row] = convert(values[at - start]);
                }
            }
        }
        top = bottom;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a matrix in pieces of these sizes, over and over.
    fn fill(mut filling: Filling, values: &[f32], sizes: &[usize]) -> TensorData {
        let mut rest = values;
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            filling.push(piece).unwrap();
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(filling.missing(), 0);
        filling.finish()
    }

    #[test]
    fn pieces_of_any_size_are_transposed() {
        let (rows, columns) = (67, 70);
        let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        for sizes in [vec![1], vec![70 * 33], vec![5, 700, 69], vec![5000]] {
            let filling = Filling::transposed([rows, columns], Precision::F32);
            let out = fill(filling, &values, &sizes);
            assert_eq!(out.shape().to_vec(), [columns, rows]);
            let out: Vec<f32> = out.try_to_vec().unwrap();
            for row in 0..rows {
                for column in 0..columns {
                    let expected = values[row * columns + column];
                    assert_eq!(out[column * rows + row], expected, "{sizes:?}");
                }
            }
        }
    }

    #[test]
    fn half_precision_is_rounded_to_nearest() {
        let values = [1.0, -2.5, 1.0 + 1.0 / 512.0, 1.0 + 3.0 / 512.0];
        let out = fill(Filling::new(&[2, 2], Precision::Bf16), &values, &[3]);
        let out: Vec<bf16> = out.try_to_vec().unwrap();
        let out: Vec<f32> = out.into_iter().map(bf16::to_f32).collect();
        assert_eq!(out, [1.0, -2.5, 1.0, 1.0 + 1.0 / 128.0]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut filling = Filling::new(&[4], Precision::F16);
        filling.push(&[65_504.0, 65_519.0]).unwrap();
        let error = filling.push(&[0.0, -65_520.0]).unwrap_err();
        assert_eq!((error.index, error.value), (3, -65_520.0));
        let mut filling = Filling::new(&[1], Precision::Bf16);
        let above = f32::from_bits(0x7f7f_8000);
        assert!(bf16::from_f32(above.next_down()).is_finite());
        filling.push(&[above]).unwrap_err();
    }
}
