//! Causal self-attention with grouped keys and values (arXiv:2305.13245), rotary
//! positions, and in Qwen3 a norm of each head.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use instructue_nn::attention::{AttentionBias, attend};
use instructue_nn::initial::Initialiser;
use instructue_nn::lora::{LoraInput, LoraLinear};
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

/// The slots that ask, where the states of the others are of no account; all are asked about.
pub(crate) struct Queries {
    /// `[batch · asking]`: their places in the flat batch.
    places: Tensor<1, Int>,
    shape: [usize; 2],
    rope: RopeTables,
    /// `[batch, 1, group · asking or asking or 1, past and length]`.
    bias: Tensor<4>,
}

impl Queries {
    /// Of slots `[batch, asking]`, by their place in their row.
    pub fn new(slots: Tensor<2, Int>, length: usize, rope: RopeTables, bias: Tensor<4>) -> Self {
        let shape = slots.dims();
        Self {
            places: flat_places(slots, length),
            shape,
            rope,
            bias,
        }
    }

    /// `[batch, length, width]` → `[batch, asking, width]`
    pub fn of(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let [_, asking] = self.shape;
        let rows = x.reshape([batch * length, width]);
        let chosen = rows.select(0, self.places.clone());
        chosen.reshape([batch, asking, width])
    }
}

/// The rows of a bias that are these slots'.
pub(crate) fn bias_of(bias: &AttentionBias, slots: Tensor<2, Int>) -> AttentionBias {
    let [batch, queries, keys] = bias.shape();
    if queries == 1 {
        return bias.clone();
    }
    let [_, asking] = slots.dims();
    let rows = bias.tensor().clone().reshape([batch * queries, keys]);
    let chosen = rows.select(0, flat_places(slots, queries).inner());
    AttentionBias::new(chosen.reshape([batch, 1, asking, keys]))
}

/// Places in rows `[batch, asking]` as places in all rows one after the other.
fn flat_places(slots: Tensor<2, Int>, length: usize) -> Tensor<1, Int> {
    let [batch, asking] = slots.dims();
    let rows = Tensor::<1, Int>::arange(0..batch as i64, &slots.device()) * length as i64;
    (slots + rows.unsqueeze_dim::<2>(1)).reshape([batch * asking])
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
    /// - `x`: `[batch, length, hidden]`
    /// - result: as `x`, of the slots that ask where there are `queries`
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        places: &Places,
        queries: Option<&Queries>,
        past: Option<&mut Past>,
    ) -> Tensor<3> {
        let shared = self.q_proj.input(x.clone());
        let [k, v] = self.keys_and_values(&shared, places, past);
        let (shared, rope, bias) = match queries {
            Some(queries) => {
                let asking = self.q_proj.input(queries.of(x));
                (asking, &queries.rope, &queries.bias)
            }
            None => (shared, &places.rope, &places.bias),
        };
        let q = self.q_proj.forward_shared(&shared);
        let [batch, length, _] = q.dims();
        let q = rope.apply(in_heads(q, self.heads, self.q_norm.as_ref()));
        let y = attend(q, k, v, bias);
        let width = y.dims()[3];
        let y = y
            .swap_dims(1, 2)
            .reshape([batch, length, self.heads * width]);
        self.o_proj.forward(y)
    }

    /// Adds keys and values to a past, and asks nothing.
    pub(crate) fn keep(&self, x: Tensor<3>, places: &Places, past: &mut Past) {
        let x = self.q_proj.input(x);
        self.keys_and_values(&x, places, Some(past));
    }

    /// Keys and values of `x`, those of a past before them.
    fn keys_and_values(
        &self,
        x: &LoraInput<3>,
        places: &Places,
        past: Option<&mut Past>,
    ) -> [Tensor<4>; 2] {
        let k = self.k_proj.forward_shared(x);
        let k = in_heads(k, self.kv_heads, self.k_norm.as_ref());
        let v = in_heads(self.v_proj.forward_shared(x), self.kv_heads, None);
        // In the precision of the weights whether they are kept or not, so that a
        // cache changes nothing.
        let kept = self.k_proj.linear.weight.val().dtype();
        let (k, v) = (places.rope.apply(k).cast(kept), v.cast(kept));
        match past {
            Some(past) => past.extend(k, v),
            None => [k, v],
        }
    }
}

/// Head-major views, `[batch, length, heads · width]` → `[batch, heads, length, width]`; the
/// rotation (for q and k) and the matrix product (for v) read them in place.
fn in_heads(y: Tensor<3>, count: usize, norm: Option<&RmsNorm>) -> Tensor<4> {
    let [batch, length, width] = y.dims();
    let y = y.reshape([batch, length, count, width / count]);
    let y = match norm {
        Some(norm) => norm.forward(y),
        None => y,
    };
    y.swap_dims(1, 2)
}
