"""How fast a Qwen2-type decoder is in PyTorch: the counterpart of
`benches/src/bin/decoder_throughput.rs`, with its arguments and its count of
floating-point operations.

Fresh weights and random tokens. Forward passes, and steps that train LoRA on
all seven maps of a block beside frozen weights: next-token loss on the last
tokens of each row, backward, AdamW. Scaled-dot-product attention as torch
chooses it. LoRA's factors are float32 and cast where they are used.

With transformers installed the decoder is its Qwen2Model; without, or with
`--plain`, one in plain torch of the same shape. Prints one line of JSON per mode.

    python scripts/bench/decoder_throughput.py --device cuda --precision bf16 \
        --peak-tflops 989
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
MAPS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Lora(nn.Module):
    """A frozen linear map with two factors, as PEFT adds them."""

    def __init__(self, base, rank, dropout):
        super().__init__()
        self.base = base
        device = base.weight.device
        self.a = nn.Linear(base.in_features, rank, bias=False, device=device)
        self.b = nn.Linear(rank, base.out_features, bias=False, device=device)
        nn.init.zeros_(self.b.weight)
        self.dropout = nn.Dropout(dropout)
        self.scale = 32 / rank

    def forward(self, x):
        y = self.base(x)
        low = F.linear(self.dropout(x), self.a.weight.to(x.dtype)) * self.scale
        return y + F.linear(low, self.b.weight.to(x.dtype))


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * y.to(x.dtype)


class Block(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.heads, self.kv_heads = args.heads, args.kv_heads
        self.head_width = args.hidden // args.heads
        key = self.head_width * args.kv_heads
        self.input_layernorm = Norm(args.hidden)
        self.q_proj = nn.Linear(args.hidden, args.hidden)
        self.k_proj = nn.Linear(args.hidden, key)
        self.v_proj = nn.Linear(args.hidden, key)
        self.o_proj = nn.Linear(args.hidden, args.hidden, bias=False)
        self.post_attention_layernorm = Norm(args.hidden)
        self.gate_proj = nn.Linear(args.hidden, args.intermediate, bias=False)
        self.up_proj = nn.Linear(args.hidden, args.intermediate, bias=False)
        self.down_proj = nn.Linear(args.intermediate, args.hidden, bias=False)

    def forward(self, x, cos, sin):
        rows, length, hidden = x.shape
        h = self.input_layernorm(x)

        def heads(y, count):
            return y.view(rows, length, count, self.head_width).transpose(1, 2)

        def rotate(y):
            first, second = y.chunk(2, dim=-1)
            return y * cos + torch.cat((-second, first), dim=-1) * sin

        q = rotate(heads(self.q_proj(h), self.heads))
        k = rotate(heads(self.k_proj(h), self.kv_heads))
        v = heads(self.v_proj(h), self.kv_heads)
        group = self.heads // self.kv_heads
        k, v = (y.repeat_interleave(group, dim=1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o_proj(y.transpose(1, 2).reshape(rows, length, hidden))
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class Plain(nn.Module):
    """The decoder without transformers."""

    def __init__(self, args):
        super().__init__()
        self.embed_tokens = nn.Embedding(args.vocab, args.hidden)
        self.layers = nn.ModuleList(Block(args) for _ in range(args.layers))
        self.norm = Norm(args.hidden)
        self.head_width = args.hidden // args.heads

    def forward(self, ids):
        x = self.embed_tokens(ids)
        place = torch.arange(ids.shape[1], device=ids.device)
        steps = torch.arange(0, self.head_width, 2, device=ids.device)
        angles = place[:, None] * 1e6 ** (-steps.float() / self.head_width)
        angles = torch.cat((angles, angles), dim=-1)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)


class Pretrained(nn.Module):
    """The decoder of transformers."""

    def __init__(self, args):
        super().__init__()
        from transformers import Qwen2Config, Qwen2Model

        config = Qwen2Config(
            vocab_size=args.vocab,
            hidden_size=args.hidden,
            intermediate_size=args.intermediate,
            num_hidden_layers=args.layers,
            num_attention_heads=args.heads,
            num_key_value_heads=args.kv_heads,
            max_position_embeddings=max(32768, args.length),
            rope_theta=1e6,
            rms_norm_eps=1e-6,
            use_cache=False,
        )
        config._attn_implementation = "sdpa"
        self.model = Qwen2Model(config)
        self.embed_tokens = self.model.embed_tokens

    def forward(self, ids):
        return self.model(input_ids=ids, use_cache=False).last_hidden_state


def decoder(args):
    kind = "plain"
    model = None
    if not args.plain:
        try:
            model, kind = Pretrained(args), "transformers"
        except ImportError:
            pass
    model = Plain(args) if model is None else model
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
    return model.to(args.device, DTYPES[args.precision]).requires_grad_(False), kind


def adapt(model, args):
    for module in list(model.modules()):
        for name in MAPS:
            if isinstance(getattr(module, name, None), nn.Linear):
                setattr(module, name, Lora(getattr(module, name), args.rank, args.dropout))
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def operations(args):
    """Those of a forward pass without LoRA and of a training step with it."""
    width = args.hidden // args.heads
    query, key = args.heads * width, args.kv_heads * width
    hidden, inner = args.hidden, args.intermediate
    maps = [(hidden, query), (hidden, key), (hidden, key), (query, hidden)]
    maps += [(hidden, inner), (hidden, inner), (inner, hidden)]
    tokens = args.rows * args.length * args.layers
    matrices = 2 * tokens * sum(a * b for a, b in maps)
    factors = 2 * tokens * args.rank * sum(a + b for a, b in maps)
    attention = 4 * tokens * args.length * query
    scores = 2 * args.rows * args.targets * hidden * args.vocab
    forward = matrices + attention
    return forward, 2 * (matrices + scores) + 3 * (factors + attention)


def report(args, mode, count, kind, step):
    seconds = []
    for number in range(args.warmup + args.steps):
        start = time.perf_counter()
        # Reading the number waits for the device.
        result = step().item()
        if number >= args.warmup:
            seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    tflops = count / median / 1e12
    line = {
        "mode": mode,
        "decoder": kind,
        "precision": args.precision,
        "tokens_per_second": round(args.rows * args.length / median),
        "tflops": tflops,
        "mfu": tflops / args.peak_tflops if args.peak_tflops else None,
        "median_s": median,
        "min_s": min(seconds),
        "operations": count,
        "rows": args.rows,
        "length": args.length,
        "result": result,
        "torch": torch.__version__,
        "compiled": args.compile,
    }
    print(json.dumps(line))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=DTYPES, default="f32")
    parser.add_argument("--mode", choices=("forward", "train", "both"), default="both")
    for name, default in (
        ("rows", 64),
        ("length", 256),
        ("hidden", 896),
        ("intermediate", 4864),
        ("layers", 24),
        ("heads", 14),
        ("kv-heads", 2),
        ("vocab", 151_936),
        ("rank", 64),
        ("targets", 16),
        ("warmup", 3),
        ("steps", 10),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--peak-tflops", type=float)
    parser.add_argument("--plain", action="store_true", help="without transformers")
    parser.add_argument("--compile", action="store_true", help="torch.compile the decoder")
    args = parser.parse_args()
    if not 1 <= args.targets < args.length:
        parser.error(f"--targets: expected 1 to below --length ({args.length})")
    return args


def main():
    args = arguments()
    torch.manual_seed(1)
    ids = torch.randint(10, args.vocab, (args.rows, args.length), device=args.device)
    forward, train = operations(args)
    model, kind = decoder(args)
    run = torch.compile(model) if args.compile else model
    if args.mode != "train":
        with torch.no_grad():
            report(args, "forward", forward, kind, lambda: run(ids)[:, -1].float().sum())
    if args.mode != "forward":
        trained = adapt(model, args)
        model.train()
        run = torch.compile(model) if args.compile else model
        optimizer = torch.optim.AdamW(trained, lr=2e-4, weight_decay=1e-5)
        first = args.length - args.targets

        def step():
            states = run(ids)[:, first - 1 : -1].flatten(0, 1)
            scores = F.linear(states, model.embed_tokens.weight).float()
            loss = F.cross_entropy(scores, ids[:, first:].flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.detach()

        report(args, "train", train, kind, step)


if __name__ == "__main__":
    main()
