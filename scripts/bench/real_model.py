"""A GGUF file as a Hugging Face directory, so that both sides of a race read the same files.

    python scripts/bench/real_model.py --gguf model.gguf --out target/bench/smollm2

Writes config.json and model.safetensors (single precision, what the file's weights
dequantise to), and adapter/: a PEFT adapter of rank 64 on all seven projections with
seeded factors, for the training step.
"""

import argparse
import pathlib
import sys

import torch
from peft import LoraConfig, get_peft_model

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "parity"))
from gguf_model import reference  # noqa: E402

PROJECTIONS = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rank", type=int, default=64, help="of the adapter (64)")
    arguments = parser.parse_args()
    model = reference(arguments.gguf)
    arguments.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(arguments.out, max_shard_size="100GB")
    torch.manual_seed(0)
    # No dropout: both sides have to draw the same numbers, that is none.
    config = LoraConfig(
        r=arguments.rank, lora_alpha=32, lora_dropout=0.0, target_modules=PROJECTIONS
    )
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    adapted.save_pretrained(arguments.out / "adapter")


if __name__ == "__main__":
    main()
