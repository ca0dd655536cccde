"""Events of a data directory as its schema.toml declares them, one table per source."""

import pathlib
import tomllib
from dataclasses import dataclass, field

import polars as pl

from exchange import Wrong


@dataclass
class Source:
    """Events of one source: columns `user` (text), `time` (seconds), numbers and categories."""

    name: str
    table: pl.DataFrame
    numbers: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


def load(data):
    """All event sources of `data`."""
    data = pathlib.Path(data)
    path = data / "schema.toml"
    if not path.is_file():
        raise Wrong(f"{path}: expected the schema of the data, found nothing")
    schema = tomllib.loads(path.read_text())
    return [read(data, source) for source in schema["source"] if source["kind"] == "events"]


def read(data, source):
    name = source["name"]
    columns = source.get("column", [])
    table = parquet(data, source.get("file", f"{name}.parquet"), columns, name)
    for lookup in source.get("lookup", []):
        wanted = [{"name": lookup["key"]}] + lookup["column"]
        other = parquet(data, lookup["file"], wanted, name).unique(lookup["key"], keep="first")
        table = table.join(other, on=lookup["key"], how="left")
        columns = columns + lookup["column"]
    of = lambda role: [column["name"] for column in columns if column.get("role") == role]
    user, time = of("user")[0], of("time")[0]
    categories, numbers = of("category"), of("number")
    rendered = [c["name"] for c in columns if c.get("role") in ("category", "text") and c.get("render", True)]
    table = table.select(
        pl.col(user).cast(pl.String).alias("user"),
        seconds(table, time).alias("time"),
        *[pl.col(c).cast(pl.Float64) for c in numbers],
        *[pl.col(c).cast(pl.String) for c in dict.fromkeys(categories + rendered)],
    )
    table = table.drop_nulls(["user", "time"]).sort("user", "time", maintain_order=True)
    return Source(name, table, numbers, categories, rendered)


def parquet(data, file, columns, source):
    path = data / file
    pattern = str(path / "*.parquet") if path.is_dir() else str(path)
    names = list(dict.fromkeys(column["name"] for column in columns))
    try:
        return pl.read_parquet(pattern, columns=names)
    except (FileNotFoundError, pl.exceptions.PolarsError) as error:
        first = str(error).splitlines()[0]
        raise Wrong(f"{path}: source `{source}`: expected columns {', '.join(names)}, found {first}") from error


def seconds(table, column):
    kind = table.schema[column]
    if kind == pl.Date:
        return pl.col(column).cast(pl.Datetime("us")).dt.epoch("s")
    if isinstance(kind, pl.Datetime):
        return pl.col(column).dt.epoch("s")
    return pl.col(column).cast(pl.Int64)
