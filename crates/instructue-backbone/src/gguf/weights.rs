//! The tensors of a GGUF file under the names of a Hugging Face checkpoint.

use std::collections::BTreeSet;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use instructue_gguf::Gguf;
use instructue_nn::Precision;
use instructue_nn::checkpoint::Filling;

use super::ROPE_FACTORS;
use crate::{DecoderConfig, Error, ModelType, Result};

/// An open file, the decoder that it should hold, and what was taken from it.
pub(crate) struct GgufWeights<'a> {
    file: &'a mut Gguf,
    config: &'a DecoderConfig,
    taken: BTreeSet<String>,
}

/// What a module of a block is called in either kind of file.
const BLOCK: [(&str, &str); 11] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("self_attn.o_proj", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// And outside the blocks.
const TOP: [(&str, &str); 3] = [
    ("embed_tokens", "token_embd"),
    ("norm", "output_norm"),
    ("lm_head", "output"),
];

impl<'a> GgufWeights<'a> {
    pub(crate) fn new(file: &'a mut Gguf, config: &'a DecoderConfig) -> Self {
        Self {
            file,
            config,
            taken: BTreeSet::new(),
        }
    }

    /// That of the configuration.
    pub(crate) fn precision(&self) -> Precision {
        self.config.precision
    }

    /// Takes `NAME.weight` and, if asked for, `NAME.bias` as a linear map in the
    /// configuration's precision.
    pub(crate) fn linear(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
        bias: bool,
        device: &Device,
    ) -> Result<Linear> {
        let precision = self.config.precision;
        let shape = [output, input];
        let into = || Filling::transposed(shape, precision);
        let weight = self.fill(&format!("{name}.weight"), &shape, into, device)?;
        let bias = if bias {
            let into = || Filling::new(&[output], precision);
            let bias = self.fill(&format!("{name}.bias"), &[output], into, device)?;
            Some(Param::from_tensor(bias))
        } else {
            None
        };
        Ok(Linear {
            weight: Param::from_tensor(weight),
            bias,
        })
    }

    /// Takes a tensor in this precision.
    pub(crate) fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        precision: Precision,
        device: &Device,
    ) -> Result<Tensor<D>> {
        self.fill(name, &shape, || Filling::new(&shape, precision), device)
    }

    /// Reads the tensor `name`, which has this shape in the file, into what `into`
    /// makes: only once the file is known to hold as much.
    fn fill<const D: usize>(
        &mut self,
        name: &str,
        shape: &[usize],
        into: impl FnOnce() -> Filling,
        device: &Device,
    ) -> Result<Tensor<D>> {
        let stored = gguf_name(name);
        let source = self.finer(&stored);
        self.file.check_shape(&source, shape)?;
        let mut into = into();
        let path = self.file.path().to_owned();
        let precision = into.precision();
        let mut push = |values: &[f32]| {
            into.push(values).map_err(|large| {
                Error::from(instructue_nn::Error::Overflow {
                    path: path.clone(),
                    name: source.clone(),
                    index: large.index,
                    value: large.value,
                    precision,
                })
            })
        };
        let heads = match self.config.model_type {
            ModelType::Llama if name.contains("self_attn.q_proj.") => {
                Some(self.config.num_attention_heads)
            }
            ModelType::Llama if name.contains("self_attn.k_proj.") => {
                Some(self.config.num_key_value_heads)
            }
            _ => None,
        };
        match heads {
            Some(heads) => push(&halves(&self.file.read(&source, shape)?, shape[0], heads))?,
            None => self.file.read_pieces(&source, shape, push)?,
        }
        self.taken.extend([stored, source]);
        Ok(into.upload(device))
    }

    /// A tied embedding table may be stored a second time as the output matrix:
    /// the copy with more bits is the better one.
    fn finer(&self, stored: &str) -> String {
        const COPY: &str = "output.weight";
        if stored != "token_embd.weight" || !self.config.tie_word_embeddings {
            return stored.into();
        }
        let tensors = self.file.tensors();
        match (tensors.get(stored), tensors.get(COPY)) {
            (Some(table), Some(copy)) if copy.kind.bits() > table.kind.bits() => COPY.into(),
            _ => stored.into(),
        }
    }

    /// Fails if a tensor was left over.
    pub(crate) fn finish(mut self) -> Result<()> {
        // Part of the configuration.
        self.taken.insert(ROPE_FACTORS.into());
        if self.config.tie_word_embeddings {
            self.taken.insert("output.weight".into());
        }
        let names = self.file.tensors().keys();
        let names: Vec<String> = names
            .filter(|name| !self.taken.contains(*name))
            .cloned()
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let path = self.file.path().into();
        Err(instructue_gguf::Error::Extra { path, names }.into())
    }
}

/// `layers.3.mlp.up_proj.weight` → `blk.3.ffn_up.weight`. A name without a
/// counterpart stays, and is then missing from the file.
fn gguf_name(name: &str) -> String {
    let Some((module, part)) = name.rsplit_once('.') else {
        return name.into();
    };
    let find = |names: &[(&str, &'static str)], module: &str| {
        let found = names.iter().find(|(ours, _)| *ours == module);
        found.map(|(_, theirs)| *theirs)
    };
    let block = module
        .strip_prefix("layers.")
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(layer, module)| Some(format!("blk.{layer}.{}", find(&BLOCK, module)?)));
    let module = block.or_else(|| Some(find(&TOP, module)?.into()));
    match module {
        Some(module) => format!("{module}.{part}"),
        None => name.into(),
    }
}

/// Files of architecture `llama` hold the rows of query and key such that
/// rotation turns neighbours; here it turns a head's first half against its
/// second. Row 2i + j of a head becomes row i + j · half.
fn halves(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    let width = values.len() / rows;
    let (head, half) = (rows / heads, rows / heads / 2);
    let mut out = Vec::with_capacity(values.len());
    for row in 0..rows {
        let (first, within) = (row / head * head, row % head);
        let from = first + within % half * 2 + within / half;
        out.extend_from_slice(&values[from * width..][..width]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_format() {
        for (ours, theirs) in [
            ("embed_tokens.weight", "token_embd.weight"),
            ("norm.weight", "output_norm.weight"),
            ("lm_head.weight", "output.weight"),
            ("layers.0.input_layernorm.weight", "blk.0.attn_norm.weight"),
            ("layers.12.self_attn.q_proj.bias", "blk.12.attn_q.bias"),
            (
                "layers.1.self_attn.o_proj.weight",
                "blk.1.attn_output.weight",
            ),
            (
                "layers.1.self_attn.k_norm.weight",
                "blk.1.attn_k_norm.weight",
            ),
            ("layers.2.mlp.down_proj.weight", "blk.2.ffn_down.weight"),
            ("layers.2.mlp.other.weight", "layers.2.mlp.other.weight"),
            ("plain", "plain"),
        ] {
            assert_eq!(gguf_name(ours), theirs);
        }
    }

    #[test]
    fn pairs_become_halves() {
        // Two heads of four rows, one column: 0 1 | 2 3 are pairs.
        let pairs: Vec<f32> = (0..8).map(|row| row as f32).collect();
        let halves = halves(&pairs, 8, 2);
        assert_eq!(halves, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }
}
