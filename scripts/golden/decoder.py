"""Golden values of tiny Qwen2, Qwen3 and Llama decoders, made with transformers.

Each case is a directory with config.json and model.safetensors as transformers
saves them, and golden.safetensors with an input batch (embeddings, mask,
positions), the hidden states after the final norm, the logits, and the gradient
of a scalar loss with respect to the input embeddings.

    Usage: python scripts/golden/decoder.py --out crates/instructue-backbone/tests/golden
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SIZES = dict(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    attn_implementation="eager",
)

CASES = {
    "qwen2_tied": (Qwen2Config, Qwen2ForCausalLM, dict(tie_word_embeddings=True)),
    "qwen2_untied": (
        Qwen2Config,
        Qwen2ForCausalLM,
        dict(
            tie_word_embeddings=False,
            rope_parameters=dict(rope_type="default", rope_theta=1e6),
        ),
    ),
    "llama_tied": (LlamaConfig, LlamaForCausalLM, dict(tie_word_embeddings=True)),
    "llama_bias_untied": (
        LlamaConfig,
        LlamaForCausalLM,
        dict(tie_word_embeddings=False, attention_bias=True, head_dim=12),
    ),
    # Heads are as wide as they like: 4 · 12 is not 32.
    "qwen3_tied": (Qwen3Config, Qwen3ForCausalLM, dict(tie_word_embeddings=True, head_dim=12)),
    "qwen3_bias_untied": (
        Qwen3Config,
        Qwen3ForCausalLM,
        dict(tie_word_embeddings=False, attention_bias=True, head_dim=6),
    ),
    # Scaled positions; the frequencies of published settings are in rope.py.
    "llama_scaled": (
        LlamaConfig,
        LlamaForCausalLM,
        dict(
            tie_word_embeddings=True,
            head_dim=12,
            rope_parameters=dict(
                rope_type="llama3",
                rope_theta=1e4,
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=64,
            ),
        ),
    ),
    "qwen2_yarn": (
        Qwen2Config,
        Qwen2ForCausalLM,
        dict(
            tie_word_embeddings=True,
            rope_parameters=dict(
                rope_type="yarn",
                rope_theta=1e4,
                factor=4.0,
                original_max_position_embeddings=32,
            ),
        ),
    ),
}


def shake(model):
    """Weights far from their initial values: every term must matter."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
            elif name.endswith("bias"):
                weight.normal_(0.0, 0.3)
            else:
                weight.normal_(0.0, 0.25)


def write(out, name, config_class, model_class, extra, seed):
    torch.manual_seed(seed)
    config = config_class(**SIZES, **extra)
    model = model_class(config).eval()
    shake(model)
    directory = out / name
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    for path in directory.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()
    # The version of the writer is no part of the model.
    config_path = directory / "config.json"
    fields = json.loads(config_path.read_text())
    fields.pop("transformers_version", None)
    config_path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")

    # A full row, one padded on the right, one padded on the left, and one whose
    # positions have a gap.
    length = 9
    ids = torch.randint(0, config.vocab_size, (4, length))
    mask = torch.ones(4, length, dtype=torch.long)
    mask[1, 6:] = 0
    mask[2, :4] = 0
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    positions[3, 5:] += 40

    embeddings = model.get_input_embeddings()(ids).detach().requires_grad_(True)
    result = model.model(
        inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, use_cache=False
    )
    hidden = result.last_hidden_state
    logits = model.lm_head(hidden)
    # A loss over real tokens only; padding states carry no meaning.
    real = mask.bool()
    weights = torch.linspace(-1.0, 1.0, config.hidden_size)
    loss = (hidden[real] * weights).sum() + logits[real].square().mean()
    loss.backward()
    tensors = dict(
        ids=ids.to(torch.int64),
        mask=mask.to(torch.int64),
        positions=positions.to(torch.int64),
        embeddings=embeddings.detach(),
        hidden=hidden.detach(),
        logits=logits.detach(),
        loss=loss.detach().reshape(1),
        gradient=embeddings.grad,
    )
    tensors = {key: value.contiguous() for key, value in tensors.items()}
    save_file(tensors, directory / "golden.safetensors")
    for path in directory.iterdir():
        path.chmod(0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    for seed, (name, (config_class, model_class, extra)) in enumerate(CASES.items()):
        write(arguments.out, name, config_class, model_class, extra, seed)


if __name__ == "__main__":
    main()
