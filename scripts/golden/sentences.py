"""Golden vectors of sentence-transformers directories.

Builds a tiny random BERT with a WordPiece tokenizer, wraps it with
sentence-transformers in several ways, and writes what that saves and what it
makes of some texts:

    OUT/instructue-model/tests/golden/sentences/model/       weights, tokenizer
    OUT/instructue-model/tests/golden/sentences/NAME/        the other files of each
    OUT/instructue-model/tests/golden/sentences/texts.json
    OUT/instructue-model/tests/golden/sentences.safetensors  ids and vectors of each

Usage: python scripts/golden/sentences.py --out crates
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizer

WORDS = "the coffee shop pay ##ment ##s cash card train ticket bill user 2 ##4 ##5 | : . , ! ( ) _"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = [
    "coffee | cash",
    "The COFFEE Shop: payments 245",
    "Élan, café!",
    "咖啡 coffee 茶店",
    "🦀 train 🦀🦀 ticket",
    "def pay(user): bill_2",
    "",
    " \t\n",
    "x",
    "the train ticket, the coffee shop, the user, the bill: cash | card. " * 4,
    "zażółć gęślą jaźń",
    "coffee\u0000shop \u200b\ufffd card",
]

# Name, pooling, normalised, longest text, tokenizer without lower case but texts in it.
VARIANTS = [
    ("mean", "mean", False, 16, False),
    ("mean_normalized", "mean", True, 9, False),
    ("cls", "cls", False, None, False),
    ("cls_lower", "cls", True, 12, True),
]


def tokenizer(lower: bool) -> BertTokenizer:
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list(LETTERS) + [f"##{letter}" for letter in LETTERS]
    tokens = marks + WORDS.split() + letters + ["咖", "啡", "🦀", "é", "##é", "É"]
    vocabulary = {token: at for at, token in enumerate(tokens)}
    return BertTokenizer(vocabulary, do_lower_case=lower, model_max_length=14)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("crates"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    golden = arguments.out / "instructue-model" / "tests" / "golden"
    shutil.rmtree(golden / "sentences", ignore_errors=True)
    (golden / "sentences").mkdir(parents=True)

    generator = torch.Generator().manual_seed(11)
    config = BertConfig(
        vocab_size=len(tokenizer(True)) + 3,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        type_vocab_size=2,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            one = "LayerNorm.weight" in name
            parameter.copy_(1.0 + 0.3 * noise if one else 0.4 * noise)

    tensors = {}
    for name, pooling, normalized, longest, lower in VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            model.save_pretrained(folder / "bert")
            tokenizer(not lower).save_pretrained(folder / "bert")
            encoder = Transformer(str(folder / "bert"), max_seq_length=longest)
            modules = [encoder, Pooling(16, pooling)] + [Normalize()] * normalized
            whole = SentenceTransformer(modules=modules, device="cpu")
            whole.save(str(folder / "whole"), create_model_card=False)
            if lower:
                # As versions before 6 wrote it, which is what most directories are.
                settings = dict(max_seq_length=longest, do_lower_case=True)
                text = json.dumps(settings)
                (folder / "whole" / "sentence_bert_config.json").write_text(text + "\n")
            # What is used is what was saved.
            whole = SentenceTransformer(str(folder / "whole"), device="cpu")
            vectors = [whole.encode(text, convert_to_tensor=True) for text in TEXTS]
            tensors[f"vectors.{name}"] = torch.stack(vectors)
            for at, text in enumerate(TEXTS):
                ids = whole.preprocess([text])["input_ids"][0].to(torch.int32)
                tensors[f"ids.{name}.{at}"] = ids
            keep(folder / "whole", golden / "sentences", name, first=name == "mean")
    (golden / "sentences" / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    save_file(tensors, golden / "sentences.safetensors")


def keep(whole: pathlib.Path, folder: pathlib.Path, name: str, first: bool) -> None:
    """Weights and configuration once, the small files for each."""
    for file in sorted(path for path in whole.rglob("*") if path.is_file()):
        place = file.relative_to(whole)
        shared = place.name in ("model.safetensors", "config.json") and len(place.parts) == 1
        if shared and not first:
            continue
        target = folder / ("model" if shared else name) / place
        target.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_bytes()
        # Some of the files end without a newline.
        target.write_bytes(text if shared or text.endswith(b"\n") else text + b"\n")


if __name__ == "__main__":
    main()
