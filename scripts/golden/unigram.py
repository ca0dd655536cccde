"""A SentencePiece tokenizer as XLM-RoBERTa's directories have it, and its ids.

A Unigram model over a small corpus in several languages, with a normaliser of its
own (`Precompiled`), Metaspace, and special tokens that are pieces of the vocabulary:

    OUT/tokenizer.json, OUT/tokenizer_config.json
    OUT/texts.json        texts with the ids that the library tokenizers gives them,
                          specials around them

Usage: python scripts/golden/unigram.py --out crates/instructue-features/tests/golden/unigram
"""

import argparse
import json
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as format
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

CORPUS = [
    "the user's bill: payments, purchases and searches",
    "milk and bread from the corner shop, again milk and bread",
    "groceries paid by card, books paid in cash",
    "Fahrkarte für die Straßenbahn, Fahrkarte für den Zug",
    "café au lait et croissant, café noir",
    "数码产品 手机 手机壳 手机",
    "купить молоко и хлеб, молоко и хлеб",
    "search for a new phone, search for a phone case",
]
TEXTS = CORPUS + [
    "",
    "   two  spaces ",
    "ｍｉｌｋ and ﬁne bread",
    "unseen letters: ξψω 🙂 end",
    "milk\tand\nbread",
    "▁milk ▁",
]
# Full-width letters and ligatures, as NFKC has them, and control characters.
RULES = {chr(0xFF41 + at): chr(ord("a") + at) for at in range(26)}
RULES |= {"ﬁ": "fi", "\t": " ", "\n": " "}
# Where fairseq's order puts them.
FIRST = ["<s>", "<pad>", "</s>", "<unk>"]


def train(folder):
    rules = "\n".join(
        " ".join(f"{ord(c):x}" for c in old) + "\t" + " ".join(f"{ord(c):x}" for c in new)
        for old, new in RULES.items()
    )
    (folder / "rules.tsv").write_text(rules + "\n")
    (folder / "corpus.txt").write_text("\n".join(CORPUS * 4) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus.txt"),
        model_prefix=str(folder / "model"),
        model_type="unigram",
        vocab_size=400,
        hard_vocab_limit=False,
        normalization_rule_tsv=str(folder / "rules.tsv"),
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    model = format.ModelProto()
    model.ParseFromString((folder / "model.model").read_bytes())
    return model


def convert(model):
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    assert [piece for piece, _ in pieces[:3]] == ["<unk>", "<s>", "</s>"]
    vocab = [(name, 0.0) for name in FIRST] + pieces[3:] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(Unigram(vocab, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokenizer.add_special_tokens([*FIRST, "<mask>"])
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = convert(train(Path(folder)))
    # As a text file ends.
    (out / "tokenizer.json").write_text(tokenizer.to_str(pretty=True) + "\n")
    names = dict(bos="<s>", eos="</s>", cls="<s>", sep="</s>", pad="<pad>", unk="<unk>")
    config = {f"{key}_token": name for key, name in names.items()}
    config |= dict(mask_token="<mask>", tokenizer_class="XLMRobertaTokenizer")
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    texts = [dict(text=text, ids=tokenizer.encode(text).ids) for text in TEXTS]
    (out / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n")
    for path in out.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
