"""Rotary frequencies of published and made-up settings, computed by transformers.

    OUT/rope/CASE.json        what `config.json` says, in the form of that case
    OUT/rope/golden.safetensors
        CASE.frequencies      one for each pair of a head
        CASE.scale            what cosines and sines are multiplied by

Usage: python scripts/golden/rope.py --out crates/instructue-backbone/tests/golden
"""

import argparse
import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, Qwen2Config, Qwen3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

CLASSES = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
LLAMA3 = dict(low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)


def config(kind, width, theta, positions, **rest):
    """The numbers that decide positions; the others are of any size."""
    theta = {} if theta is None else dict(rope_theta=theta)
    return dict(
        model_type=kind,
        vocab_size=64,
        hidden_size=4 * width,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=width,
        max_position_embeddings=positions,
        rms_norm_eps=1e-6,
        **theta,
        **rest,
    )


CASES = {
    # Llama 3.2 1B and Llama 3.1 8B, with the older key and the newer one.
    "llama_3_2": config(
        "llama", 64, 5e5, 131072, rope_scaling=dict(rope_type="llama3", factor=32.0, **LLAMA3)
    ),
    "llama_3_1": config(
        "llama",
        128,
        None,
        131072,
        rope_parameters=dict(rope_type="llama3", rope_theta=5e5, factor=8.0, **LLAMA3),
    ),
    "llama3_as_type": config(
        "llama", 16, 1e4, 512, rope_scaling=dict(type="llama3", factor=3.5, **LLAMA3)
    ),
    # As the cards of Qwen2.5 and Qwen3 advise.
    "qwen_2_5": config(
        "qwen2",
        128,
        1e6,
        32768,
        rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=32768),
    ),
    "qwen_3": config(
        "qwen3",
        128,
        1e6,
        131072,
        rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32768),
    ),
    "yarn_without_original": config(
        "qwen2", 32, 1e4, 2048, rope_scaling=dict(type="yarn", factor=2)
    ),
    "yarn_all_keys": config(
        "llama",
        64,
        None,
        8192,
        rope_parameters=dict(
            rope_type="yarn",
            rope_theta=1e5,
            factor=16.0,
            beta_fast=20.0,
            beta_slow=2.0,
            attention_factor=1.25,
            original_max_position_embeddings=512,
            truncate=False,
        ),
    ),
    "yarn_mscale": config(
        "llama",
        64,
        1e4,
        163840,
        rope_scaling=dict(
            type="yarn",
            factor=40,
            mscale=0.707,
            mscale_all_dim=1.0,
            beta_fast=32,
            beta_slow=1,
            original_max_position_embeddings=4096,
        ),
    ),
    # The ramp lies before the first pair.
    "yarn_short": config(
        "qwen2",
        16,
        1e4,
        64,
        rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=4),
    ),
    "linear": config("llama", 32, 1e4, 4096, rope_scaling=dict(type="linear", factor=2.5)),
    "beside": config(
        "llama",
        32,
        1e4,
        4096,
        original_max_position_embeddings=1024,
        rope_scaling=dict(rope_type="yarn", factor=4.0),
    ),
    "default": config(
        "qwen3", 128, None, 40960, rope_parameters=dict(rope_type="default", rope_theta=1e6)
    ),
}


def rotation(fields):
    fields = json.loads(json.dumps(fields))
    built = CLASSES[fields.pop("model_type")](**fields)
    kind = built.rope_parameters["rope_type"]
    if kind == "default":
        width, theta = built.head_dim, built.rope_parameters["rope_theta"]
        return 1.0 / theta ** (torch.arange(0, width, 2).float() / width), 1.0
    return ROPE_INIT_FUNCTIONS[kind](built, "cpu")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out / "rope"
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    tensors = {}
    for name, fields in CASES.items():
        (out / f"{name}.json").write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")
        frequencies, scale = rotation(fields)
        tensors[f"{name}.frequencies"] = frequencies.contiguous()
        tensors[f"{name}.scale"] = torch.tensor([scale], dtype=torch.float32)
    save_file(tensors, out / "golden.safetensors")
    for path in out.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
