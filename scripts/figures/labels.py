"""Draws how many labels of a question the answer score without labels is worth.

    python scripts/figures/labels.py target/answers/forecasts.json docs/label-equivalence.svg

Mean AUCs over questions about values that learning never named. Needs nothing beside Python.
"""

import json
import math
import pathlib
import sys

LEFT, WIDTH, RIGHT, TOP, HEIGHT = 52, 330, 170, 16, 220
LABELS = (50, 200, 1000)
LINES = (("exact", "by its name", "#1f6feb"), ("plain", "in plain words", "#2da44e"),
         ("far", "in synonyms", "#bf8700"))
OTHERS, GRID, TEXT = "#6e7781", "#d0d7de", "#57606a"


def mean(found, name, wording=None):
    for one in found["means"]:
        method = one["method"]
        if one["subset"] == "unseen_value" and method["name"] == name:
            if method.get("wording") == wording:
                return one["auc"]
    raise SystemExit(f"no mean of {name}, {wording}")


def figure(found):
    low, high = 0.74, 0.84
    across = lambda labels: LEFT + WIDTH * (math.log10(labels) - 1.4) / (3.2 - 1.4)
    down = lambda auc: TOP + HEIGHT * (high - auc) / (high - low)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" '
        f'height="{TOP + HEIGHT + 44}" font-family="system-ui, sans-serif" font-size="13">'
    ]
    for tick in range(6):
        auc = low + 0.02 * tick
        out.append(f'<path d="M{LEFT} {down(auc):.1f}h{WIDTH}" stroke="{GRID}"/>')
        out.append(
            f'<text x="{LEFT - 6}" y="{down(auc) + 4:.1f}" fill="{TEXT}" text-anchor="end">'
            f"{auc:.2f}".replace("0.", ".") + "</text>"
        )
    for wording, title, colour in LINES:
        auc = mean(found, "answer score", wording)
        top, bottom = down(auc["high"]), down(auc["low"])
        out.append(
            f'<rect x="{LEFT}" y="{top:.1f}" width="{WIDTH}" height="{bottom - top:.1f}" '
            f'fill="{colour}" opacity=".07"/>'
        )
        out.append(
            f'<path d="M{LEFT} {down(auc["point"]):.1f}h{WIDTH}" stroke="{colour}" '
            'stroke-width="2.5"/>'
        )
        out.append(
            f'<text x="{LEFT + WIDTH + 8}" y="{down(auc["point"]) + 4:.1f}" fill="{colour}">'
            f"no label, {title}</text>"
        )
    points = []
    for labels in LABELS:
        auc = mean(found, f"{labels} labels of the question")
        x = across(labels)
        points.append(f"{x:.1f} {down(auc['point']):.1f}")
        out.append(
            f'<path d="M{x:.1f} {down(auc["low"]):.1f}V{down(auc["high"]):.1f}" '
            f'stroke="{OTHERS}" stroke-width="1.5"/>'
        )
        out.append(f'<circle cx="{x:.1f}" cy="{down(auc["point"]):.1f}" r="4.5" fill="{OTHERS}"/>')
        out.append(
            f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" fill="{TEXT}" text-anchor="middle">'
            f"{labels:,}</text>"
        )
    out.append(f'<path d="M{"L".join(points)}" fill="none" stroke="{OTHERS}"/>')
    out.append(
        f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 38}" fill="{TEXT}" '
        'text-anchor="middle">labelled households of each question (grey)</text>'
    )
    return "\n".join([*out, "</svg>"]) + "\n"


def main():
    found = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf8"))
    pathlib.Path(sys.argv[2]).write_text(figure(found), encoding="utf8")


if __name__ == "__main__":
    main()
