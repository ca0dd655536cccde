"""Count features, as a good data scientist would build them from any log of events."""

import numpy as np
import polars as pl

DAY = 86_400
WINDOWS = [7, 14, 30, 60, 90, 180, 36_500]
GROUP_WINDOWS = [30, 90, 36_500]
TOP = 120


def vocabulary(sources, users, reference):
    """The most frequent values of each category field, by training users alone."""
    known = {}
    for source in sources:
        table = source.table.filter((pl.col("time") < reference) & pl.col("user").is_in(users))
        for name in source.categories:
            counts = table[name].drop_nulls().value_counts(sort=True)
            known[source.name, name] = counts[name].head(TOP).to_list()
    return known


def matrix(sources, users, reference, known):
    """Features of `users` from events before `reference`, and their names."""
    out = pl.DataFrame({"user": users})
    for source in sources:
        table = source.table.filter((pl.col("time") < reference) & pl.col("user").is_in(users))
        age = ((reference - pl.col("time")) / DAY).alias("age")
        table = table.with_columns(age, (pl.col("time") // DAY).alias("day"))
        parts = [
            pl.col("age").min().alias("recency"),
            pl.col("age").max().alias("tenure"),
            ((pl.col("time") % DAY) // 3600 >= 17).mean().alias("evening"),
            ((pl.col("time") % DAY) // 3600 < 10).mean().alias("morning"),
            ((pl.col("time") // DAY + 4) % 7 >= 5).mean().alias("weekend"),
        ]
        for days in WINDOWS:
            inside = pl.col("age") <= days
            parts.append(inside.sum().alias(f"events_{days}"))
            parts.append(pl.col("day").filter(inside).n_unique().alias(f"days_{days}"))
            for number in source.numbers:
                parts.append(pl.col(number).filter(inside).sum().alias(f"{number}_sum_{days}"))
        for number in source.numbers:
            parts.append(pl.col(number).mean().alias(f"{number}_mean"))
            parts.append(pl.col(number).std().alias(f"{number}_std"))
        for name in source.categories:
            parts.append(pl.col(name).n_unique().alias(f"{name}_distinct"))
        grouped = table.group_by("user").agg(parts)
        # How the last month compares with the quarter.
        trend = (pl.col("events_30") * 3 / pl.col("events_90").clip(1)).alias("trend")
        gap = (pl.col("recency") * pl.col("days_36500") / pl.col("tenure").clip(1)).alias("gaps")
        grouped = grouped.with_columns(trend, gap)
        grouped = grouped.rename({c: f"{source.name}.{c}" for c in grouped.columns if c != "user"})
        out = out.join(grouped, on="user", how="left")
        for name in source.categories:
            out = out.join(by_value(table, source, name, known[source.name, name]), on="user", how="left")
    out = out.sort("user")
    columns = [c for c in out.columns if c != "user"]
    values = out.select(columns).fill_null(0.0).to_numpy().astype(np.float32)
    # Whoever has no event of a source was last seen there longer ago than anyone.
    for place, column in enumerate(columns):
        if column.endswith((".recency", ".tenure")):
            missing = out[column].is_null().to_numpy()
            values[missing, place] = 1.5 * (np.nanmax(values[:, place]) if len(values) else 1)
    return out["user"].to_list(), np.nan_to_num(values), columns


def by_value(table, source, name, values):
    """Shares of count and of the first number, and counts in windows, per value."""
    number = source.numbers[0] if source.numbers else None
    index = {value: place for place, value in enumerate(values)}
    table = table.filter(pl.col(name).is_in(values))
    weights = [pl.len().cast(pl.Float64).alias("all")]
    weights += [(pl.col("age") <= days).sum().cast(pl.Float64).alias(str(days)) for days in GROUP_WINDOWS[:-1]]
    if number:
        weights.append(pl.col(number).sum().alias("amount"))
    weights.append(pl.col("age").min().alias("recency"))
    counts = table.group_by("user", name).agg(weights)
    users = counts["user"].unique().sort()
    place = {user: row for row, user in enumerate(users.to_list())}
    rows = np.array([place[user] for user in counts["user"].to_list()], dtype=int)
    columns = np.array([index[value] for value in counts[name].to_list()], dtype=int)
    blocks, names = [], []
    for weight in [c for c in counts.columns if c not in ("user", name)]:
        block = np.zeros((len(place), len(values)))
        if weight == "recency":
            block[:] = 400.0
        block[rows, columns] = counts[weight].to_numpy()
        if weight in ("all", "amount"):
            share = block / np.maximum(np.abs(block).sum(axis=1, keepdims=True), 1e-9)
            blocks.append(share)
            names += [f"{source.name}.{name}.{weight}_share.{value}" for value in values]
        if weight != "amount":
            blocks.append(np.log1p(block))
            names += [f"{source.name}.{name}.{weight}.{value}" for value in values]
    values = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(place), 0))
    table = pl.DataFrame(values, schema=names) if names else pl.DataFrame()
    return table.with_columns(users.alias("user")) if names else pl.DataFrame({"user": users})
