"""Whether an encoder's directory gives here what it gives in sentence-transformers.

An ignored test writes the ids and vectors of the texts:

    INSTRUCTUE_PARITY_ENCODER=DIR INSTRUCTUE_PARITY_TEXTS=$PWD/scripts/parity/sentences.json \
        INSTRUCTUE_PARITY_OUT=target/parity/model \
        cargo test --workspace --test it -- encoder_parity:: --ignored
    python scripts/parity/sentences.py --model DIR --ours target/parity/model

Fails if ids differ, or a cosine is below .99999 or a length not that of the reference.
The texts spell no special token: those are tokens there and text here.
"""

import argparse
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

BOUND = 0.99999
TEXTS = pathlib.Path(__file__).parent / "sentences.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--ours", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    texts = json.loads(TEXTS.read_text())
    ours = load_file(arguments.ours / "ours.safetensors")
    model = SentenceTransformer(arguments.model, device="cpu")
    expected = model.encode(texts, convert_to_tensor=True, batch_size=32).double()
    found = ours["vectors"].double()
    if found.shape != expected.shape:
        sys.exit(f"shapes {tuple(found.shape)} and {tuple(expected.shape)}")
    other = 0
    for at, text in enumerate(texts):
        ids = model.preprocess([text])["input_ids"][0]
        other += not torch.equal(ids, ours[f"ids.{at}"].long())
    longest = max(len(ours[f"ids.{at}"]) for at in range(len(texts)))
    cosine = torch.nn.functional.cosine_similarity(found, expected).min().item()
    lengths = (found.norm(dim=1) / expected.norm(dim=1) - 1).abs().max().item()
    apart = (found - expected).abs().max().item()
    print(
        f"{len(texts)} texts, at most {longest} tokens: ids differ at {other}, least cosine "
        f"1 - {1 - cosine:.1e} (bound {BOUND}), max abs {apart:.1e}, lengths within {lengths:.1e}"
    )
    sys.exit(not (other == 0 and cosine >= BOUND and lengths <= 1 - BOUND))


if __name__ == "__main__":
    main()
