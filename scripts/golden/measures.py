"""Reference results for the measures of instructue-eval, from scikit-learn and NumPy.

Writes one JSON file: calibration and Brier score, NDCG, ridge regression on many
targets, and the two-way decomposition of a sum of squares.

    Usage: python scripts/golden/measures.py --out crates/instructue-metrics/tests/golden
"""

import argparse
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.calibration import calibration_curve
from sklearn.linear_model import Ridge
from sklearn.metrics import brier_score_loss, ndcg_score
from sklearn.preprocessing import StandardScaler


def numbers(array):
    return np.asarray(array, dtype=np.float64).round(12).tolist()


def calibration(rng):
    # A multiple of the bins: then equal numbers and quantiles are the same bins.
    probabilities = rng.permutation(np.linspace(0.02, 0.95, 60)).round(6)
    labels = rng.random(60) < probabilities
    observed, predicted = calibration_curve(labels, probabilities, n_bins=6, strategy="quantile")
    return {
        "probabilities": probabilities.tolist(),
        "labels": labels.tolist(),
        "bins": 6,
        "observed": numbers(observed),
        "predicted": numbers(predicted),
        "brier": float(brier_score_loss(labels, probabilities)),
    }


def ranking(rng, items, relevant, k):
    scores = rng.permutation(items).astype(np.float32)
    truth = np.zeros(items)
    places = rng.choice(items, relevant, replace=False)
    truth[places] = 1
    return {
        "scores": scores.tolist(),
        "relevant": sorted(places.tolist()),
        "k": k,
        "ndcg": float(ndcg_score([truth], [scores], k=k)),
        "hit": float(truth[np.argsort(-scores)[:k]].any()),
    }


def ridge(rng):
    x = rng.normal(size=(20, 4)).round(3).astype(np.float32)
    taken = [sorted(rng.choice(5, rng.integers(0, 4), replace=False).tolist()) for _ in x]
    y = np.zeros((20, 5))
    for row, items in enumerate(taken):
        y[row, items] = 1
    new = rng.normal(size=(3, 4)).round(3).astype(np.float32)
    scaler = StandardScaler().fit(x.astype(np.float64))
    model = Ridge(alpha=3.0, solver="cholesky").fit(scaler.transform(x.astype(np.float64)), y)
    scores = model.predict(scaler.transform(new.astype(np.float64)))
    return {"x": x.tolist(), "taken": taken, "new": new.tolist(), "l2": 3.0, "scores": numbers(scores)}


def variance(rng):
    vectors = rng.normal(size=(3, 6, 4)) + 2 * rng.normal(size=(1, 6, 4)) + rng.normal(size=(3, 1, 4))
    vectors = vectors.round(4).astype(np.float32).astype(np.float64)
    mean = vectors.mean(axis=(0, 1), keepdims=True)
    user = vectors.mean(axis=0, keepdims=True) - mean
    instruction = vectors.mean(axis=1, keepdims=True) - mean
    rest = vectors - mean - user - instruction
    squares = [np.broadcast_to(part, vectors.shape) ** 2 for part in (user, instruction, rest)]
    total = ((vectors - mean) ** 2).sum()
    return {"vectors": vectors.tolist(), "shares": numbers([part.sum() / total for part in squares])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    rng = np.random.default_rng(20170702)
    golden = {
        "made_with": f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}",
        "calibration": calibration(rng),
        "rankings": [ranking(rng, 30, 1, 10), ranking(rng, 40, 6, 10), ranking(rng, 12, 3, 5)],
        "ridge": ridge(rng),
        "variance": variance(rng),
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "measures.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
