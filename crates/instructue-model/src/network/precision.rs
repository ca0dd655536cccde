//! Changing the precision of a network: for inference, and for training.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use instructue_nn::Precision;

use super::module::Network;
use crate::error::{Error, Result};

impl Network {
    /// The decoder's and the encoders' matrices in this precision; all else, the
    /// factors of LoRA among it, stays `f32`.
    ///
    /// # Errors
    /// When the device cannot compute in it.
    pub fn with_precision(mut self, precision: Precision) -> Result<Self> {
        self.backbone = self.backbone.with_precision(precision)?;
        self.encoders = self
            .encoders
            .into_iter()
            .map(|encoder| Ok(encoder.with_precision(precision)?))
            .collect::<Result<_>>()?;
        Ok(self)
    }

    /// This network with everything that is trained in `f32`: a step of training
    /// is smaller than the distance of two numbers of half precision.
    ///
    /// An encoder that is trained as a whole becomes `f32` as a whole; beside
    /// LoRA nothing changes.
    ///
    /// # Errors
    /// In `f16`, whose gradients vanish unless losses are scaled, which they are
    /// not; and when the decoder itself is trained in half precision, because
    /// nothing of it would be left in half precision.
    pub fn for_training(mut self) -> Result<Self> {
        let precision = self.backbone.precision();
        if precision == Precision::F16 {
            return Err(Error::Config {
                key: "precision".into(),
                expected: "f32 or bf16 for training".into(),
                found: precision.to_string(),
            });
        }
        if trains_half(&self.backbone) {
            return Err(Error::Config {
                key: "precision".into(),
                expected: "f32, or LoRA on the decoder beside frozen weights".into(),
                found: format!("{precision} with all weights of the decoder trained"),
            });
        }
        for encoder in &mut self.encoders {
            if trains_half(encoder) {
                *encoder = encoder.clone().with_precision(Precision::F32)?;
            }
        }
        Ok(self)
    }
}

/// Whether something is trained that is not `f32`.
fn trains_half<M: Module>(module: &M) -> bool {
    struct Find(bool);
    impl ModuleVisitor for Find {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let half = Precision::of(&tensor) != Some(Precision::F32);
            self.0 |= half && tensor.is_require_grad();
        }
    }
    let mut find = Find(false);
    module.visit(&mut find);
    find.0
}
