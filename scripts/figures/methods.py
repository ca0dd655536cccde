"""Draws the mean AUC of each method of a suite with its interval.

    python scripts/figures/methods.py target/suites/complete-journey/evaluation.json docs/methods.svg

Needs nothing beside Python.
"""

import html
import json
import pathlib
import sys

# Methods in the order of the figure; ours are drawn in colour.
ROWS = [
    ("matched", "our vector, the task's instruction", True),
    ("empty", "our vector, no instruction", True),
    ("untrained", "our model before training", True),
    ("minilm", "the history as text, frozen MiniLM", False),
    ("coles", "CoLES", False),
    ("counts_logistic", "count features, logistic regression", False),
    ("counts_lightgbm", "count features, LightGBM", False),
    ("counts_lightgbm_matched", "LightGBM and our probe, averaged", True),
]
LEFT, WIDTH, RIGHT, STEP, TOP = 250, 330, 60, 26, 14
OURS, OTHERS, GRID, TEXT = "#1f6feb", "#6e7781", "#d0d7de", "#57606a"


def figure(evaluation):
    means = {one["method"]: one["auc"] for one in evaluation["means"]}
    rows = [(means[name], title, ours) for name, title, ours in ROWS if name in means]
    low = min(auc["low"] for auc, _, _ in rows)
    high = max(auc["high"] for auc, _, _ in rows)
    first, last = int(low * 50) / 50, (int(high * 50) + 1) / 50
    place = lambda value: LEFT + WIDTH * (value - first) / (last - first)
    bottom = TOP + STEP * len(rows)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" '
        f'height="{bottom + 38}" font-family="system-ui, sans-serif" font-size="13">'
    ]
    for tick in range(round((last - first) * 50) + 1):
        value = first + tick / 50
        x = place(value)
        out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 16}" fill="{TEXT}" text-anchor="middle">{value:.2f}</text>')
    for number, (auc, title, ours) in enumerate(rows):
        y, colour = TOP + STEP * (number + 0.5), OURS if ours else OTHERS
        out.append(f'<text x="{LEFT - 12}" y="{y + 4:.1f}" fill="{colour}" text-anchor="end">{html.escape(title)}</text>')
        out.append(
            f'<line x1="{place(auc["low"]):.1f}" y1="{y}" x2="{place(auc["high"]):.1f}" y2="{y}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
        out.append(f'<circle cx="{place(auc["point"]):.1f}" cy="{y}" r="4.5" fill="{colour}"/>')
        out.append(f'<text x="{LEFT + WIDTH + 12}" y="{y + 4:.1f}" fill="{colour}">{auc["point"]:.3f}</text>')
    label = f"mean AUC of {len(evaluation['tasks'])} tasks, 95 % interval over users"
    out.append(f'<text x="{LEFT + WIDTH / 2}" y="{bottom + 34}" fill="{TEXT}" text-anchor="middle">{label}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} EVALUATION.json OUT.svg")
    try:
        drawn = figure(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: {sys.argv[1]}: expected the evaluation.json of a suite, found {error!r}")
    pathlib.Path(sys.argv[2]).write_text(drawn)


if __name__ == "__main__":
    main()
