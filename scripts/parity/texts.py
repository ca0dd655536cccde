"""2,000 strings to split into tokens: code, prose, scripts, emoji, white space.

    python scripts/parity/texts.py --out target/parity/texts.json

A third are lines of this repository; the rest is drawn from pools in which
composed and decomposed letters (NFC and NFD), joiners, control characters and the
names of special tokens are mixed.
"""

import argparse
import json
import pathlib
import random

COUNT = 2000
LINES = 650
WORDS = 150

POOLS = [
    "abc XYZ 0123456789 '.,;:!?-_()[]{}",
    "äöüßéèñçøåÄÖÜ ",
    "e\u0301a\u0308o\u0302n\u0303 u\u0308\u0304",
    "漢字仮名交じり文日本語中文测试。，",
    "😀🦀🇩🇪👨\u200d👩\u200d👧\u200d👦❤\ufe0f🔥✨",
    "Привет мир ",
    "שלום עולם مرحبا ",
    "हिन्दी ภาษาไทย 한국어 조선말",
    "\u1112\u1161\u11ab\u1100\u1173\u11af ",
    "\n\t  \r\n \u00a0\u2003\u3000",
    "½²³①Ⅷ٣४ﬁ",
    "'s 't 're 've 'm 'll 'd 'S 'LL",
    "<|im_start|><|endoftext|> <|im_e",
    "\u0000\u0001\ufeff\u200b\u200d\u202e",
]
PROSE = (
    "the The capital of France is Paris and 2024 user's bought 12 items for $3.99 at "
    "WALMART don't we'll I'm naïve café"
).split()


def texts():
    draw = random.Random(3)
    root = pathlib.Path(__file__).resolve().parents[2]
    files = sorted([*root.glob("crates/*/src/*.rs"), *root.glob("docs/*.md"), root / "README.md"])
    lines = [line for file in files for line in file.read_text("utf8").splitlines()]
    out = draw.sample([line for line in lines if line.strip()], LINES)
    while len(out) < COUNT - WORDS:
        pools = draw.sample(POOLS, draw.randint(1, 4))
        length = draw.randint(1, 60)
        out.append("".join(draw.choice(draw.choice(pools)) for _ in range(length)))
    while len(out) < COUNT:
        words = (draw.choice(PROSE) for _ in range(draw.randint(1, 40)))
        out.append(draw.choice([" ", "  ", "\n", ""]).join(words))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    out = texts()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(out))
    print(f"{len(out)} texts")


if __name__ == "__main__":
    main()
