"""Logistic regression on standardised count features."""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

# scikit-learn's C, the inverse of the penalty.
PENALTIES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1]


def fit(x, y):
    """The penalty with the least log-loss over inner folds, fitted on all rows."""
    warnings.filterwarnings("ignore")
    scaler = StandardScaler().fit(x)
    # A count that nobody else has would decide alone.
    x = np.clip(scaler.transform(x), -5, 5)
    losses = np.zeros(len(PENALTIES))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
        for place, penalty in enumerate(PENALTIES):
            model = LogisticRegression(C=penalty, max_iter=300).fit(x[train], y[train])
            losses[place] += log_loss(y[test], model.predict_proba(x[test])[:, 1])
    model = LogisticRegression(C=PENALTIES[int(losses.argmin())], max_iter=300).fit(x, y)
    return scaler, model


def predict(fitted, x):
    scaler, model = fitted
    return model.predict_proba(np.clip(scaler.transform(x), -5, 5))[:, 1]
