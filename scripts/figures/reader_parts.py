"""What each part of the answer score's features is worth, from the files of a wide suite.

    python scripts/figures/reader_parts.py target/suites/wide complete-journey

Learns the reader again without some features, from all labelled users of the questions that learning
may name, and reads it on the other questions and on test users, in each fold. Prints a Markdown table of mean
AUCs, over all users and over those who never had what is asked about, with differences to the whole.
"""

import json
import pathlib
import sys

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

SERIES = [f"count.{x}" for x in ["0.25", "0.5", "1", "2", "3", "6"]] + [
    f"decay.{x}" for x in ["0.25", "0.5", "1", "2", "4"]
]
OWN = ["days", "since", "mean_gap", "last_gap", "overdue", "never", "once", "share", "decayed_share", "relative", "poisson"]
ALL = ["since", "mean_gap", "overdue", "kinds_short", "kinds_long", "kinds", "new_kinds", "new_share"]
COMMON = ["popular", "popular_long", "ever", "first", "again", "expected", "gap", "overdue", "trend"]
# The order of instructue_features::text_feature_names.
NAMES = (
    [f"own.{x}" for x in SERIES + OWN]
    + [f"meaning.{x}" for x in ["short", "long", "had"]]
    + ["company"]
    + [f"all.{x}" for x in SERIES + ALL]
    + [f"common.{x}" for x in COMMON]
)
PARTS = {
    "all 54 numbers": lambda name: True,
    "without the user's own events of the text": lambda name: not name.startswith("own."),
    "without counts in windows": lambda name: ".count." not in name,
    "without decays": lambda name: ".decay." not in name,
    "without gaps": lambda name: not any(x in name for x in ["since", "gap", "overdue"]),
    "without texts near in meaning": lambda name: not name.startswith("meaning."),
    "without what the user's other texts say": lambda name: name != "company",
    "without both": lambda name: name != "company" and not name.startswith("meaning."),
    "without the user's activity": lambda name: not name.startswith("all."),
    "without how usual the text is": lambda name: not name.startswith("common."),
    "a decayed count, activity and how usual alone": lambda name: name in ["own.decay.2", "all.kinds_long", "common.expected"],
}


def standardised(train, test):
    mean, scale = train.mean(0), train.std(0)
    scale[scale == 0] = 1
    return [np.clip((x - mean) / scale, -4, 4) for x in (train, test)]


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: reader_parts.py SUITE_DIRECTORY DATA_NAME")
    suite, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    result = json.loads((suite / f"{name}.json").read_text())
    seen = {one["item"]["name"]: one["item"]["seen_value"] for one in result["forecasts"]["questions"]}
    found = {part: [] for part in PARTS}
    for fold in sorted((suite / name).glob("fold-*")):
        # Each configuration has a place of its own: the newest one.
        directory = max(fold.glob("labels-*/truth.parquet"), key=lambda path: path.stat().st_mtime).parent
        labelled = pl.read_parquet(directory / "labelled.parquet")
        labelled = labelled.filter(pl.col("question").is_in([q for q, is_seen in seen.items() if is_seen]))
        labelled = labelled.sample(min(len(labelled), 150_000), seed=0)
        tested = pl.read_parquet(directory / "tested.parquet")
        tested = tested.filter(pl.col("question").is_in([q for q, is_seen in seen.items() if not is_seen]))
        truth = pl.read_parquet(directory / "truth.parquet")
        tested = tested.join(truth, on=["question", "user"])
        x, y = labelled["features"].to_numpy(), labelled["label"].to_numpy()
        z = tested["features"].to_numpy()
        for part, keep in PARTS.items():
            columns = [at for at, feature in enumerate(NAMES) if keep(feature)]
            learned, read = standardised(x[:, columns], z[:, columns])
            reader = LogisticRegression(C=1.0, max_iter=300).fit(learned, y)
            scored = tested.select("question", "label", "never").with_columns(score=reader.decision_function(read))
            for (question,), rows in scored.partition_by(["question"], as_dict=True).items():
                new = rows.filter(pl.col("never"))
                aucs = [
                    roc_auc_score(some["label"], some["score"]) if some["label"].n_unique() == 2 else np.nan
                    for some in (rows, new)
                ]
                found[part].append((fold.name, question, *aucs))
    whole = None
    print("| features | AUC | difference | never before | difference |\n|---|---|---|---|---|")
    for part, rows in found.items():
        aucs = np.array([row[2:] for row in rows])
        means = np.nanmean(aucs, axis=0)
        whole = means if whole is None else whole
        cells = [f"{means[0]:.3f}", f"{means[0] - whole[0]:+.3f}", f"{means[1]:.3f}", f"{means[1] - whole[1]:+.3f}"]
        print(f"| {part} | {' | '.join(cells)} |".replace("0.", ".").replace("-", "−"))


if __name__ == "__main__":
    main()
