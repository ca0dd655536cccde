"""Baselines that rank items: popularity, the user's own counts, item-kNN, SASRec."""

import numpy as np
import polars as pl
import torch

NAMES = ["popularity", "own_frequency", "item_knn", "sasrec"]
LENGTH = 100
HIDDEN = 64
EPOCHS = 30
NEIGHBOURS = 50


def histories(sources, recommendation, items):
    """Per user: places of items in the order of time, from events before the reference."""
    source = next(source for source in sources if source.name == recommendation["source"])
    name = recommendation["field"]
    table = source.table.filter(pl.col("time") < recommendation["reference"]).drop_nulls(name)
    index = {item: place for place, item in enumerate(items)}
    table = table.with_columns(pl.col(name).replace_strict(index, default=None, return_dtype=pl.Int64))
    table = table.drop_nulls(name)
    return {
        user: rows[name].to_numpy()
        for (user,), rows in table.partition_by("user", as_dict=True, maintain_order=True).items()
    }


def scores(name, train, test, count, seed, threads):
    """Scores of all items for each history of `test`, learned from those of `train`."""
    popular = np.zeros(count)
    for history in train:
        np.add.at(popular, np.unique(history), 1.0)
    popular /= max(1, len(train))
    if name == "popularity":
        return np.tile(popular, (len(test), 1))
    if name == "own_frequency":
        return np.stack([np.bincount(history, minlength=count) + popular for history in test])
    if name == "item_knn":
        return knn(train, test, count)
    return sasrec(train, test, count, seed, threads)


def knn(train, test, count):
    """Cosine of items over training users, the nearest of each item only."""
    bought = np.stack([np.log1p(np.bincount(history, minlength=count)) for history in train])
    bought /= np.maximum(np.linalg.norm(bought, axis=0, keepdims=True), 1e-9)
    near = bought.T @ bought
    if count > NEIGHBOURS:
        cut = np.partition(near, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS][:, None]
        near[near < cut] = 0.0
    own = np.stack([np.log1p(np.bincount(history, minlength=count)) for history in test])
    return own @ near


class SasRec(torch.nn.Module):
    """Causal self-attention over items (arXiv 1808.09781), cross-entropy over all items."""

    def __init__(self, count):
        super().__init__()
        # 0 pads.
        self.items = torch.nn.Embedding(count + 1, HIDDEN, padding_idx=0)
        self.places = torch.nn.Embedding(LENGTH, HIDDEN)
        layer = torch.nn.TransformerEncoderLayer(
            HIDDEN, 2, 2 * HIDDEN, dropout=0.2, batch_first=True, norm_first=True
        )
        self.layers = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = torch.nn.LayerNorm(HIDDEN)
        self.bias = torch.nn.Parameter(torch.zeros(count))
        torch.nn.init.normal_(self.items.weight, std=0.02)

    def forward(self, rows):
        length = rows.shape[1]
        states = self.items(rows) + self.places(torch.arange(length))
        mask = torch.nn.Transformer.generate_square_subsequent_mask(length)
        return self.norm(self.layers(states, mask=mask, is_causal=True))

    def logits(self, states):
        return states @ self.items.weight[1:].T + self.bias


def padded(histories):
    """Rows that end with the newest item; the positions count from the first one shown."""
    rows = np.zeros((len(histories), LENGTH), dtype=np.int64)
    for row, history in enumerate(histories):
        newest = history[-LENGTH:] + 1
        rows[row, : len(newest)] = newest
    return torch.from_numpy(rows)


def sasrec(train, test, count, seed, threads):
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    # Windows of long histories, so that old events are learned from, too.
    windows = []
    for history in train:
        for start in range(0, max(1, len(history) - 1), LENGTH):
            windows.append(history[start : start + LENGTH + 1])
    windows = [window for window in windows if len(window) > 1]
    model = SasRec(count)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    order = np.random.default_rng(seed)
    # Long logs need fewer rounds for as many steps.
    epochs = max(3, min(EPOCHS, 25_000 // max(1, len(windows))))
    for _ in range(epochs):
        model.train()
        for start in np.array_split(order.permutation(len(windows)), max(1, len(windows) // 64)):
            chosen = [windows[row] for row in start]
            inputs = padded([window[:-1] for window in chosen])
            targets = padded([window[1:] for window in chosen])
            kept = (inputs > 0) & (targets > 0)
            logits = model.logits(model(inputs)[kept])
            loss = torch.nn.functional.cross_entropy(logits, targets[kept] - 1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    out = []
    with torch.no_grad():
        for start in range(0, len(test), 128):
            chunk = test[start : start + 128]
            rows = padded(chunk)
            last = torch.tensor([min(len(history), LENGTH) - 1 for history in chunk])
            states = model(rows)[torch.arange(len(chunk)), last]
            out.append(model.logits(states).numpy())
    return np.concatenate(out)
