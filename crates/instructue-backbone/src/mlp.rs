//! The gated feed-forward part: `down(silu(gate(x)) · up(x))` (SwiGLU,
//! arXiv:2002.05202).

use burn::module::Module;
use burn::tensor::Tensor;
use instructue_nn::initial::Initialiser;
use instructue_nn::kernels::silu_mul;
use instructue_nn::lora::LoraLinear;
use instructue_nn::lora_maps;

use crate::config::DecoderConfig;

/// The feed-forward part of a layer. Field names are those of the checkpoint's keys.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `[hidden, intermediate]`.
    pub gate_proj: LoraLinear,
    /// `[hidden, intermediate]`.
    pub up_proj: LoraLinear,
    /// `[intermediate, hidden]`.
    pub down_proj: LoraLinear,
}

lora_maps!(Mlp: gate_proj, up_proj, down_proj);

impl Mlp {
    pub(crate) fn init(config: &DecoderConfig, new: &Initialiser<'_>) -> Self {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Self {
            gate_proj: new.lora_linear(hidden, inner, false),
            up_proj: new.lora_linear(hidden, inner, false),
            down_proj: new.lora_linear(inner, hidden, false),
        }
    }

    /// # Shapes
    ///
    /// - `x` and the result: `[batch, length, hidden]`
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.gate_proj.input(x);
        let gate = self.gate_proj.forward_shared(&x);
        let up = self.up_proj.forward_shared(&x);
        self.down_proj.forward(silu_mul(gate, up))
    }
}
