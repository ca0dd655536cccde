"""LightGBM per question: what labels of a question are worth beside an answer score without any.

    python scripts/baselines/forecasts.py DIRECTORY

`cargo xtask evaluate --suite wide` writes DIRECTORY/labelled.parquet and tested.parquet and runs this;
it writes lightgbm.parquet. Each question has a model of its own, learned from the first 50, 200 or
1,000 labelled users, from all of them, and from all of them at several dates, on the same features that
the answer score reads. Parameters are chosen once for each number of labels, by cross-validation over
some of the questions: a question's own few labels cannot choose.
"""

import multiprocessing
import os
import pathlib
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightgbm
import numpy as np
import polars as pl
from concurrent.futures import ProcessPoolExecutor
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

LABELS = [50, 200, 1000]
MIN_PER_CLASS = 2
# Questions that parameters are chosen on.
CHOSEN_ON = 16
CONFIGS = [
    {"num_leaves": leaves, "min_child_samples": least, "n_estimators": rounds}
    for leaves, least in [(3, 5), (4, 20), (8, 20)]
    for rounds in [20, 60, 150]
]
COMMON = {
    "objective": "binary",
    "learning_rate": 0.05,
    "colsample_bytree": 0.3,
    "subsample": 0.7,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
    "max_bin": 63,
    "random_state": 0,
    "n_jobs": 1,
    "verbose": -1,
}


def fit(x, y, config):
    # With few labels the number in a leaf must fall, or no split is allowed.
    least = min(config["min_child_samples"], max(2, len(y) // 10))
    return lightgbm.LGBMClassifier(**COMMON, **{**config, "min_child_samples": least}).fit(x, y)


def few(y):
    return min(y.sum(), len(y) - y.sum())


class Data:
    """The labelled and the tested users of every question, loaded once in each process."""

    def __init__(self, directory):
        labelled = pl.read_parquet(directory / "labelled.parquet")
        tested = pl.read_parquet(directory / "tested.parquet").sort("user")
        self.labelled = {name: rows for (name,), rows in labelled.partition_by(["question"], as_dict=True).items()}
        self.tested = {name: rows for (name,), rows in tested.partition_by(["question"], as_dict=True).items()}

    def rows(self, question, count):
        """Features and labels: of the first `count` users, of all (None), or of all at all dates ("dates")."""
        rows = self.labelled[question].sort("date", "number")
        if count != "dates":
            rows = rows.filter(pl.col("date") == 0)
        if isinstance(count, int):
            if len(rows) < min(count, 200):
                return None
            rows = rows.head(count)
        x, y = rows["features"].to_numpy(), rows["label"].to_numpy()
        return None if few(y) < MIN_PER_CLASS else (x, y)


data = None


def load(directory):
    global data
    data = Data(directory)


def tried(job):
    """The AUC of each configuration on folds of a question's own labels."""
    question, count = job
    rows = data.rows(question, count)
    if rows is None or few(rows[1]) < 5:
        return None
    x, y = rows
    aucs = np.zeros(len(CONFIGS))
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    for number, config in enumerate(CONFIGS):
        for train, test in splits:
            aucs[number] += roc_auc_score(y[test], fit(x[train], y[train], config).predict_proba(x[test])[:, 1]) / 5
    return aucs


def scored(job):
    question, count, config = job
    rows = data.rows(question, count)
    if rows is None:
        return None
    return fit(*rows, config).predict_proba(data.tested[question]["features"].to_numpy())[:, 1]


def name(count):
    return {None: "LightGBM, all labels", "dates": "LightGBM, all labels of several dates"}.get(
        count, f"LightGBM, {count} labels"
    )


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: forecasts.py DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    for file in ["labelled.parquet", "tested.parquet"]:
        if not (directory / file).is_file():
            sys.exit(f"{directory / file}: expected a Parquet file, found nothing")
    questions = pl.scan_parquet(directory / "tested.parquet").select("question").unique().collect()
    questions = sorted(questions["question"].to_list())
    # A frame of none, in case that nothing can be learned.
    schema = {"user": pl.Int32, "score": pl.Float64, "method": pl.String, "question": pl.String}
    tables = [pl.DataFrame(schema=schema)]
    # A fork of a process with threads may hang, and polars has some.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, initializer=load, initargs=(directory,)) as pool:
        for count in [*LABELS, None, "dates"]:
            sample = questions[:: max(1, len(questions) // CHOSEN_ON)]
            # Many dates have the parameters of one: their rows are of the same users.
            of = None if count == "dates" else count
            found = [aucs for aucs in pool.map(tried, [(question, of) for question in sample]) if aucs is not None]
            config = CONFIGS[int(np.mean(found, axis=0).argmax())] if found else CONFIGS[0]
            print(f"{name(count)}: {config}", flush=True)
            jobs = [(question, count, config) for question in questions]
            for question, scores in zip(questions, pool.map(scored, jobs, chunksize=4)):
                if scores is not None:
                    users = np.arange(len(scores), dtype=np.int32)
                    tables.append(pl.DataFrame({"user": users, "score": scores}).with_columns(
                        pl.lit(name(count)).alias("method"), pl.lit(question).alias("question")
                    ))
    part = directory / "lightgbm.parquet.part"
    pl.concat(tables).write_parquet(part)
    part.rename(directory / "lightgbm.parquet")


if __name__ == "__main__":
    main()
