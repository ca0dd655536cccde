//! Products of `f32` matrices, on all cores.
//!
//! One needs it where a product is a large part of the time: Burn's CPU backend fills each result
//! with zeros, copies it, and only then computes it. Here the result is written once
//! ([`product`]), over what was there ([`multiply`]), or added to it ([`add_product`]), which
//! saves a pass over it for each sum of products.
//!
//! The products themselves are those of the crate `gemm`, which Burn takes, too.
//!
//! ```
//! use instructue_gemm::{MatrixView, add_product, product};
//!
//! let a = MatrixView::new(&[1.0, 2.0, 3.0, 4.0], [2, 2]);
//! let mut y = product(a, a.transposed());
//! assert_eq!(y, [5.0, 11.0, 11.0, 25.0]);
//! add_product(&mut y, a, a, 0.5);
//! assert_eq!(y, [8.5, 16.0, 18.5, 36.0]);
//! ```

use std::mem::MaybeUninit;

use gemm::Parallelism;

/// Multiplications below which a product stays on one thread: handing over costs more.
const FEW: usize = 192 * 192 * 192;

/// A matrix in memory, by rows, by columns, or part of a larger one.
#[derive(Debug, Clone, Copy)]
pub struct MatrixView<'a> {
    values: &'a [f32],
    shape: [usize; 2],
    strides: [usize; 2],
}

impl<'a> MatrixView<'a> {
    /// Rows one behind the other.
    ///
    /// # Panics
    /// If there are more or fewer values than `[rows, columns]` says.
    pub fn new(values: &'a [f32], shape: [usize; 2]) -> Self {
        let expected = shape[0].checked_mul(shape[1]);
        assert_eq!(expected, Some(values.len()), "values of a matrix {shape:?}");
        Self {
            values,
            shape,
            strides: [shape[1], 1],
        }
    }

    /// The first value is `values[0]`; the next row and the next column lie `strides` further.
    ///
    /// # Panics
    /// If a value would lie behind the last one.
    pub fn strided(values: &'a [f32], shape: [usize; 2], strides: [usize; 2]) -> Self {
        let last = |axis: usize| strides[axis].checked_mul(shape[axis].saturating_sub(1));
        let last = last(0).zip(last(1)).and_then(|(a, b)| a.checked_add(b));
        let empty = shape.contains(&0);
        assert!(
            empty || last.is_some_and(|last| last < values.len()),
            "a matrix {shape:?} with strides {strides:?} within {} values",
            values.len()
        );
        Self {
            values,
            shape,
            strides,
        }
    }

    /// Columns as rows; nothing moves.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            shape: [self.shape[1], self.shape[0]],
            strides: [self.strides[1], self.strides[0]],
        }
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }
}

/// `a·b`, row-major.
///
/// # Panics
/// If `a` has other columns than `b` has rows.
pub fn product(a: MatrixView<'_>, b: MatrixView<'_>) -> Vec<f32> {
    let length = cells(a, b);
    let mut out = Vec::with_capacity(length);
    write(&mut out.spare_capacity_mut()[..length], a, b);
    #[expect(unsafe_code, reason = "nobody has to fill what is overwritten")]
    // SAFETY: the capacity is at least `length`, and `write` has written the first `length`
    // values.
    unsafe {
        out.set_len(length);
    }
    out
}

/// `out = a·b`, row-major.
///
/// # Panics
/// If the shapes do not fit.
pub fn multiply(out: &mut [f32], a: MatrixView<'_>, b: MatrixView<'_>) {
    assert_eq!(out.len(), cells(a, b), "the values of the product");
    if a.shape[1] == 0 {
        out.fill(0.0);
    }
    run(out.as_mut_ptr(), None, a, b, 1.0);
}

/// `out += scale · a·b`, row-major.
///
/// # Panics
/// If the shapes do not fit.
pub fn add_product(out: &mut [f32], a: MatrixView<'_>, b: MatrixView<'_>, scale: f32) {
    assert_eq!(out.len(), cells(a, b), "the values of the product");
    run(out.as_mut_ptr(), Some(1.0), a, b, scale);
}

/// The number of values of a product.
fn cells(a: MatrixView<'_>, b: MatrixView<'_>) -> usize {
    let cells = a.shape[0].checked_mul(b.shape[1]);
    cells.expect("a product that fits into memory")
}

/// Writes every value of `out`.
fn write(out: &mut [MaybeUninit<f32>], a: MatrixView<'_>, b: MatrixView<'_>) {
    assert_eq!(out.len(), cells(a, b), "the values of the product");
    if a.shape[1] == 0 {
        out.fill(MaybeUninit::new(0.0));
    }
    run(out.as_mut_ptr().cast(), None, a, b, 1.0);
}

