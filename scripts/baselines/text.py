"""A profile as text, for a frozen text embedding: the categories that a user has most."""

import numpy as np
import polars as pl

TOP = 45


def profiles(sources, users, reference):
    """One text per user, in the order of `users`."""
    parts = {user: [] for user in users}
    for source in sources:
        if not source.text:
            continue
        table = source.table.filter((pl.col("time") < reference) & pl.col("user").is_in(users))
        # The last field is the finest: a category below its department.
        name = source.text[-1]
        counts = table.drop_nulls(name).group_by("user", name).agg(pl.len().alias("count"))
        counts = counts.sort(["user", "count", name], descending=[False, True, False])
        for (user,), rows in counts.group_by("user", maintain_order=True):
            parts[user] += [f"{value} {count}" for value, count in rows.select(name, "count").head(TOP).iter_rows()]
    return [", ".join(parts[user]) or "nothing" for user in users]


def embed(encoder, texts):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(encoder), device="cpu")
    return model.encode(texts, batch_size=32, show_progress_bar=False).astype(np.float32)
