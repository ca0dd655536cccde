"""Golden values for the text encoder and the MLP adapter.

Builds a tiny random BERT with transformers and a tiny MLP with torch, and
writes their weights, inputs and outputs:

    OUT/instructue-encoders/tests/golden/bert/{config.json,model.safetensors}
    OUT/instructue-encoders/tests/golden/bert.safetensors
    OUT/instructue-encoders/tests/golden/roberta/…, roberta.safetensors
        the same of an XLM-RoBERTa, whose positions begin behind the padding's
    OUT/instructue-adapter/tests/golden/mlp.safetensors

Usage: python scripts/golden/bert.py --out crates
"""

import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

LENGTHS = [9, 1, 4, 7, 2]


def randomise(module: torch.nn.Module, generator: torch.Generator) -> None:
    """Weights large enough that a wrong activation or epsilon would show."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.copy_(1.0 + 0.3 * noise)
            else:
                parameter.copy_(0.25 * noise)


def bert(out: pathlib.Path) -> None:
    generator = torch.Generator().manual_seed(7)
    config = BertConfig(
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
        type_vocab_size=2,
        layer_norm_eps=1e-3,
        hidden_act="gelu",
    )
    model = BertModel(config, add_pooling_layer=True).eval()
    randomise(model, generator)

    write(out, "bert", model, generator)


def roberta(out: pathlib.Path) -> None:
    generator = torch.Generator().manual_seed(9)
    config = XLMRobertaConfig(
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=14,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        hidden_act="gelu",
        pad_token_id=1,
    )
    model = XLMRobertaModel(config, add_pooling_layer=True).eval()
    randomise(model, generator)
    write(out, "roberta", model, generator)


def write(out, name, model, generator) -> None:
    """Weights, a batch padded at the end, and what comes of it."""
    config = model.config
    first = config.pad_token_id + 1
    longest = max(LENGTHS)
    ids = torch.full((len(LENGTHS), longest), config.pad_token_id, dtype=torch.int64)
    mask = torch.zeros(len(LENGTHS), longest, dtype=torch.int64)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = torch.randint(first, 64, (length,), generator=generator)
        mask[row, :length] = 1
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(-1).float()
    mean = (hidden * weights).sum(1) / weights.sum(1)

    folder = out / "instructue-encoders" / "tests" / "golden" / name
    folder.mkdir(parents=True, exist_ok=True)
    settings = {k: v for k, v in config.to_dict().items() if v is not None}
    settings.pop("transformers_version", None)
    text = json.dumps(settings, indent=2, sort_keys=True)
    (folder / "config.json").write_text(text + "\n")
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    save_file(
        {
            "ids": ids.to(torch.int32),
            "mask": mask.to(torch.int32),
            # Padded positions mean nothing: zero, so that they compare equal.
            "hidden": hidden * weights,
            "cls": hidden[:, 0].contiguous(),
            "mean": mean,
        },
        folder.parent / f"{name}.safetensors",
    )


def mlp(out: pathlib.Path) -> None:
    generator = torch.Generator().manual_seed(8)
    module = torch.nn.Sequential()
    module.add_module("norm", torch.nn.LayerNorm(12))
    module.add_module("up", torch.nn.Linear(12, 20))
    module.add_module("gelu", torch.nn.GELU())
    module.add_module("down", torch.nn.Linear(20, 16))
    features = torch.nn.Linear(3, 16, bias=False)
    randomise(module, generator)
    randomise(features, generator)
    # Rows of very different scale: the layer norm must remove it.
    x = torch.randn(6, 12, generator=generator) * torch.logspace(-2, 2, 6).unsqueeze(1)
    f = torch.randn(6, 3, generator=generator)
    with torch.no_grad():
        y = module(x)
        tensors = dict(module.state_dict())
        tensors |= {
            "features.weight": features.weight.detach(),
            "input": x,
            "input_features": f,
            "output": y,
            "output_with_features": y + features(f),
        }
    folder = out / "instructue-adapter" / "tests" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "mlp.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("crates"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    bert(arguments.out)
    roberta(arguments.out)
    mlp(arguments.out)


if __name__ == "__main__":
    main()
