//! One layer of the decoder: attention and a feed-forward part, each after a norm
//! and added to the residual stream.

use burn::module::Module;
use burn::tensor::Tensor;
use instructue_nn::initial::Initialiser;
use instructue_nn::lora_maps;
use instructue_nn::norm::RmsNorm;

use crate::attention::{Attention, Places, Queries};
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
    /// - `x`: `[batch, length, hidden]`, `f32`
    /// - result: as `x`, of the slots that ask where there are `queries`
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        places: &Places,
        queries: Option<&Queries>,
        past: Option<&mut Past>,
    ) -> Tensor<3> {
        let dtype = x.dtype();
        let y = self.input_layernorm.forward(x.clone());
        let y = self.self_attn.forward(y, places, queries, past);
        let x = match queries {
            Some(queries) => queries.of(x),
            None => x,
        };
        let x = x + y.cast(dtype);
        let y = self.post_attention_layernorm.forward(x.clone());
        x + self.mlp.forward(y).cast(dtype)
    }

    /// Adds this layer's keys and values to a past. What the layer would say is not computed.
    pub(crate) fn keep(&self, x: Tensor<3>, places: &Places, past: &mut Past) {
        let y = self.input_layernorm.forward(x);
        self.self_attn.keep(y, places, past);
    }
}
