//! Where a new decoder's weights come from: a random generator, a
//! checkpoint or a GGUF file; or from who fills them in later.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor};
use instructue_nn::Precision;
use instructue_nn::checkpoint::Checkpoint;
use instructue_nn::linear::normal_linear;
use instructue_nn::norm::RmsNorm;

use crate::Result;
use crate::gguf::GgufWeights;

/// The source of weights while a decoder is built.
pub(crate) enum Source<'a> {
    /// Drawn with this standard deviation, in this precision.
    Fresh(f64, Precision),
    /// Zeros in this precision: memory that is not even touched.
    Blank(Precision),
    /// In its precision.
    Checkpoint(&'a mut Checkpoint),
    /// In its configuration's precision.
    Gguf(GgufWeights<'a>),
}

impl Source<'_> {
    pub(crate) fn linear(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
        bias: bool,
        device: &Device,
    ) -> Result<Linear> {
        Ok(match self {
            Self::Fresh(std, precision) => {
                precision.cast_linear(normal_linear(input, output, bias, *std, device))
            }
            Self::Blank(precision) => precision.blank_linear(input, output, bias, device),
            Self::Checkpoint(from) => from.take_linear(name, input, output, bias, device)?,
            Self::Gguf(from) => from.linear(name, input, output, bias, device)?,
        })
    }

    pub(crate) fn norm(
        &mut self,
        name: &str,
        width: usize,
        epsilon: f64,
        device: &Device,
    ) -> Result<RmsNorm> {
        Ok(match self {
            Self::Fresh(..) | Self::Blank(_) => RmsNorm::new(width, epsilon, device),
            Self::Checkpoint(from) => {
                RmsNorm::from_gamma(from.take(name, [width], device)?, epsilon)
            }
            Self::Gguf(from) => {
                let gamma = from.tensor(name, [width], Precision::F32, device)?;
                RmsNorm::from_gamma(gamma, epsilon)
            }
        })
    }

    pub(crate) fn table(
        &mut self,
        name: &str,
        shape: [usize; 2],
        device: &Device,
    ) -> Result<Param<Tensor<2>>> {
        Ok(Param::from_tensor(match self {
            Self::Fresh(std, precision) => {
                let normal = Distribution::Normal(0.0, *std);
                Tensor::<2>::random(shape, normal, device).cast(precision.dtype())
            }
            Self::Blank(precision) => Tensor::zeros(shape, (device, precision.dtype())),
            Self::Checkpoint(from) => from.take_table(name, shape, device)?,
            Self::Gguf(from) => from.tensor(name, shape, from.precision(), device)?,
        }))
    }

    /// Fails if a GGUF file has tensors that were not taken. A checkpoint is
    /// finished by who opened it.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Gguf(from) => from.finish(),
            Self::Fresh(..) | Self::Blank(_) | Self::Checkpoint(_) => Ok(()),
        }
    }
}
