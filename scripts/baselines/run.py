"""What one would use instead of this project, on the same users and folds.

    python scripts/baselines/run.py EXCHANGE [--only NAME,…] [--encoder DIR] [--folds 0,1]

EXCHANGE is a directory that `cargo xtask evaluate` wrote; exchange.py says what is in it.
Needs the packages of scripts/requirements.txt; pytorch-lifestream wants
`pip install --no-deps`, because it pins an old spacy that CoLES does not use.
A baseline that is finished for the same plan is not run again.
"""

import argparse
import os
import pathlib
import sys
import time

ALL = ["counts", "counts_logistic", "counts_lightgbm", "counts_ours_lightgbm", "coles", "minilm",
       "popularity", "own_frequency", "item_knn", "sasrec"]
TITLES = {
    "counts": "count features",
    "counts_logistic": "count features + logistic regression",
    "counts_lightgbm": "count features + LightGBM",
    "counts_ours_lightgbm": "count features and our vector + LightGBM",
    "coles": "CoLES",
    "minilm": "frozen text embedding of the profile",
    "popularity": "popularity",
    "own_frequency": "the user's own counts, then popularity",
    "item_knn": "item-kNN",
    "sasrec": "SASRec",
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exchange", type=pathlib.Path)
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--encoder", type=pathlib.Path, help="a sentence-transformers directory")
    parser.add_argument("--folds", help="numbers, separated by commas")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def main():
    arguments = parse()
    os.environ.setdefault("OMP_NUM_THREADS", str(arguments.threads))
    from exchange import Exchange, Wrong

    try:
        names = arguments.only.split(",") if arguments.only else ALL
        unknown = [name for name in names if name not in ALL]
        if unknown:
            raise Wrong(f"--only: expected some of {', '.join(ALL)}, found {unknown[0]}")
        exchange = Exchange(arguments.exchange)
        folds = range(exchange.plan["folds"])
        if arguments.folds:
            folds = [int(fold) for fold in arguments.folds.split(",")]
            beyond = [fold for fold in folds if not 0 <= fold < exchange.plan["folds"]]
            if beyond:
                raise Wrong(f"--folds: expected 0 to {exchange.plan['folds'] - 1}, found {beyond[0]}")
        if "minilm" in names and not (arguments.encoder and arguments.encoder.is_dir()):
            if arguments.encoder:
                raise Wrong(f"--encoder: expected a directory, found nothing at {arguments.encoder}")
            say("minilm: left out, no --encoder given")
            names = [name for name in names if name != "minilm"]
        Baselines(exchange, arguments).run(names, folds)
    except Wrong as error:
        sys.exit(f"error: {error}")


def say(text):
    print(text, flush=True)


class Baselines:
    """All baselines, with what they share read once."""

    def __init__(self, exchange, arguments):
        self.exchange = exchange
        self.encoder = arguments.encoder
        self.threads = arguments.threads
        self.read = {}

    def sources(self, condition):
        import events

        if condition not in self.read:
            noise = dict(self.exchange.noise)
            self.read[condition] = events.load(noise.get(condition, self.exchange.data))
        return self.read[condition]

    def conditions(self):
        return ["clean"] + [name for name, _ in self.exchange.noise]

    def run(self, names, folds):
        for name in names:
            seconds, made = [], False
            for fold in folds:
                start = time.time()
                if self.one(name, fold):
                    made = True
                    seconds.append(time.time() - start)
                    say(f"{name}: fold {fold} in {seconds[-1]:.0f} s")
            if made:
                self.info(name, sum(seconds) / len(seconds))

    def one(self, name, fold):
        """Whether anything was made."""
        if name in ("counts", "coles", "minilm"):
            path = self.exchange.file(name, fold, "vectors")
            if path.exists():
                return False
            make = {"counts": self.counts, "coles": self.coles, "minilm": self.minilm}[name]
            self.save_vectors(make(fold), path)
            return True
        if name == "counts_logistic":
            return self.logistic(fold)
        if name == "counts_lightgbm":
            return self.lightgbm(fold)
        if name == "counts_ours_lightgbm":
            return self.stacked(fold)
        return self.ranking(name, fold)

    def jobs(self, fold):
        """(Reference, condition, users): everyone on clean events, test users under noise."""
        test = self.exchange.side(fold, True)
        everyone = self.exchange.side(fold, False) + test
        for condition in self.conditions():
            for reference in self.exchange.references:
                yield reference, condition, everyone if condition == "clean" else test

    def save_vectors(self, parts, path):
        import numpy as np
        import polars as pl

        from exchange import write

        tables = []
        for reference, condition, users, vectors in parts:
            tables.append(
                pl.DataFrame(
                    {"user": users, "vector": list(np.asarray(vectors, dtype=np.float32))},
                    schema={"user": pl.String, "vector": pl.List(pl.Float32)},
                ).with_columns(
                    pl.lit(reference, dtype=pl.Int64).alias("reference"),
                    pl.lit(condition).alias("condition"),
                )
            )
        write(pl.concat(tables), path)

    def counts(self, fold):
        import features

        train = self.exchange.side(fold, False)
        known = {}
        for reference, condition, users in self.jobs(fold):
            if reference not in known:
                known[reference] = features.vocabulary(self.sources("clean"), train, reference)
            found, values, _ = features.matrix(self.sources(condition), users, reference, known[reference])
            yield reference, condition, found, values

    def coles(self, fold):
        import torch

        import coles

        torch.set_num_threads(self.threads)
        train = self.exchange.side(fold, False)
        end = self.exchange.plan["train_end"]
        encoding = coles.Encoding(self.sources("clean"), train, end)
        sequences = encoding.sequences(self.sources("clean"), train, end)
        network = coles.train(encoding, sequences, self.exchange.plan["seed"] + fold, say)
        for reference, condition, users in self.jobs(fold):
            sequences = encoding.sequences(self.sources(condition), users, reference)
            yield reference, condition, users, coles.embed(network, sequences, users)

    def minilm(self, fold):
        import text

        if not hasattr(self, "known_texts"):
            self.known_texts = {}
        # Texts do not depend on the fold: each is encoded once. Those of changed events
        # are all different, and would take an hour more on two cores.
        for reference, condition, users in self.jobs(fold):
            if condition != "clean":
                continue
            texts = text.profiles(self.sources(condition), users, reference)
            new = [one for one in dict.fromkeys(texts) if one not in self.known_texts]
            if new:
                self.known_texts.update(zip(new, text.embed(self.encoder, new)))
            yield reference, condition, users, [self.known_texts[one] for one in texts]

    def count_vectors(self, fold):
        """(reference, condition) to a dictionary of vectors."""
        import polars as pl

        from exchange import Wrong

        path = self.exchange.file("counts", fold, "vectors")
        if not path.exists():
            raise Wrong(f"{path}: expected the vectors of baseline counts, run it first")
        table = pl.read_parquet(path)
        out = {}
        for (reference, condition), rows in table.partition_by(["reference", "condition"], as_dict=True).items():
            out[reference, condition] = dict(zip(rows["user"].to_list(), rows["vector"].to_numpy()))
        return out

    def logistic(self, fold):
        import numpy as np

        import logistic

        path = self.exchange.file("counts_logistic", fold, "scores")
        if path.exists():
            return False
        vectors = self.count_vectors(fold)
        train, test = self.exchange.side(fold, False), self.exchange.side(fold, True)
        rows = []
        for reference, tasks in self.exchange.references.items():
            clean = vectors[reference, "clean"]
            for task in tasks:
                users, labels = self.exchange.labelled(task, train)
                tested, _ = self.exchange.labelled(task, test)
                fitted = logistic.fit(np.stack([clean[user] for user in users]), labels)
                for condition in self.conditions():
                    of = vectors[reference, condition]
                    found = logistic.predict(fitted, np.stack([of[user] for user in tested]))
                    rows += [(task, condition, user, float(score)) for user, score in zip(tested, found)]
        self.save_scores(rows, path)
        return True

    def save_scores(self, rows, path):
        import polars as pl

        from exchange import write

        names = {"task": pl.String, "condition": pl.String, "user": pl.String, "score": pl.Float64}
        write(pl.DataFrame(rows, schema=names, orient="row"), path)

    def lightgbm(self, fold):
        import numpy as np
        import polars as pl

        import gbm
        from exchange import write

        scores = self.exchange.file("counts_lightgbm", fold, "scores")
        few = self.exchange.file("counts_lightgbm", fold, "few_shot")
        if scores.exists() and few.exists():
            return False
        vectors = self.count_vectors(fold)
        train, test = self.exchange.side(fold, False), self.exchange.side(fold, True)
        rows, few_rows = [], []
        for reference, tasks in self.exchange.references.items():
            clean = vectors[reference, "clean"]
            for task in tasks:
                users, labels = self.exchange.labelled(task, train)
                tested, _ = self.exchange.labelled(task, test)
                models = gbm.fit(np.stack([clean[user] for user in users]), labels, self.threads)
                for condition in self.conditions():
                    of = vectors[reference, condition]
                    found = gbm.predict(models, np.stack([of[user] for user in tested]))
                    rows += [(task, condition, user, float(score)) for user, score in zip(tested, found)]
                x = np.stack([clean[user] for user in tested])
                for size in self.exchange.plan["few_shot"]:
                    chosen = self.exchange.few_shot.filter(
                        (pl.col("task") == task) & (pl.col("fold") == fold) & (pl.col("size") == size)
                    )["user"].to_list()
                    if not chosen:
                        continue
                    users, labels = self.exchange.labelled(task, chosen)
                    models = gbm.fit(np.stack([clean[user] for user in users]), labels, self.threads)
                    found = gbm.predict(models, x)
                    few_rows += [(task, size, user, float(score)) for user, score in zip(tested, found)]
        self.save_scores(rows, scores)
        names = {"task": pl.String, "size": pl.Int32, "user": pl.String, "score": pl.Float64}
        write(pl.DataFrame(few_rows, schema=names, orient="row"), few)
        return True

    def stacked(self, fold):
        import numpy as np
        import polars as pl

        import gbm
        from exchange import write

        path = self.exchange.file("counts_ours_lightgbm", fold, "scores")
        ours = self.exchange.path / "ours" / f"fold-{fold}.vectors.parquet"
        if path.exists() and (not ours.exists() or path.stat().st_mtime > ours.stat().st_mtime):
            return False
        if not ours.exists():
            say(f"counts_ours_lightgbm: fold {fold} left out, {ours} is not there")
            return False
        own = pl.read_parquet(ours).filter(pl.col("condition") == "clean")
        vectors = self.count_vectors(fold)
        train, test = self.exchange.side(fold, False), self.exchange.side(fold, True)
        rows = []
        for reference, tasks in self.exchange.references.items():
            clean = vectors[reference, "clean"]
            for task in tasks:
                of_task = own.filter(pl.col("task") == task)
                of_task = dict(zip(of_task["user"].to_list(), of_task["vector"].to_numpy()))
                users, labels = self.exchange.labelled(task, train)
                tested, _ = self.exchange.labelled(task, test)
                both = lambda users: np.stack([np.concatenate([clean[u], of_task[u]]) for u in users])
                found = gbm.predict(gbm.fit(both(users), labels, self.threads), both(tested))
                rows += [(task, "clean", user, float(score)) for user, score in zip(tested, found)]
        self.save_scores(rows, path)
        return True

    def ranking(self, name, fold):
        import numpy as np
        import polars as pl

        import recommend
        from exchange import write

        path = self.exchange.file(name, fold, "ranking")
        if path.exists() or not self.exchange.plan["recommendations"]:
            return False
        train, test = self.exchange.side(fold, False), set(self.exchange.side(fold, True))
        tables = []
        for one in self.exchange.plan["recommendations"]:
            items = self.exchange.candidates.filter(pl.col("recommendation") == one["name"])["item"].to_list()
            of = recommend.histories(self.sources("clean"), one, items)
            asked = self.exchange.next.filter(pl.col("recommendation") == one["name"])["user"].unique().sort()
            users = [user for user in asked.to_list() if user in test]
            learned = [of[user] for user in train if user in of]
            empty = np.zeros(0, dtype=int)
            found = recommend.scores(
                name, learned, [of.get(user, empty) for user in users], len(items),
                self.exchange.plan["seed"] + fold, self.threads,
            )
            tables.append(
                pl.DataFrame(
                    {"user": users, "scores": list(found.astype(np.float32))},
                    schema={"user": pl.String, "scores": pl.List(pl.Float32)},
                ).with_columns(pl.lit(one["name"]).alias("recommendation"))
            )
        write(pl.concat(tables), path)
        return True

    def info(self, name, seconds):
        import importlib.metadata

        from exchange import write_info

        packages = {
            "counts": ["polars"],
            "counts_lightgbm": ["lightgbm"],
            "counts_ours_lightgbm": ["lightgbm"],
            "coles": ["pytorch-lifestream", "torch"],
            "minilm": ["sentence-transformers"],
            "sasrec": ["torch"],
        }.get(name, ["numpy"])
        versions = {package: importlib.metadata.version(package) for package in packages}
        parameters = {}
        if name == "coles":
            import coles

            parameters = {"epochs": coles.EPOCHS, "hidden": coles.HIDDEN, "length": coles.LENGTH}
        if "lightgbm" in name:
            import gbm

            parameters = {"configurations": gbm.CONFIGS, "rounds": gbm.ROUNDS, "seeds": gbm.SEEDS}
        write_info(self.exchange, name, TITLES[name], seconds, versions, parameters)


if __name__ == "__main__":
    main()
