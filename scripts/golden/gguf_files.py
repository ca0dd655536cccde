"""GGUF files and dequantised blocks, made with the reference package gguf.

    OUT/instructue-gguf/tests/golden/blocks.safetensors
        for each type the bytes of random blocks and their values
    OUT/instructue-gguf/tests/golden/small.{gguf,safetensors}
        one block of a Llama in many types, with a tokenizer, and its values
    OUT/instructue-backbone/tests/golden/gguf/CASE.gguf
        the decoders of decoder.py (run that first) as the usual converter names
        and permutes them

Usage: python scripts/golden/gguf_files.py --out crates
"""

import argparse
import json
import math
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader, GGUFWriter, RopeScalingType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file, save_file

# Byte offsets of the half-precision scales in a block.
SCALES = {
    Kind.F32: [],
    Kind.F16: [0],
    Kind.BF16: [],
    Kind.Q4_0: [0],
    Kind.Q4_1: [0, 2],
    Kind.Q5_0: [0],
    Kind.Q5_1: [0, 2],
    Kind.Q8_0: [0],
    Kind.Q4_K: [0, 2],
    Kind.Q5_K: [0, 2],
    Kind.Q6_K: [208],
}


def random_blocks(kind, random):
    """Random bytes; scales over the whole range of finite halves."""
    length, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (4 if length == 256 else 4 * 256 // length, size), np.uint8)
    if kind == Kind.F32:
        blocks[:, 3] &= 0xBF  # exponents below 128: finite
    if kind == Kind.BF16:
        blocks[:, 1] &= 0xBF
    for offset in SCALES[kind]:
        high = blocks[:, offset + 1]
        high[(high & 0x7C) == 0x7C] ^= 0x40
    return blocks


def write_blocks(path):
    random = np.random.default_rng(1)
    tensors = {}
    for kind in SCALES:
        blocks = random_blocks(kind, random)
        values = dequantize(blocks, kind)
        assert np.isfinite(values).all()
        tensors[f"{kind.name}.bytes"] = blocks.reshape(-1)
        tensors[f"{kind.name}.values"] = values.reshape(-1)
    save_file(tensors, path)


def byte_characters():
    """The characters that stand for bytes in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return [table[byte] for byte in range(256)]


def add_tokenizer(writer):
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "l d", "Ġwor ld", "1 2", "Ã ©"]
    tokens = special + byte_characters() + [merge.replace(" ", "") for merge in merges]
    kinds = [3] * len(special) + [1] * (len(tokens) - len(special))
    # A token of the user and one that only fills the table.
    tokens += ["[user]", "[PAD271]"]
    kinds += [4, 5]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{{ messages }}")
    return len(tokens)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tensor(writer, name, values, kind):
    data = values.astype(np.float32) if kind == Kind.F32 else quantize(values, kind)
    raw = None if kind in (Kind.F32, Kind.F16) else kind
    writer.add_tensor(name, data, raw_dtype=raw)


def write_small(path):
    random = np.random.default_rng(2)
    writer = GGUFWriter(path, "llama")
    writer.add_name("small")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    vocabulary = add_tokenizer(writer)
    shapes = {
        "token_embd.weight": ((vocabulary, 32), Kind.Q8_0),
        "blk.0.attn_norm.weight": ((32,), Kind.F32),
        "blk.0.attn_q.weight": ((32, 32), Kind.Q4_0),
        "blk.0.attn_k.weight": ((16, 32), Kind.Q4_1),
        "blk.0.attn_v.weight": ((16, 32), Kind.Q5_0),
        "blk.0.attn_output.weight": ((32, 32), Kind.Q5_1),
        "blk.0.ffn_norm.weight": ((32,), Kind.F32),
        "blk.0.ffn_gate.weight": ((64, 32), Kind.F16),
        "blk.0.ffn_up.weight": ((64, 32), Kind.BF16),
        "blk.0.ffn_down.weight": ((32, 64), Kind.Q8_0),
        "output_norm.weight": ((32,), Kind.F32),
    }
    for name, (shape, kind) in shapes.items():
        add_tensor(writer, name, random.normal(size=shape).astype(np.float32), kind)
    finish(writer)
    save_values(path, path.with_suffix(".safetensors"))


def save_values(path, out):
    """What the reference reads from a file."""
    values = {}
    for tensor in GGUFReader(path).tensors:
        shape = [int(axis) for axis in reversed(tensor.shape)]
        values[tensor.name] = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
    save_file(values, out)


LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    name = name.removeprefix("model.")
    if name.startswith("layers."):
        _, layer, rest = name.split(".", 2)
        module, part = rest.rsplit(".", 1)
        return f"blk.{layer}.{LAYER[module]}.{part}"
    top = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
    module, part = name.rsplit(".", 1)
    return f"{top[module]}.{part}"


def permute(values, heads):
    """Rows of rotary halves become rows of rotary pairs, as for arch llama."""
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def rope_factors(rope, width):
    """What the usual converter makes of `llama3`: a divisor for each frequency."""
    factor, low, high = (rope[f"{key}factor"] for key in ["", "low_freq_", "high_freq_"])
    length = rope["original_max_position_embeddings"]
    factors = []
    for pair in range(0, width, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (pair / width)
        if wavelength < length / high:
            factors.append(1.0)
        elif wavelength > length / low:
            factors.append(factor)
        else:
            smooth = (length / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


def write_decoder(source, path):
    config = json.loads((source / "config.json").read_text())
    arch = config["model_type"]
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    rope = config.get("rope_parameters") or {}
    writer = GGUFWriter(path, arch)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope.get("rope_theta", 10000.0))
    width = config.get("head_dim") or config["hidden_size"] // heads
    if width * heads != config["hidden_size"]:
        writer.add_key_length(width)
        writer.add_value_length(width)
    if arch == "llama":
        writer.add_rope_dimension_count(width)
    if rope.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope.get("rope_type") == "llama3":
        add_tensor(writer, "rope_freqs.weight", rope_factors(rope, width), Kind.F32)
    for name, values in sorted(load_file(source / "model.safetensors").items()):
        if arch == "llama" and ".q_proj." in name:
            values = permute(values, heads)
        if arch == "llama" and ".k_proj." in name:
            values = permute(values, key_heads)
        add_tensor(writer, gguf_name(name), values, Kind.F32)
    finish(writer)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    own = out / "instructue-gguf/tests/golden"
    own.mkdir(parents=True, exist_ok=True)
    write_blocks(own / "blocks.safetensors")
    write_small(own / "small.gguf")

    golden = out / "instructue-backbone/tests/golden"
    (golden / "gguf").mkdir(parents=True, exist_ok=True)
    for source in sorted(golden.glob("*/config.json")):
        write_decoder(source.parent, golden / "gguf" / f"{source.parent.name}.gguf")
    for path in [*own.iterdir(), *(golden / "gguf").iterdir()]:
        path.chmod(0o644)


if __name__ == "__main__":
    main()
