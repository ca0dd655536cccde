"""Golden adapters of the tiny decoders and the tiny BERT, made with peft.

The bases are the golden checkpoints that decoder.py and bert.py wrote. Each case
is a directory with adapter_config.json and adapter_model.safetensors as peft saves
them, and golden.safetensors with an input and the last hidden states:

    OUT/instructue-backbone/tests/golden/peft/{causal,bare_rslora,partial,patterns}/
    OUT/instructue-encoders/tests/golden/peft/bert/

Usage: python scripts/golden/adapters.py --out crates
"""

import argparse
import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModel, AutoModelForCausalLM

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BERT = ["query", "key", "value", "attention.output.dense"]

# The base, its class, and the settings. A model without its head has other paths,
# and rslora another scale.
CASES = {
    "causal": (
        "qwen2_tied",
        AutoModelForCausalLM,
        dict(task_type="CAUSAL_LM", r=4, lora_alpha=6, target_modules=ALL),
    ),
    "bare_rslora": (
        "llama_tied",
        AutoModel,
        dict(
            task_type="FEATURE_EXTRACTION",
            r=3,
            lora_alpha=2,
            target_modules=ALL,
            use_rslora=True,
        ),
    ),
    "partial": (
        "qwen2_untied",
        AutoModelForCausalLM,
        dict(task_type="CAUSAL_LM", r=2, lora_alpha=2, target_modules=["k_proj", "down_proj"]),
    ),
    # Ranks and scales of single maps. peft sorts the keys when it saves, and the
    # first that matches counts: `down_proj` in layer 1, too.
    "patterns": (
        "qwen3_bias_untied",
        AutoModelForCausalLM,
        dict(
            task_type="CAUSAL_LM",
            r=4,
            lora_alpha=6,
            target_modules=ALL,
            use_rslora=True,
            rank_pattern={
                "^model.layers.0.self_attn.q_proj": 2,
                "down_proj": 6,
                "layers.1.mlp.down_proj": 1,
                r"layers\.1\..*(up|gate)_proj": 3,
                "o_proj": 5,
            },
            alpha_pattern={"layers.0.mlp.down_proj": 3, "o_proj": 9, "v_proj": 1},
        ),
    ),
}


def adapted(base, model_class, settings):
    """The base with factors far from their start, where B is zero."""
    model = model_class.from_pretrained(base, attn_implementation="eager")
    model = get_peft_model(model.eval(), LoraConfig(lora_dropout=0.1, bias="none", **settings))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(0.0, 0.3)
    return model.eval()


def save(model, directory, tensors):
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    for path in directory.iterdir():
        if path.name not in ("adapter_config.json", "adapter_model.safetensors"):
            path.unlink()
    # Neither the place of the base nor the order of a set is part of an adapter.
    path = directory / "adapter_config.json"
    fields = json.loads(path.read_text())
    fields["base_model_name_or_path"] = "tiny"
    fields["target_modules"].sort()
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")
    tensors = {key: value.detach().contiguous() for key, value in tensors.items()}
    save_file(tensors, directory / "golden.safetensors")
    for path in directory.iterdir():
        path.chmod(0o644)


def decoders(out):
    golden = out / "instructue-backbone" / "tests" / "golden"
    for seed, (name, (base, model_class, settings)) in enumerate(CASES.items()):
        torch.manual_seed(100 + seed)
        model = adapted(golden / base, model_class, settings)
        ids = torch.randint(0, model.config.vocab_size, (3, 8))
        with torch.no_grad():
            hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1]
            with model.disable_adapter():
                base_hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1]
        # An adapter that hardly changes the states would test nothing.
        assert (hidden - base_hidden).abs().max() > 0.5, name
        save(model, golden / "peft" / name, dict(ids=ids, hidden=hidden))


def bert(out):
    torch.manual_seed(200)
    golden = out / "instructue-encoders" / "tests" / "golden"
    settings = dict(task_type="FEATURE_EXTRACTION", r=4, lora_alpha=8, target_modules=BERT)
    model = adapted(golden / "bert", AutoModel, settings)
    ids = torch.randint(1, model.config.vocab_size, (3, 7))
    mask = torch.ones_like(ids)
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    tensors = dict(ids=ids.to(torch.int32), mask=mask.to(torch.int32), hidden=hidden)
    save(model, golden / "peft" / "bert", tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("crates"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    decoders(arguments.out)
    bert(arguments.out)


if __name__ == "__main__":
    main()
