//! New modules: how their weights begin, and which of them are trained.
//!
//! A builder asks one [`Initialiser`] for its parts in a fixed order, so a seeded
//! device gives the same model each time.

use burn::module::{Module, Param, ParamId};
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Distribution, Shape, Tensor};

use crate::Precision;
use crate::linear::normal_linear;
use crate::lora::{LoraConfig, LoraLinear};
use crate::norm::RmsNorm;

/// What the matrices and tables of a new module hold. Norms begin with the scale
/// one and the shift zero, biases with zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Draws of a normal distribution with this standard deviation.
    Normal(f64),
    /// Zeros that are made when they are first read. A module that is
    /// [filled](crate::source::fill) before never makes them.
    Blank,
}

/// Makes the parts of a module.
#[derive(Debug, Clone, Copy)]
pub struct Initialiser<'a> {
    /// What matrices and tables hold.
    pub start: Start,
    /// The element type of matrices, biases and tables.
    pub precision: Precision,
    /// With LoRA everything but its factors is frozen.
    pub lora: Option<&'a LoraConfig>,
    /// Where the parts live.
    pub device: &'a Device,
}

impl Initialiser<'_> {
    /// A linear map.
    pub fn linear(&self, input: usize, output: usize, bias: bool) -> Linear {
        self.frozen(match self.start {
            Start::Normal(std) => {
                let linear = normal_linear(input, output, bias, std, self.device);
                self.precision.cast_weights(linear)
            }
            Start::Blank => Linear {
                weight: self.zeros([input, output]),
                bias: bias.then(|| self.zeros([output])),
            },
        })
    }

    /// A linear map that carries factors of LoRA if the module does.
    pub fn lora_linear(&self, input: usize, output: usize, bias: bool) -> LoraLinear {
        LoraLinear::new(self.linear(input, output, bias), self.lora, self.device)
    }

    /// A table of embeddings.
    pub fn table(&self, rows: usize, width: usize) -> Embedding {
        let weight = match self.start {
            Start::Normal(std) => {
                let normal = Distribution::Normal(0.0, std);
                let table = Tensor::<2>::random([rows, width], normal, self.device);
                Param::from_tensor(table.cast(self.precision.dtype()))
            }
            Start::Blank => self.zeros([rows, width]),
        };
        self.frozen(Embedding { weight })
    }

    /// A root-mean-square norm.
    pub fn rms_norm(&self, width: usize, epsilon: f64) -> RmsNorm {
        self.frozen(RmsNorm::new(width, epsilon, self.device))
    }

    /// A layer norm.
    pub fn layer_norm(&self, width: usize, epsilon: f64) -> LayerNorm {
        let norm = LayerNormConfig::new(width).with_epsilon(epsilon);
        self.frozen(norm.init(self.device))
    }

    fn zeros<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        let dtype = self.precision.dtype();
        let make = move |device: &Device, trained| {
            Tensor::zeros(shape, (device, dtype)).set_require_grad(trained)
        };
        let device = self.device.clone();
        Param::uninitialized(ParamId::new(), make, device, true, Shape::from(shape))
    }

    fn frozen<M: Module>(&self, module: M) -> M {
        match self.lora {
            Some(_) => module.no_grad(),
            None => module,
        }
    }
}
