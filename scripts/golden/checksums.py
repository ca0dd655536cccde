"""Parquet files whose pages carry checksums, as Spark writes them.

    OUT/page-v1.parquet, OUT/page-v2.parquet   one table in both versions of data pages

Usage: python scripts/golden/checksums.py --out crates/instructue-store/tests/golden/checksums
"""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    pages = ["cart-page", "help-page", "home-page"]
    table = pa.table({"user": pa.array([1, 2, 3], pa.int64()), "page": pages})
    for version in ("1.0", "2.0"):
        pq.write_table(
            table,
            out / f"page-v{version[0]}.parquet",
            compression="none",
            use_dictionary=False,
            write_page_checksum=True,
            data_page_version=version,
            store_schema=False,
            write_statistics=False,
        )


if __name__ == "__main__":
    main()
