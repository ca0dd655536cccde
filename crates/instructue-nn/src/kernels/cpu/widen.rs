//! Half precision to `f32`: a weight is widened before it is multiplied.

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, bf16, f16};

use super::rows::{beside, dense, for_rows, tensor};

/// The same numbers as `f32`.
///
/// # Panics
///
/// If the type is neither `bf16` nor `f16`.
pub fn forward(x: FlexTensor) -> FlexTensor {
    let x = dense(x);
    let mut y = vec![0.0; x.layout().num_elements()];
    match x.dtype() {
        DType::BF16 => {
            let x = x.storage::<bf16>();
            // The upper half of the bits; written so that it is one instruction
            // for many numbers.
            for_rows(&mut y, 1, |first, y| {
                let x = beside(x, first, 1, y);
                for (y, x) in y.iter_mut().zip(x) {
                    *y = f32::from_bits(u32::from(x.to_bits()) << 16);
                }
            });
        }
        DType::F16 => {
            let x = x.storage::<f16>();
            for_rows(&mut y, 1, |first, y| {
                let x = beside(x, first, 1, y);
                for (y, x) in y.iter_mut().zip(x) {
                    *y = x.to_f32();
                }
            });
        }
        other => panic!("{other:?} is not half precision"),
    }
    tensor(y, x.layout().shape().clone())
}
