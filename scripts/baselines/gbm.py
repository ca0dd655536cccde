"""LightGBM on count features."""

import lightgbm
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

SEEDS = 3
# From careful to bold; the inner folds choose.
CONFIGS = [
    {"num_leaves": 4, "learning_rate": 0.05, "min_child_samples": 20, "colsample_bytree": 0.3},
    {"num_leaves": 12, "learning_rate": 0.05, "min_child_samples": 10, "colsample_bytree": 0.1},
]
COMMON = {
    "objective": "binary",
    "subsample": 0.7,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
    "max_bin": 63,
    "verbose": -1,
}
ROUNDS = [30, 60, 120, 240]


def booster(config, rounds, seed, threads):
    return lightgbm.LGBMClassifier(
        **COMMON, **config, n_estimators=rounds, random_state=seed, n_jobs=threads
    )


def choose(x, y, threads):
    """Configuration and rounds with the best mean AUC over inner folds."""
    folds = min(5, int(min(y.sum(), len(y) - y.sum())))
    if folds < 2:
        return CONFIGS[0], ROUNDS[0]
    splits = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y))
    best = (-1.0, CONFIGS[0], ROUNDS[0])
    for config in CONFIGS:
        # With few labels the number in a leaf must fall, or no split is allowed.
        config = dict(config, min_child_samples=min(config["min_child_samples"], max(2, len(y) // 20)))
        scores = np.zeros((len(splits), len(ROUNDS)))
        for row, (train, test) in enumerate(splits):
            model = booster(config, ROUNDS[-1], 0, threads).fit(x[train], y[train])
            for column, rounds in enumerate(ROUNDS):
                found = model.predict_proba(x[test], num_iteration=rounds)[:, 1]
                scores[row, column] = roc_auc_score(y[test], found)
        means = scores.mean(axis=0)
        if means.max() > best[0]:
            best = (means.max(), config, ROUNDS[int(means.argmax())])
    return best[1], best[2]


def fit(x, y, threads):
    """Models of several seeds, to be averaged."""
    config, rounds = choose(x, y, threads)
    return [booster(config, rounds, seed, threads).fit(x, y) for seed in range(SEEDS)]


def predict(models, x):
    return np.mean([model.predict_proba(x)[:, 1] for model in models], axis=0)
