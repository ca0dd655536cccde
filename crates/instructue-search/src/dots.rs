//! Inner products of one vector with many rows, with the widest instructions that there are.

use pulp::{Arch, Simd, WithSimd};

/// Sums side by side: one alone would wait for itself at every step.
const LANES: usize = 64;

/// `out[i] = rows[i] · query`.
pub(crate) fn dots(query: &[f32], rows: &[f32], out: &mut [f32]) {
    Arch::new().dispatch(Dots { query, rows, out });
}

struct Dots<'a> {
    query: &'a [f32],
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (parts, rest) = self.query.as_chunks::<LANES>();
        for (row, out) in self.rows.chunks_exact(self.query.len()).zip(self.out) {
            let (row_parts, row_rest) = row.as_chunks::<LANES>();
            let mut sums = [0.0f32; LANES];
            for (a, b) in parts.iter().zip(row_parts) {
                for i in 0..LANES {
                    // Without SIMD a fused operation would be a call.
                    sums[i] = match S::IS_SCALAR {
                        true => sums[i] + a[i] * b[i],
                        false => a[i].mul_add(b[i], sums[i]),
                    };
                }
            }
            let mut sum: f32 = sums.iter().sum();
            for (a, b) in rest.iter().zip(row_rest) {
                sum += a * b;
            }
            *out = sum;
        }
    }
}
