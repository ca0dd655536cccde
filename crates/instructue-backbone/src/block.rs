//! One block: attention and a gated feed-forward part, each after a norm and
//! added to the residual stream.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use instructue_nn::attention::attend;
use instructue_nn::kernels::silu_mul;
use instructue_nn::lora::{LoraConfig, LoraLinear};
use instructue_nn::norm::RmsNorm;
use instructue_nn::rope::RopeTables;

use crate::cache::Past;
use crate::weights::Source;
use crate::{DecoderConfig, Result};

/// A block. The field names are those of the checkpoint's keys.
#[derive(Module, Debug)]
pub struct Block {
    /// Norm before the attention.
    pub input_layernorm: RmsNorm,
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
    /// Norm before the feed-forward part.
    pub post_attention_layernorm: RmsNorm,
    /// `[hidden, intermediate]`.
    pub gate_proj: LoraLinear,
    /// `[hidden, intermediate]`.
    pub up_proj: LoraLinear,
    /// `[intermediate, hidden]`.
    pub down_proj: LoraLinear,
    heads: usize,
    kv_heads: usize,
}

/// What every block of one forward pass reads.
pub(crate) struct Shared {
    pub rope: RopeTables,
    /// `[batch, 1, group · length or length, past and length]`.
    pub bias: Tensor<4>,
}

impl Block {
    pub(crate) fn build(
        config: &DecoderConfig,
        source: &mut Source<'_>,
        prefix: &str,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Self> {
        let hidden = config.hidden_size;
        let inner = config.intermediate_size;
        let width = config.head_width();
        let query = config.num_attention_heads * width;
        let key = config.num_key_value_heads * width;
        let bias = config.qkv_bias();
        let mut linear = |name: &str, input, output, bias| -> Result<LoraLinear> {
            let base = source.linear(&format!("{prefix}.{name}"), input, output, bias, device)?;
            Ok(LoraLinear::new(base, lora, device))
        };
        let q_proj = linear("self_attn.q_proj", hidden, query, bias)?;
        let k_proj = linear("self_attn.k_proj", hidden, key, bias)?;
        let v_proj = linear("self_attn.v_proj", hidden, key, bias)?;
        let o_proj = linear("self_attn.o_proj", query, hidden, config.output_bias())?;
        let gate_proj = linear("mlp.gate_proj", hidden, inner, false)?;
        let up_proj = linear("mlp.up_proj", hidden, inner, false)?;
        let down_proj = linear("mlp.down_proj", inner, hidden, false)?;
        let mut norm = |name: &str, width: usize| {
            let name = format!("{prefix}.{name}.weight");
            source.norm(&name, width, config.rms_norm_eps, device)
        };
        let (q_norm, k_norm) = if config.head_norms() {
            let q_norm = norm("self_attn.q_norm", width)?;
            (Some(q_norm), Some(norm("self_attn.k_norm", width)?))
        } else {
            (None, None)
        };
        Ok(Self {
            input_layernorm: norm("input_layernorm", hidden)?,
            q_proj,
            k_proj,
            v_proj,
            q_norm,
            k_norm,
            o_proj,
            post_attention_layernorm: norm("post_attention_layernorm", hidden)?,
            gate_proj,
            up_proj,
            down_proj,
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
        })
    }

    /// The linear maps with the rest of their keys.
    pub(crate) fn linears(&self) -> [(&'static str, &LoraLinear); 7] {
        [
            ("self_attn.q_proj", &self.q_proj),
            ("self_attn.k_proj", &self.k_proj),
            ("self_attn.v_proj", &self.v_proj),
            ("self_attn.o_proj", &self.o_proj),
            ("mlp.gate_proj", &self.gate_proj),
            ("mlp.up_proj", &self.up_proj),
            ("mlp.down_proj", &self.down_proj),
        ]
    }

    pub(crate) fn linears_mut(&mut self) -> [(&'static str, &mut LoraLinear); 7] {
        [
            ("self_attn.q_proj", &mut self.q_proj),
            ("self_attn.k_proj", &mut self.k_proj),
            ("self_attn.v_proj", &mut self.v_proj),
            ("self_attn.o_proj", &mut self.o_proj),
            ("mlp.gate_proj", &mut self.gate_proj),
            ("mlp.up_proj", &mut self.up_proj),
            ("mlp.down_proj", &mut self.down_proj),
        ]
    }

    /// The norms with the rest of their keys.
    pub(crate) fn norms(&self) -> impl Iterator<Item = (&'static str, &RmsNorm)> {
        let always = [
            ("input_layernorm", &self.input_layernorm),
            ("post_attention_layernorm", &self.post_attention_layernorm),
        ];
        let of_heads = [
            ("self_attn.q_norm", &self.q_norm),
            ("self_attn.k_norm", &self.k_norm),
        ];
        let of_heads = of_heads.into_iter();
        always
            .into_iter()
            .chain(of_heads.filter_map(|(name, norm)| Some((name, norm.as_ref()?))))
    }

    pub(crate) fn norms_mut(&mut self) -> impl Iterator<Item = &mut RmsNorm> {
        let always = [
            &mut self.input_layernorm,
            &mut self.post_attention_layernorm,
        ];
        let of_heads = [&mut self.q_norm, &mut self.k_norm];
        always.into_iter().chain(of_heads.into_iter().flatten())
    }

    /// `x` and the result: `[batch, length, hidden]`. With a past, keys and
    /// values are added to it and attended to after it. Matrices, keys and values
    /// are in the weights' precision, `x` is `f32`.
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        shared: &Shared,
        past: Option<&mut Past>,
    ) -> Tensor<3> {
        let dtype = x.dtype();
        let y = self.attention(self.input_layernorm.forward(x.clone()), shared, past);
        let x = x + y.cast(dtype);
        let y = self.feed_forward(self.post_attention_layernorm.forward(x.clone()));
        x + y.cast(dtype)
    }

    fn attention(&self, x: Tensor<3>, shared: &Shared, past: Option<&mut Past>) -> Tensor<3> {
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
        let q = shared.rope.apply(q);
        let k = shared.rope.apply(k);
        let [k, v] = match past {
            Some(past) => past.extend(k, v),
            None => [k, v],
        };

        let y = attend(q, k, v, &shared.bias);
        let width = y.dims()[3];
        let y = y
            .swap_dims(1, 2)
            .reshape([batch, length, self.heads * width]);
        self.o_proj.forward(y)
    }

    fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.gate_proj.input(x);
        let gate = self.gate_proj.forward_shared(&x);
        let up = self.up_proj.forward_shared(&x);
        self.down_proj.forward(silu_mul(gate, up))
    }
}
