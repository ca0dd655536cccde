"""The other side of `benches/src/bin/race.rs`: the same work in PyTorch, transformers, peft
and sentence-transformers.

    python scripts/bench/torch_real.py forward --model target/bench/smollm2

Prints JSON lines: `{"seconds": …}` for each repetition, `{"peak_bytes": …}`, and
`{"values": […]}` at the end.
"""

import argparse
import json
import resource
import time

START = time.perf_counter()

import torch  # noqa: E402
from transformers import AutoModel  # noqa: E402


def token(row, at, vocabulary):
    return (row * 7919 + at * 104729 + 12345) * 2654435761 % 2**32 // 256 % vocabulary


def ids(rows, places, model):
    vocabulary = model.config.vocab_size
    return torch.tensor([[token(row, at, vocabulary) for at in places] for row in rows])


def load(path):
    return AutoModel.from_pretrained(path, dtype=torch.float32, attn_implementation="sdpa").eval()


def timed(repetitions, work):
    done = work()
    for _ in range(repetitions):
        start = time.perf_counter()
        done = work()
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
    return done


def last(states):
    return states[:, -1].flatten().tolist()


@torch.no_grad()
def forward(args):
    model = load(args.model)
    batch = ids(range(8), range(512), model)
    return timed(args.repetitions, lambda: last(model(batch, use_cache=False)[0]))


@torch.no_grad()
def users(args):
    model = load(args.model)
    profile = ids([0], range(700), model)
    suffixes = [ids([row], range(700, 716), model) for row in range(1, 17)]
    rows = [torch.cat((profile, suffix), dim=1) for suffix in suffixes]

    def passes():
        return [value for row in rows for value in last(model(row, use_cache=False)[0])]

    return timed(args.repetitions, passes)


@torch.no_grad()
def cold(args):
    start = time.perf_counter()
    model = load(args.model)
    states = last(model(ids([0], range(32), model), use_cache=False)[0])
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
    return states


def train(args):
    from peft import PeftModel
    from torch.nn import functional as F
    from torch_step import contrastive
    from transformers import AutoModelForCausalLM

    rows, length, segment = 4, 256, 64
    base = AutoModelForCausalLM.from_pretrained(
        args.model, dtype=torch.float32, attn_implementation="sdpa"
    )
    model = PeftModel.from_pretrained(base, f"{args.model}/adapter", is_trainable=True).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=2e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=1e-5
    )
    batch = ids(range(rows), range(length), base)
    starts = range(0, rows * length, segment)
    user_places = torch.tensor([at + segment // 2 - 1 for at in starts])
    answer_places = torch.tensor([at + segment - 1 for at in starts])
    scored = torch.tensor([at + i for at in starts for i in range(segment // 2, segment - 1)])
    targets = batch.flatten()[scored + 1]
    keys = torch.arange(len(starts))
    losses = []

    def step():
        states = base.model(batch, use_cache=False)[0].flatten(0, 1)
        contrast = contrastive(states[user_places], states[answer_places], keys // 4, keys)
        logits = base.lm_head(states[scored])
        loss = contrast + F.cross_entropy(logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())

    timed(args.repetitions, step)
    return losses


def encode(args):
    from sentence_transformers import SentenceTransformer

    with open(args.events, encoding="utf-8") as file:
        events = file.read().splitlines()
    model = SentenceTransformer(args.model, device="cpu")
    vectors = timed(args.repetitions, lambda: model.encode(events, batch_size=32))
    return vectors[:8].flatten().tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    works = {"forward": forward, "train": train, "users": users, "cold": cold, "encode": encode}
    parser.add_argument("work", choices=works)
    parser.add_argument("--model", required=True)
    parser.add_argument("--events", help="texts for encode, one a line")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    values = works[args.work](args)
    print(json.dumps({"peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
    print(json.dumps({"values": values}))


if __name__ == "__main__":
    main()
