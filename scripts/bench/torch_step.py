"""One joint training step in PyTorch, for a comparison of speed at equal shapes.

Freshly initialised weights and random data; what is measured is the step:

1. a BERT-type encoder over the distinct event texts of the batch,
2. a linear adapter from its width to the decoder's, spread over the rows,
3. a Qwen2-type decoder over the packed rows with an explicit boolean mask,
4. a Linear-ReLU-Linear head on `--vectors` user positions and as many answers,
5. contrastive loss (user-answer, user-user, answer-answer, with masks) plus
   next-token cross-entropy on `--answer-tokens` tokens,
6. backward, clipping by global norm, AdamW.

Prints one line of JSON. Single precision, two threads unless told otherwise.

    python scripts/bench/torch_step.py --rows 16 --length 256 --steps 10
"""

import argparse
import json
import platform
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-6)


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class DecoderLayer(nn.Module):
    """Attention with grouped key/value heads and q/k/v biases, then a gated unit."""

    def __init__(self, args):
        super().__init__()
        self.heads, self.kv_heads = args.heads, args.kv_heads
        self.head_width = args.width // args.heads
        kv_width = self.head_width * args.kv_heads
        self.attention_norm, self.ffn_norm = RmsNorm(args.width), RmsNorm(args.width)
        self.q = nn.Linear(args.width, args.width)
        self.k = nn.Linear(args.width, kv_width)
        self.v = nn.Linear(args.width, kv_width)
        self.o = nn.Linear(args.width, args.width, bias=False)
        self.gate = nn.Linear(args.width, args.ffn, bias=False)
        self.up = nn.Linear(args.width, args.ffn, bias=False)
        self.down = nn.Linear(args.ffn, args.width, bias=False)

    def forward(self, x, cos, sin, mask):
        rows, length, width = x.shape
        h = self.attention_norm(x)
        split = lambda y, heads: y.view(rows, length, heads, self.head_width).transpose(1, 2)
        q = rotate(split(self.q(h), self.heads), cos, sin)
        k = rotate(split(self.k(h), self.kv_heads), cos, sin)
        v = split(self.v(h), self.kv_heads)
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, enable_gqa=self.heads != self.kv_heads
        )
        x = x + self.o(y.transpose(1, 2).reshape(rows, length, width))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Decoder(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embedding = nn.Embedding(args.vocab, args.width)
        self.layers = nn.ModuleList(DecoderLayer(args) for _ in range(args.layers))
        self.norm = RmsNorm(args.width)

    def forward(self, x, cos, sin, mask):
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x)


class EncoderLayer(nn.Module):
    """BERT's: normalisation after each residual sum."""

    def __init__(self, width):
        super().__init__()
        self.heads = max(1, width // 32)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.attention_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, mask):
        texts, length, width = x.shape
        split = lambda y: y.view(texts, length, self.heads, -1).transpose(1, 2)
        y = F.scaled_dot_product_attention(
            split(self.q(x)), split(self.k(x)), split(self.v(x)), attn_mask=mask
        )
        x = self.attention_norm(x + self.o(y.transpose(1, 2).reshape(texts, length, width)))
        return self.ffn_norm(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self, args):
        super().__init__()
        width = args.encoder_width
        self.words = nn.Embedding(args.vocab, width)
        self.places = nn.Embedding(args.text_tokens, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(EncoderLayer(width) for _ in range(args.encoder_layers))

    def forward(self, ids, mask):
        x = self.norm(self.words(ids) + self.places.weight)
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :])
        return x[:, 0]


