"""Whether peft loads the adapters that this workspace writes, and agrees.

Two ignored tests write adapters of the golden checkpoints, with an input and the
states that Rust computed from it:

    INSTRUCTUE_PEFT_OUT=target/peft cargo test --workspace --test it -- peft:: --ignored
    python scripts/parity/adapters.py --exports target/peft --crates crates

Fails if a state differs by more than 1e-4, or if peft has to guess: a key missing,
or one too many.
"""

import argparse
import pathlib
import sys
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM

BOUND = 1e-4

BASES = {
    "qwen2_tied": ("instructue-backbone", AutoModelForCausalLM),
    "qwen3_tied": ("instructue-backbone", AutoModelForCausalLM),
    "llama_bias_untied": ("instructue-backbone", AutoModelForCausalLM),
    "bert": ("instructue-encoders", AutoModel),
}


def worst(crates, exports, name):
    crate, model_class = BASES[name]
    base = crates / crate / "tests" / "golden" / name
    model = model_class.from_pretrained(base, attn_implementation="eager")
    golden = load_file(exports / name / "states.safetensors")
    inputs = dict(input_ids=golden["ids"].long(), output_hidden_states=True)
    with torch.no_grad():
        plain = model.eval()(**inputs).hidden_states[-1]
        # A key that is missing or has no place is such a warning in peft.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model = PeftModel.from_pretrained(model, exports / name / "adapter").eval()
        hidden = model(**inputs).hidden_states[-1]
    expected = golden["hidden"]
    if (plain - expected).abs().max() < 0.1:
        sys.exit(f"{name}: the adapter changes next to nothing, so nothing is compared")
    return (hidden - expected).abs().max().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exports", type=pathlib.Path, required=True)
    parser.add_argument("--crates", type=pathlib.Path, default=pathlib.Path("crates"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    failed = False
    for name in BASES:
        found = worst(arguments.crates, arguments.exports, name)
        failed |= not found <= BOUND
        print(f"{name}: max abs {found:.2e} (bound {BOUND:.0e})")
    sys.exit(failed)


if __name__ == "__main__":
    main()
