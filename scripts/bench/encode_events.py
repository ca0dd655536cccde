"""Event texts through sentence-transformers, for a comparison of speed with
`benches/benches/real_encoder.rs` on the same directory and the same texts.

Writes the texts, one a line, to `--events` unless the file is there: `--count` of them,
`--distinct` of which (a share) are distinct, as long as event texts are. Then times
`encode(batch_size=32)`, which encodes all texts as they are given, and prints one line
of JSON. Reading the model is not timed, here or there.

    python scripts/bench/encode_events.py --model DIR --events target/bench/events.txt
    INSTRUCTUE_ENCODER=DIR INSTRUCTUE_EVENTS=$PWD/target/bench/events.txt \\
        cargo bench -p instructue-benches --bench real_encoder
"""

import argparse
import json
import pathlib
import platform
import random
import statistics
import time

import sentence_transformers
import torch
import transformers

GOODS = """milk bread eggs noodles coffee tea rice apples cheese shampoo batteries
detergent socks novel charger headphones lamp cinema ticket train pass parking diesel
gym membership haircut dog food cat litter phone plan insurance premium rent""".split()
PLACES = """corner shop|city market|north station|online store|garden centre|book barn|
pet palace|noodle bar|petrol station|pharmacy on the square""".replace("\n", "").split("|")
WAYS = "cash card wallet transfer voucher".split()


def write(path, count, distinct, seed):
    generator = random.Random(seed)
    texts = set()
    while len(texts) < round(count * distinct):
        goods = " ".join(generator.sample(GOODS, generator.randint(1, 5)))
        amount = f"{generator.randint(1, 400)}.{generator.randint(0, 99):02d}"
        texts.add(f"{goods} | {generator.choice(PLACES)} | {amount} | {generator.choice(WAYS)}")
    texts = sorted(texts)
    # Each at least once, the others drawn again.
    events = texts + generator.choices(texts, k=count - len(texts))
    generator.shuffle(events)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(events) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--events", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--distinct", type=float, default=0.4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.events.exists():
        write(arguments.events, arguments.count, arguments.distinct, arguments.seed)
    events = arguments.events.read_text().splitlines()
    torch.set_num_threads(arguments.threads)
    model = sentence_transformers.SentenceTransformer(arguments.model, device="cpu")
    model.encode(events[:64], batch_size=32)
    seconds = []
    for _ in range(arguments.runs):
        start = time.perf_counter()
        model.encode(events, batch_size=32)
        seconds.append(time.perf_counter() - start)
    tokens = [len(model.preprocess([text])["input_ids"][0]) for text in events[:500]]
    found = dict(
        events=len(events),
        distinct=len(set(events)),
        mean_tokens=statistics.mean(tokens),
        seconds_median=statistics.median(seconds),
        seconds_least=min(seconds),
        events_per_second=len(events) / statistics.median(seconds),
        threads=arguments.threads,
        torch=torch.__version__,
        transformers=transformers.__version__,
        sentence_transformers=sentence_transformers.__version__,
        machine=platform.processor() or platform.machine(),
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