class Model(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.encoder = Encoder(args)
        self.adapter = nn.Linear(args.encoder_width, args.width)
        self.decoder = Decoder(args)
        self.head = nn.Sequential(
            nn.Linear(args.width, args.width // 2), nn.ReLU(), nn.Linear(args.width // 2, 128)
        )
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)


class Batch:
    """Random data of the wanted shapes; every row is full."""

    def __init__(self, args):
        generator = torch.Generator().manual_seed(args.seed)
        pick = lambda high, *shape: torch.randint(high, shape, generator=generator)
        rows, length = args.rows, args.length
        self.text_ids = pick(args.vocab, args.texts, args.text_tokens)
        lengths = 1 + pick(args.text_tokens, args.texts)
        self.text_mask = torch.arange(args.text_tokens) < lengths[:, None]
        # The first half of each row are events, the rest text.
        self.events = length // 2
        self.event_text = pick(args.texts, rows, self.events)
        self.ids = pick(args.vocab, rows, length - self.events)
        # Causal, and the last quarter is two segments that do not see each other.
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        start, middle = length - length // 4, length - length // 8
        causal[middle:, start:middle] = False
        self.mask = causal.expand(rows, 1, length, length).contiguous()
        width = args.width // args.heads
        inverse = 1e6 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.arange(length)[:, None] * inverse
        angles = torch.cat((angles, angles), dim=1)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()
        flat = lambda count, low, high: torch.randperm(rows * (high - low), generator=generator)[
            :count
        ].sort()[0]
        place = lambda index, low, high: (
            index // (high - low) * length + low + index % (high - low)
        )
        span = (start, length)
        self.user_places = place(flat(args.vectors, *span), *span)
        self.answer_places = place(flat(args.vectors, *span), *span)
        self.token_places = place(flat(args.answer_tokens, *span), *span)
        self.targets = pick(args.vocab, args.answer_tokens)
        self.users = torch.arange(args.vectors) // 2
        self.answers = pick(4 * args.vectors, args.vectors)


def contrastive(u, v, users, answers, tau=0.07, margin=0.1):
    u, v = F.normalize(u, dim=1), F.normalize(v, dim=1)
    positive = (u * v).sum(dim=1, keepdim=True)
    limit = positive.detach() + margin
    same_row = torch.eye(len(u), dtype=torch.bool)
    same_user = users[:, None] == users
    same_answer = (answers[:, None] == answers) | same_row
    parts = [positive / tau]
    for cosines, also in ((u @ v.T, None), (u @ u.T, same_user), (v @ v.T, None)):
        masked = same_answer | (cosines.detach() > limit)
        masked = masked if also is None else masked | also
        parts.append((cosines / tau).masked_fill(masked, float("-inf")))
    return (torch.cat(parts, dim=1).logsumexp(dim=1) - parts[0][:, 0]).mean()


def losses(model, batch):
    texts = model.encoder(batch.text_ids, batch.text_mask)
    events = F.embedding(batch.event_text, model.adapter(texts))
    x = torch.cat((events, model.decoder.embedding(batch.ids)), dim=1)
    x = model.decoder(x, batch.cos, batch.sin, batch.mask).flatten(0, 1)
    u, v = model.head(x[batch.user_places]), model.head(x[batch.answer_places])
    logits = F.linear(x[batch.token_places], model.decoder.embedding.weight)
    return (
        contrastive(u, v, batch.users, batch.answers),
        F.cross_entropy(logits, batch.targets),
    )


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default, text in (
        ("rows", 16, "packed rows"),
        ("length", 256, "positions of a row"),
        ("width", 128, "decoder width"),
        ("layers", 4, "decoder layers"),
        ("heads", 4, "attention heads of the decoder"),
        ("kv-heads", 2, "key/value heads of the decoder"),
        ("ffn", 512, "width of the gated unit"),
        ("vocab", 4096, "vocabulary, of texts and answers"),
        ("texts", 512, "distinct event texts"),
        ("text-tokens", 16, "tokens of a text"),
        ("encoder-width", 64, "encoder width, a multiple of 32"),
        ("encoder-layers", 2, "encoder layers"),
        ("answer-tokens", 512, "scored tokens of the batch"),
        ("vectors", 32, "user vectors of the batch, and as many answers"),
        ("steps", 5, "timed steps, after `--warmup`"),
        ("warmup", 2, "steps before timing"),
        ("threads", 2, "threads"),
        ("seed", 0, "seed of weights and data"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} ({default})")
    args = parser.parse_args()
    places = args.rows * (args.length // 4)
    if max(args.vectors, args.answer_tokens) > places:
        parser.error(f"--vectors and --answer-tokens: at most rows * length / 4 = {places}")
    return args


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model, batch = Model(args), Batch(args)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=2e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=1e-5
    )
    seconds, phases = [], {"forward": [], "backward": [], "update": []}
    for step in range(args.warmup + args.steps):
        marks = [time.perf_counter()]
        contrast, next_token = losses(model, batch)
        marks.append(time.perf_counter())
        optimizer.zero_grad(set_to_none=True)
        (contrast + next_token).backward()
        marks.append(time.perf_counter())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        marks.append(time.perf_counter())
        if step >= args.warmup:
            seconds.append(marks[-1] - marks[0])
            for i, phase in enumerate(phases.values()):
                phase.append(marks[i + 1] - marks[i])
    result = {
        "median_s": round(statistics.median(seconds), 5),
        "min_s": round(min(seconds), 5),
        **{f"median_{k}_s": round(statistics.median(v), 5) for k, v in phases.items()},
        "contrastive": round(contrast.item(), 4),
        "next_token": round(next_token.item(), 4),
        "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__,
        "machine": platform.machine(),
        **vars(args),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
