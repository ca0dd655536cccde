"""A Parquet file whose pages carry checksums, as Spark writes them.

Run: python scripts/golden/checksums.py crates/instructue-data/tests/golden/checksums
"""

import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
table = pa.table({"user": pa.array([1, 2, 3], pa.int64()), "page": ["cart-page", "help-page", "home-page"]})
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
