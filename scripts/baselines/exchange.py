"""The files between the Rust runner and these baselines.

The runner (`cargo xtask evaluate`) writes, before baselines run:

    plan.json           data directory, folds, tasks with reference times, noise, recommendations,
                        and where baselines write: another plan names another place
    users.parquet       user, fold, split: train, validation or test
    labels.parquet      task, user, label
    few_shot.parquet    task, fold, size, user: whose labels may be learned from
    candidates.parquet  recommendation, item: all that can be recommended, in order
    next.parquet        recommendation, user, item: what came next
    ours/fold-K.vectors.parquet  task, condition, user, vector

A baseline NAME writes to the plan's place, below NAME/, per fold:

    fold-K.vectors.parquet   reference, condition, user, vector
    fold-K.scores.parquet    task, condition, user, score
    fold-K.few_shot.parquet  task, size, user, score
    fold-K.ranking.parquet   recommendation, user, scores in the order of the candidates
    info.json                title, seconds per fold, versions, parameters

Conditions are "clean" or the name of a noise. What a baseline is trained on never
holds a test user of the fold. A file appears under its name when it is whole.
"""

import json
import os
import pathlib

import polars as pl


class Wrong(Exception):
    """Something about the input that a user can mend."""


class Exchange:
    """An exchange directory with what the runner wrote to it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        plan = self.path / "plan.json"
        if not plan.is_file():
            raise Wrong(f"{plan}: expected the plan that `cargo xtask evaluate` writes, found nothing")
        try:
            self.plan = json.loads(plan.read_text())
        except json.JSONDecodeError as error:
            raise Wrong(f"{plan}: expected JSON, found {error}") from error
        if self.plan.get("format") != 2:
            raise Wrong(f"{plan}: expected format 2, found {self.plan.get('format')}")
        self.users = self.read("users", ["user", "fold", "split"])
        self.labels = self.read("labels", ["task", "user", "label"])
        self.few_shot = self.read("few_shot", ["task", "fold", "size", "user"])
        self.candidates = self.read("candidates", ["recommendation", "item"])
        self.next = self.read("next", ["recommendation", "user", "item"])

    def read(self, name, columns):
        path = self.path / f"{name}.parquet"
        if not path.is_file():
            raise Wrong(f"{path}: expected a Parquet file, found nothing")
        table = pl.read_parquet(path)
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise Wrong(f"{path}: expected column `{missing[0]}`, found {', '.join(table.columns)}")
        return table

    @property
    def data(self):
        return self.path / self.plan["data"]

    @property
    def noise(self):
        """Names and data directories."""
        return [(one["name"], self.path / one["data"]) for one in self.plan["noise"]]

    @property
    def references(self):
        """Reference times with the tasks asked then."""
        times = {}
        for task in self.plan["tasks"]:
            times.setdefault(task["reference"], []).append(task["name"])
        return times

    def side(self, fold, test):
        """Ids of the test users of a fold, or of those that one may learn from."""
        rows = self.users.filter(pl.col("fold") == fold)
        rows = rows.filter((pl.col("split") == "test") == test)
        return rows["user"].to_list()

    def labelled(self, task, users):
        """Users among `users` with their labels, in a fixed order."""
        rows = self.labels.filter((pl.col("task") == task) & pl.col("user").is_in(users))
        rows = rows.sort("user")
        return rows["user"].to_list(), rows["label"].to_numpy().astype(int)

    def dir(self, name):
        return self.path / self.plan["baselines"] / name

    def file(self, name, fold, kind):
        return self.dir(name) / f"fold-{fold}.{kind}.parquet"


def write(table, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    table.write_parquet(partial)
    os.replace(partial, path)


def write_info(exchange, name, title, seconds, versions, parameters):
    path = exchange.dir(name) / "info.json"
    info = {
        "name": name,
        "title": title,
        "seconds": seconds,
        "versions": versions,
        "parameters": parameters,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info, indent=1))
