//! One layer of the decoder: attention and a feed-forward part, each after a norm
//! and added to the residual stream.

use burn::module::Module;
use burn::tensor::Tensor;
use instructue_nn::initial::Initialiser;
use instructue_nn::lora_maps;
use instructue_nn::norm::RmsNorm;

use crate::attention::{Attention, Places};
use crate::cache::past::Past;
use crate::config::DecoderConfig;
use crate::mlp::Mlp;

/// A layer. Field names are those of the checkpoint's keys.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    /// Norm before the attention.
    pub input_layernorm: RmsNorm,
    /// The attention.
    pub self_attn: Attention,
    /// Norm before the feed-forward part.
    pub post_attention_layernorm: RmsNorm,
    /// The feed-forward part.
    pub mlp: Mlp,
}

lora_maps!(DecoderLayer: self_attn, mlp);

impl DecoderLayer {
    pub(crate) fn init(config: &DecoderConfig, new: &Initialiser<'_>) -> Self {
        let norm = || new.rms_norm(config.hidden_size, config.rms_norm_eps);
        Self {
            input_layernorm: norm(),
            self_attn: Attention::init(config, new),
            post_attention_layernorm: norm(),
            mlp: Mlp::init(config, new),
        }
    }

    /// # Shapes
    ///
    /// - `x` and the result: `[batch, length, hidden]`, `f32`
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        places: &Places,
        past: Option<&mut Past>,
    ) -> Tensor<3> {
        let dtype = x.dtype();
        let y = self.input_layernorm.forward(x.clone());
        let x = x + self.self_attn.forward(y, places, past).cast(dtype);
        let y = self.post_attention_layernorm.forward(x.clone());
        x + self.mlp.forward(y).cast(dtype)
    }
}
