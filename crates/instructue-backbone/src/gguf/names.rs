//! The names of tensors in GGUF files, and which key of a checkpoint each stands for.

/// Divisors of the rotary frequencies.
pub(super) const ROPE_FACTORS: &str = "rope_freqs.weight";
/// The embedding table.
pub(super) const TABLE: &str = "token_embd.weight";
/// The output matrix, or a second copy of the table.
pub(super) const OUTPUT: &str = "output.weight";

/// What a module of a layer is called in either kind of file.
const LAYER: [(&str, &str); 11] = [
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

/// And outside the layers.
const TOP: [(&str, &str); 3] = [
    ("embed_tokens", "token_embd"),
    ("norm", "output_norm"),
    ("lm_head", "output"),
];

/// `layers.3.mlp.up_proj.weight` → `blk.3.ffn_up.weight`. A name without a
/// counterpart stays, and is then missing from the file.
pub(super) fn gguf_name(name: &str) -> String {
    let Some((module, part)) = name.rsplit_once('.') else {
        return name.into();
    };
    let find = |names: &[(&str, &'static str)], module: &str| {
        let found = names.iter().find(|(ours, _)| *ours == module);
        found.map(|(_, theirs)| *theirs)
    };
    let of_layer = module
        .strip_prefix("layers.")
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(layer, module)| Some(format!("blk.{layer}.{}", find(&LAYER, module)?)));
    let module = of_layer.or_else(|| Some(find(&TOP, module)?.into()));
    match module {
        Some(module) => format!("{module}.{part}"),
        None => name.into(),
    }
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
}
