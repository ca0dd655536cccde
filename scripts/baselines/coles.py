"""CoLES (arXiv 2002.08232) by pytorch-lifestream: event sequences, contrastive, no labels.

All event sources form one sequence, in the order of time; each event has the source, the
categories that training users have most, its numbers and when it was.
"""

import functools
import logging
import warnings

import numpy as np
import polars as pl
import torch

DAY = 86_400
TOP = 500
# Newest events of a user; a year of grocery lines is longer than any RNN remembers.
LENGTH = 600
SLICES = {"split_count": 5, "cnt_min": 25, "cnt_max": 200}
HIDDEN = 128
BATCH = 48
EPOCHS = 12
RATE = 2e-3


class Encoding:
    """Codes of categories and names of features, from training users."""

    def __init__(self, sources, users, end):
        self.sources = [source.name for source in sources]
        self.numbers = list(dict.fromkeys(n for s in sources for n in s.numbers))
        self.categories = list(dict.fromkeys(c for s in sources for c in s.categories))
        self.codes = {}
        for name in self.categories:
            values = pl.concat(
                source.table.filter((pl.col("time") < end) & pl.col("user").is_in(users))[name]
                for source in sources
                if name in source.categories
            )
            counts = values.drop_nulls().value_counts(sort=True)[name].head(TOP).to_list()
            # 0 pads, 1 is any other value.
            self.codes[name] = {value: place + 2 for place, value in enumerate(counts)}

    def sequences(self, sources, users, end):
        """Feature arrays per user from the newest events before `end`."""
        parts = []
        for source in sources:
            table = source.table.filter((pl.col("time") < end) & pl.col("user").is_in(users))
            columns = [pl.col("user"), pl.col("time")]
            columns.append(pl.lit(self.sources.index(source.name) + 1).alias("source"))
            for name in self.numbers:
                present = name in source.numbers
                value = pl.col(name).fill_null(0.0) if present else pl.lit(0.0)
                columns.append(value.alias(name))
            for name in self.categories:
                if name in source.categories:
                    code = pl.col(name).replace_strict(self.codes[name], default=1, return_dtype=pl.Int64)
                    columns.append(code.fill_null(1).alias(name))
                else:
                    columns.append(pl.lit(0, dtype=pl.Int64).alias(name))
            parts.append(table.select(columns))
        table = pl.concat(parts, how="vertical_relaxed").sort("user", "time", maintain_order=True)
        table = table.with_columns(
            (pl.col("time").diff().over("user").fill_null(0) / DAY).alias("gap"),
            ((pl.col("time") // DAY + 4) % 7 + 1).alias("weekday"),
            ((pl.col("time") % DAY) // 3600 + 1).alias("hour"),
            ((end - pl.col("time")) / DAY).alias("age"),
        )
        table = table.group_by("user", maintain_order=True).tail(LENGTH)
        out = {}
        for (user,), rows in table.partition_by("user", as_dict=True, maintain_order=True).items():
            out[user] = self.arrays(rows)
        return out

    def arrays(self, rows):
        def of(name, kind):
            return torch.tensor(rows[name].to_numpy(), dtype=kind)

        arrays = {"event_time": of("time", torch.int64)}
        for name in ["source", "weekday", "hour", *self.categories]:
            arrays[name] = of(name, torch.int64)
        for name in ["gap", "age", *self.numbers]:
            arrays[name] = of(name, torch.float32)
        return arrays

    def network(self):
        from ptls.nn import RnnSeqEncoder, TrxEncoder

        embeddings = {
            "source": {"in": len(self.sources) + 1, "out": 4},
            "weekday": {"in": 8, "out": 4},
            "hour": {"in": 25, "out": 6},
        }
        for name in self.categories:
            size = len(self.codes[name]) + 2
            embeddings[name] = {"in": size, "out": int(min(32, max(4, size**0.5 * 1.6)))}
        # Age tells a slice's place, which another slice of the same user has not.
        numbers = {name: "log" for name in ["gap", *self.numbers]}
        encoder = TrxEncoder(embeddings=embeddings, numeric_values=numbers, embeddings_noise=0.003)
        return RnnSeqEncoder(encoder, hidden_size=HIDDEN, type="gru")


def train(encoding, sequences, seed, say):
    from ptls.frames.coles import CoLESModule, ColesDataset
    from ptls.frames.coles.split_strategy import SampleSlices

    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.manual_seed(seed)
    np.random.seed(seed)
    module = CoLESModule(
        seq_encoder=encoding.network(),
        optimizer_partial=functools.partial(torch.optim.Adam, lr=RATE),
        lr_scheduler_partial=functools.partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=1),
    )
    data = [arrays for arrays in sequences.values() if len(arrays["event_time"]) >= 10]
    dataset = ColesDataset(data, SampleSlices(**SLICES))
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=BATCH, shuffle=True, collate_fn=dataset.collate_fn, drop_last=True
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=RATE, total_steps=max(1, EPOCHS * len(loader))
    )
    module.train()
    for epoch in range(EPOCHS):
        losses = []
        for batch in loader:
            vectors, labels = module.shared_step(*batch)
            loss = module._loss(vectors, labels)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if epoch in (0, EPOCHS - 1):
            say(f"coles: epoch {epoch + 1} of {EPOCHS}, loss {np.mean(losses):.4f}")
    return module.seq_encoder.eval()


def embed(network, sequences, users):
    """One vector per user; zeros for whoever has no event."""
    from ptls.data_load.utils import collate_feature_dict

    vectors = np.zeros((len(users), HIDDEN), dtype=np.float32)
    known = [row for row, user in enumerate(users) if user in sequences]
    with torch.no_grad():
        for start in range(0, len(known), 64):
            rows = known[start : start + 64]
            batch = collate_feature_dict([sequences[users[row]] for row in rows])
            vectors[rows] = network(batch).numpy()
    return vectors
