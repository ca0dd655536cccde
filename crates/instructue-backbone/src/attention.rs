//! Causal self-attention with grouped keys and values (arXiv:2305.13245), rotary
//! positions, and in Qwen3 a norm of each head.

use burn::module::Module;
use burn::tensor::Tensor;
use instructue_nn::attention::attend;
use instructue_nn::initial::Initialiser;
use instructue_nn::lora::LoraLinear;
use instructue_nn::lora_maps;
use instructue_nn::norm::RmsNorm;
use instructue_nn::rope::RopeTables;

use crate::cache::past::Past;
use crate::config::DecoderConfig;

/// The attention of a layer. Field names are those of the checkpoint's keys.
#[derive(Module, Debug)]
pub struct Attention {
    /// `[hidden, heads · width]`.
    pub q_proj: LoraLinear,
    /// `[hidden, kv · width]`.
    pub k_proj: LoraLinear,
    /// `[hidden, kv · width]`.
    pub v_proj: LoraLinear,
    /// Norm of each query head over its width (Qwen3).
    pub q_norm: Option<RmsNorm>,
    /// Norm of each key head over its width (Qwen3).
    pub k_norm: Option<RmsNorm>,
    /// `[heads · width, hidden]`.
    pub o_proj: LoraLinear,
    heads: usize,
    kv_heads: usize,
}

lora_maps!(Attention: q_proj, k_proj, v_proj, o_proj);

/// What the attention of every layer reads in one forward pass.
pub(crate) struct Places {
    /// Rotations of the positions.
    pub rope: RopeTables,
    /// `[batch, 1, group · length or length, past and length]`.
    pub bias: Tensor<4>,
}

impl Attention {
    pub(crate) fn init(config: &DecoderConfig, new: &Initialiser<'_>) -> Self {
        let (hidden, width) = (config.hidden_size, config.head_width());
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let bias = config.qkv_bias();
        let norm = || {
            let wanted = config.head_norms();
            wanted.then(|| new.rms_norm(width, config.rms_norm_eps))
        };
        Self {
            q_proj: new.lora_linear(hidden, heads * width, bias),
            k_proj: new.lora_linear(hidden, kv_heads * width, bias),
            v_proj: new.lora_linear(hidden, kv_heads * width, bias),
            o_proj: new.lora_linear(heads * width, hidden, config.output_bias()),
            q_norm: norm(),
            k_norm: norm(),
            heads,
            kv_heads,
        }
    }

    /// With a past, keys and values are added to it and attended to after it.
    /// Matrices, keys and values are in the weights' precision.
    ///
    /// # Shapes
    ///
    /// - `x` and the result: `[batch, length, hidden]`
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        places: &Places,
        past: Option<&mut Past>,
    ) -> Tensor<3> {
        let [batch, length, _] = x.dims();
        let x = self.q_proj.input(x);
        // Head-major views; the rotation (for q and k) and the matrix product
        // (for v) read them in place.
        let heads = |y: Tensor<3>, count: usize, norm: Option<&RmsNorm>| {
            let width = y.dims()[2] / count;
            let y = y.reshape([batch, length, count, width]);
            let y = match norm {
                Some(norm) => norm.forward(y),
                None => y,
            };
            y.swap_dims(1, 2)
        };
        let (q_norm, k_norm) = (self.q_norm.as_ref(), self.k_norm.as_ref());
        let q = heads(self.q_proj.forward_shared(&x), self.heads, q_norm);
        let k = heads(self.k_proj.forward_shared(&x), self.kv_heads, k_norm);
        let v = heads(self.v_proj.forward_shared(&x), self.kv_heads, None);
        let q = places.rope.apply(q);
        // In the precision of the weights whether they are kept or not, so that a
        // cache changes nothing.
        let kept = self.k_proj.linear.weight.val().dtype();
        let (k, v) = (places.rope.apply(k).cast(kept), v.cast(kept));
        let [k, v] = match past {
            Some(past) => past.extend(k, v),
            None => [k, v],
        };

        let y = attend(q, k, v, &places.bias);
        let width = y.dims()[3];
        let y = y
            .swap_dims(1, 2)
            .reshape([batch, length, self.heads * width]);
        self.o_proj.forward(y)
    }
}
