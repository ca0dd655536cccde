"""The data side of a run beside polars, DuckDB and Hugging Face's tokenizers, in turn.

    cargo build --release --workspace --bins
    python scripts/bench/data_side.py --ours target/release/data_side \
        --data data/complete-journey --model target/userqa

Two jobs on the Complete Journey. `store`: read the logs and the tables joined to them, leave out
rows without user or time, order by user and time, write to the disk. Ours also checks every value,
hashes what it read and what it wrote, and divides users into shards. `profiles`: from what was
written, each user's newest 160 merged texts of 180 days and those of the other logs, tokenised by
the model's own tokenizer. The other side does it once with each text that stands in a profile
(`each`) and once with each distinct text (`distinct`), as ours does.

Both sides may use all threads of the machine. Prints the median of each, and the ratios.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import duckdb
import polars as pl
from tokenizers import Tokenizer

BILL = """
    select household_id, transaction_timestamp as time, quantity, sales_value, retail_disc,
        coupon_disc, department, product_category, brand, product_type
    from '{data}/transactions.parquet' left join '{data}/products.parquet' using (product_id)
    where household_id is not null and transaction_timestamp is not null
    order by household_id, time
"""
APP = """
    select household_id, start_date as time, campaign_type
    from '{data}/campaigns.parquet' join '{data}/campaign_descriptions.parquet' using (campaign_id)
    order by household_id, time
"""
MINIPRO = """
    select household_id, redemption_date as time, campaign_type
    from '{data}/coupon_redemptions.parquet'
        left join '{data}/campaign_descriptions.parquet' using (campaign_id)
    order by household_id, time
"""


def duckdb_store(data, out):
    for name, query in (("bill", BILL), ("app", APP), ("minipro", MINIPRO)):
        duckdb.sql(f"copy ({query.format(data=data)}) to '{out}/{name}.parquet'")


def polars_store(data, out):
    def read(name):
        return pl.scan_parquet(data / f"{name}.parquet")

    about = read("campaign_descriptions").select("campaign_id", "campaign_type", "start_date")
    products = read("products").select(
        "product_id", "department", "product_category", "brand", "product_type"
    )
    bill = read("transactions").select(
        "household_id", "product_id", "quantity", "sales_value", "retail_disc", "coupon_disc",
        pl.col("transaction_timestamp").alias("time"),
    )
    bill = bill.join(products, on="product_id", how="left").drop("product_id")
    app = read("campaigns").join(about, on="campaign_id").rename({"start_date": "time"})
    redeemed = read("coupon_redemptions").join(about, on="campaign_id", how="left")
    minipro = redeemed.rename({"redemption_date": "time"})
    for name, table in (("bill", bill), ("app", app), ("minipro", minipro)):
        table = table.drop_nulls(["household_id", "time"]).sort("household_id", "time")
        table.collect().write_parquet(f"{out}/{name}.parquet")


def texts(store):
    """Each user's texts, as they stand in profiles."""
    bill = pl.read_parquet(store / "bill.parquet")
    since = bill["time"].max() - pl.duration(days=180)
    bill = bill.lazy().filter(pl.col("time") >= since).with_columns(
        text=pl.concat_str("department", "product_category", separator=" | ", ignore_nulls=True)
    )
    merged = bill.group_by("household_id", "text").agg(
        pl.col("time").max().alias("newest"),
        pl.col("time").min().alias("oldest"),
        pl.len().alias("count"),
        pl.col("sales_value").sum(),
        pl.col("quantity").sum(),
        pl.col("retail_disc").sum(),
        pl.col("coupon_disc").sum(),
    )
    merged = merged.sort("household_id", "newest").group_by("household_id", maintain_order=True)
    found = [merged.tail(160).select("household_id", "text").collect()]
    for name in ("app", "minipro"):
        events = pl.scan_parquet(store / f"{name}.parquet").filter(pl.col("time") >= since)
        events = events.with_columns(text=pl.col("campaign_type"))
        events = events.sort("household_id", "time").group_by("household_id", maintain_order=True)
        found.append(events.tail(20).select("household_id", "text").collect())
    return pl.concat(found)


def profiles(store, tokenizer, distinct):
    found = texts(store)
    said = found["text"].fill_null("").to_list()
    if distinct:
        known = list(dict.fromkeys(said))
        ids = {text: e.ids for text, e in zip(known, tokenizer.encode_batch(known))}
        return sum(len(ids[text]) for text in said)
    return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(said))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ours", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.model / "model" / "encoder_tokenizer.json"))
    seconds = {}

    def timed(name, work):
        start = time.perf_counter()
        result = work()
        seconds.setdefault(name, []).append(time.perf_counter() - start)
        return result

    for _ in range(args.turns):
        with tempfile.TemporaryDirectory() as out:
            out = Path(out)
            for name in ("polars", "duckdb"):
                (out / name).mkdir()
            timed("store polars", lambda: polars_store(args.data, out / "polars"))
            timed("store duckdb", lambda: duckdb_store(args.data, out / "duckdb"))
            timed("profiles each", lambda: profiles(out / "polars", tokenizer, False))
            timed("profiles distinct", lambda: profiles(out / "polars", tokenizer, True))
            lines = subprocess.run(
                [args.ours, "--data", args.data, "--model", args.model, "--store", out / "ours"],
                check=True, capture_output=True, text=True,
            )
            for line in map(json.loads, lines.stdout.splitlines()):
                seconds.setdefault(line["work"] + " ours", []).append(line["seconds"])
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    for name in sorted(medians):
        work = name.split()[0]
        ratio = medians[name] / medians[f"{work} ours"]
        print(json.dumps({"work": name, "median_s": medians[name], "times_ours": ratio}))


if __name__ == "__main__":
    main()
