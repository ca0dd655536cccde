"""Reference results for instructue-eval, from scikit-learn and SciPy.

Writes one JSON file: logistic regressions (more examples than features, fewer,
and unbalanced with a constant column), a grid over given folds, AUC, KS and ROC
curves with ties, and principal components.

    Usage: python scripts/golden/eval.py --out crates/instructue-metrics/tests/golden
"""

import argparse
import json
from pathlib import Path

import numpy as np
import scipy.stats
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score, roc_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def numbers(array):
    """Nested lists of floats, rounded to what a double needs for 1e-9."""
    return np.asarray(array, dtype=np.float64).round(12).tolist()


def problem(rng, examples, features, share, constant=None):
    """Correlated single-precision inputs whose first few directions carry the label."""
    mixing = rng.normal(size=(features, features))
    x = rng.normal(size=(examples, features)) @ mixing
    x = x * rng.uniform(0.01, 30.0, size=features) + rng.uniform(-50, 50, size=features)
    truth = StandardScaler().fit_transform(x) @ rng.normal(size=features)
    noisy = truth / truth.std() + rng.normal(size=examples)
    y = noisy > np.quantile(noisy, 1 - share)
    if constant is not None:
        x[:, constant] = 0.1
    # Few digits keep the file small; single precision is what the probe takes.
    return x.round(2).astype(np.float32), y


def fit(x, y, l2):
    model = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-12, max_iter=500)
    return make_pipeline(StandardScaler(), model).fit(x.astype(np.float64), y)


def regression(rng, name, examples, features, share, penalties, constant=None):
    x, y = problem(rng, examples, features, share, constant)
    new, _ = problem(rng, 6, features, 0.5)
    fits = []
    for l2 in penalties:
        pipeline = fit(x, y, l2)
        model = pipeline[-1]
        scores = pipeline.decision_function(x.astype(np.float64))
        fits.append(
            {
                "l2": l2,
                "weights": numbers(model.coef_[0]),
                "intercept": float(model.intercept_[0]),
                "auc": float(roc_auc_score(y, scores)),
                "log_loss": float(log_loss(y, pipeline.predict_proba(x.astype(np.float64))[:, 1])),
                "new_scores": numbers(pipeline.decision_function(new.astype(np.float64))),
            }
        )
    rows = [[float(str(value)) for value in row] for row in x]
    more = [[float(str(value)) for value in row] for row in new]
    return {"name": name, "x": rows, "y": y.tolist(), "new": more, "fits": fits}


def grid(case, penalties, folds):
    """Log-loss over all examples left out, and AUC averaged over folds."""
    x, y = np.array(case["x"], dtype=np.float32), np.array(case["y"])
    assigned = np.arange(len(y)) % folds
    points = []
    for l2 in penalties:
        probabilities, aucs = np.zeros(len(y)), []
        for fold in range(folds):
            out = assigned == fold
            pipeline = fit(x[~out], y[~out], l2)
            probabilities[out] = pipeline.predict_proba(x[out].astype(np.float64))[:, 1]
            aucs.append(roc_auc_score(y[out], probabilities[out]))
        points.append(
            {"l2": l2, "log_loss": float(log_loss(y, probabilities)), "auc": float(np.mean(aucs))}
        )
    return {"case": case["name"], "folds": assigned.tolist(), "points": points}


def ranking(rng, examples, levels, share):
    """Scores with many ties when there are few levels."""
    y = rng.random(examples) < share
    scores = rng.normal(size=examples) + y
    if levels:
        scores = np.floor(scores * levels) / levels
    scores = scores.round(6)
    false_rate, true_rate, _ = roc_curve(y, scores, drop_intermediate=False)
    return {
        "scores": scores.tolist(),
        "labels": y.tolist(),
        "auc": float(roc_auc_score(y, scores)),
        "ks": float(scipy.stats.ks_2samp(scores[y], scores[~y]).statistic),
        "roc": [list(point) for point in zip(false_rate.tolist(), true_rate.tolist())],
    }


def components(rng):
    x = (rng.normal(size=(12, 5)) @ np.diag([3, 2, 1, 0.5, 0.1]) @ rng.normal(size=(5, 5))).round(3)
    pca = PCA(n_components=2).fit(x)
    return {
        "x": x.tolist(),
        "explained": numbers(pca.explained_variance_ratio_),
        "points": numbers(pca.transform(x)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    rng = np.random.default_rng(20170701)
    cases = [
        regression(rng, "tall", 60, 5, 0.4, [0.1, 3.0, 100.0]),
        regression(rng, "wide", 24, 30, 0.5, [0.5, 20.0]),
        regression(rng, "rare", 80, 4, 0.1, [0.05, 10.0], constant=2),
    ]
    golden = {
        "made_with": f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}",
        "regressions": cases,
        "grid": grid(cases[0], [100.0, 10.0, 1.0], 4),
        "rankings": [ranking(rng, 50, 0, 0.4), ranking(rng, 70, 2, 0.3), ranking(rng, 30, 1, 0.5)],
        "pca": components(rng),
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "eval.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
