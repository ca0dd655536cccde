"""Whether a GGUF file gives here what its weights give in transformers.

An ignored test writes token ids, logits and best tokens of the prompts:

    INSTRUCTUE_PARITY_GGUF=model.gguf INSTRUCTUE_PARITY_PROMPTS=$PWD/scripts/parity/prompts.json \
        INSTRUCTUE_PARITY_OUT=target/parity/model \
        cargo test --workspace --test it -- parity:: --ignored
    python scripts/parity/gguf_model.py --gguf model.gguf --ours target/parity/model

The reference dequantises with the `gguf` package and runs transformers in single
precision on the same ids. Fails if a logit of a prompt's last token differs by more
than 2e-3, or the best token differs anywhere.
"""

import argparse
import pathlib
import sys

import gguf
import numpy
import torch
from gguf.quants import dequantize
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoModelForCausalLM

BOUND = 2e-3

PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def rows_as_before(weight, heads):
    """Query and key rows of architecture llama stand in pairs in the file."""
    pairs = weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def reference(path):
    reader = gguf.GGUFReader(path)
    value = lambda key: reader.fields[key].contents()
    kind = value("general.architecture")
    of = lambda key: value(f"{kind}.{key}")
    tensors = {
        t.name: dequantize(t.data, t.tensor_type).reshape([int(n) for n in reversed(t.shape)])
        for t in reader.tensors
    }
    heads, kv_heads = of("attention.head_count"), of("attention.head_count_kv")
    # Head and table are one where the file has one, or both nearly alike; the copy
    # with more bits is the better one.
    bits = {t.name: t.n_bytes / t.n_elements for t in reader.tensors}
    tied = "output.weight" not in tensors or alike(tensors)
    if tied and bits.get("output.weight", 0) > bits["token_embd.weight"]:
        tensors["token_embd.weight"] = tensors["output.weight"]
    if tied:
        tensors["output.weight"] = tensors["token_embd.weight"]
    config = AutoConfig.for_model(
        kind,
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=of("embedding_length"),
        intermediate_size=of("feed_forward_length"),
        num_hidden_layers=of("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        rms_norm_eps=of("attention.layer_norm_rms_epsilon"),
        rope_parameters=dict(rope_type="default", rope_theta=of("rope.freq_base")),
        tie_word_embeddings=tied,
        max_position_embeddings=of("context_length"),
    )
    state = {}
    for name, weight in tensors.items():
        place = name.split(".")
        if place[0] == "blk":
            if kind == "llama" and place[2] in ("attn_q", "attn_k"):
                weight = rows_as_before(weight, heads if place[2] == "attn_q" else kv_heads)
            target = f"model.layers.{place[1]}.{PARTS[place[2]]}.{place[3]}"
        else:
            target = f"{WHOLE[place[0]]}.{place[1]}"
        state[target] = torch.from_numpy(numpy.array(weight, dtype=numpy.float32))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().float()
    model.load_state_dict(state)
    return model


def alike(tensors):
    head, table = (tensors[f"{name}.weight"][:64] for name in ("output", "token_embd"))
    products = (head * table).sum(1)
    lengths = numpy.linalg.norm(head, axis=1) * numpy.linalg.norm(table, axis=1)
    return bool((products > 0.98 * lengths).all())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--ours", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    ours = load_file(arguments.ours / "ours.safetensors")
    model = reference(arguments.gguf)
    worst, places, differ = 0.0, 0, 0
    count = sum(name.startswith("ids.") for name in ours)
    for prompt in range(count):
        ids = torch.tensor(ours[f"ids.{prompt}"].astype(numpy.int64))[None]
        with torch.no_grad():
            logits = model(ids).logits[0]
        last = torch.from_numpy(ours[f"last.{prompt}"])
        worst = max(worst, (logits[-1] - last).abs().max().item())
        best = logits.argmax(-1).numpy()
        places += len(best)
        differ += int((best != ours[f"best.{prompt}"]).sum())
    print(
        f"{count} prompts, {places} tokens: max abs of logits {worst:.2e} "
        f"(bound {BOUND:.0e}), best token differs at {differ}"
    )
    sys.exit(not (count and worst <= BOUND and differ == 0))


if __name__ == "__main__":
    main()