/// `out = keep · out + scale · a·b` of `out` with `rows of a · columns of b` values; without
/// `keep` they are only written, all of them, unless the inner length is 0.
fn run(out: *mut f32, keep: Option<f32>, a: MatrixView<'_>, b: MatrixView<'_>, scale: f32) {
    let ([rows, inner], [inner_b, columns]) = (a.shape, b.shape);
    assert_eq!(inner, inner_b, "columns of a and rows of b");
    if rows == 0 || columns == 0 || inner == 0 {
        return;
    }
    let work = rows.saturating_mul(columns).saturating_mul(inner);
    let parallelism = match work < FEW || rayon::current_num_threads() < 2 {
        true => Parallelism::None,
        false => Parallelism::Rayon(0),
    };
    let [a_rows, a_columns] = a.strides.map(|stride| stride as isize);
    let [b_rows, b_columns] = b.strides.map(|stride| stride as isize);
    #[expect(unsafe_code, reason = "the product takes pointers")]
    // SAFETY: no shape is empty. Each value of `a` and `b` lies within the slice of its view,
    // which its constructors check. `out` has room for `rows · columns` values, which all callers
    // check, and is borrowed mutably or owned by them, so it overlaps neither `a` nor `b`. It is
    // read only if `keep` is given, and then it is a slice of values.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out,
            1,
            columns as isize,
            keep.is_some(),
            a.values.as_ptr(),
            a_columns,
            a_rows,
            b.values.as_ptr(),
            b_columns,
            b_rows,
            keep.unwrap_or(0.0),
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(view: MatrixView<'_>, row: usize, column: usize) -> f64 {
        f64::from(view.values[row * view.strides[0] + column * view.strides[1]])
    }

    /// The product by its definition.
    fn expected(a: MatrixView<'_>, b: MatrixView<'_>) -> Vec<f64> {
        let ([rows, inner], [_, columns]) = (a.shape, b.shape);
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let cell = |(row, column)| {
            let terms = (0..inner).map(|i| value(a, row, i) * value(b, i, column));
            terms.sum()
        };
        cells.map(cell).collect()
    }

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let number = |i: usize| {
            let mixed = (i as u32 ^ seed)
                .wrapping_mul(2_654_435_761)
                .rotate_left(13);
            (mixed % 2_001) as f32 / 1_000.0 - 1.0
        };
        (0..count).map(number).collect()
    }

    /// A view of these rows and columns: whole, turned over, or with room between.
    fn view<'a>(values: &'a [f32], shape: [usize; 2], how: u8) -> MatrixView<'a> {
        let [rows, columns] = shape;
        match how {
            0 => MatrixView::new(&values[..rows * columns], shape),
            1 => MatrixView::new(&values[..rows * columns], [columns, rows]).transposed(),
            _ => MatrixView::strided(values, shape, [columns + 3, 1]),
        }
    }

    fn close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let apart = (f64::from(*found) - expected).abs();
            assert!(apart < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
        }
    }

    proptest! {
        #[test]
        fn products_are_what_they_are_by_definition(
            rows in 0usize..40,
            inner in 0usize..40,
            columns in 0usize..40,
            how in (0u8..3, 0u8..3),
            scale in -2.0f32..2.0,
        ) {
            let (left, right) = (numbers(43 * 40, 1), numbers(43 * 40, 2));
            let a = view(&left, [rows, inner], how.0);
            let b = view(&right, [inner, columns], how.1);
            let exact = expected(a, b);
            let mut found = product(a, b);
            close(&found, &exact);
            add_product(&mut found, a, b, scale);
            let twice = |one: &f64| one * (1.0 + f64::from(scale));
            close(&found, &exact.iter().map(twice).collect::<Vec<_>>());
            // What was there does not matter, not even what is no number.
            found.fill(f32::NAN);
            multiply(&mut found, a, b);
            close(&found, &exact);
        }
    }

    #[test]
    fn a_product_for_several_threads_is_the_same() {
        let (rows, inner, columns) = (260, 200, 230);
        let (left, right) = (numbers(rows * inner, 3), numbers(inner * columns, 4));
        let a = MatrixView::new(&left, [rows, inner]);
        let b = MatrixView::new(&right, [inner, columns]);
        close(&product(a, b), &expected(a, b));
    }

    #[test]
    #[should_panic(expected = "within 5 values")]
    fn a_view_stays_within_its_values() {
        let _ = MatrixView::strided(&[0.0; 5], [2, 3], [3, 1]);
    }

    #[test]
    #[should_panic(expected = "columns of a and rows of b")]
    fn shapes_that_do_not_fit_are_refused() {
        let a = MatrixView::new(&[0.0; 6], [2, 3]);
        let _ = product(a, a);
    }
}
