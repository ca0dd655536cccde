"""Draws what labels of a question are worth beside the answer score without any, and what the right
question is worth.

    python scripts/figures/answers.py target/suites/wide/complete-journey.json docs

Writes docs/label-equivalence.svg and docs/awareness.svg: mean AUCs over questions about values that
learning never named. Needs nothing beside Python.
"""

import json
import math
import pathlib
import sys

LEFT, WIDTH, RIGHT, TOP, HEIGHT = 52, 330, 170, 16, 220
LABELS = (("LightGBM, 50 labels", "50"), ("LightGBM, 200 labels", "200"),
          ("LightGBM, 1000 labels", "1,000"), ("LightGBM, all labels", "all"))
LINES = (("exact", "by its name", "#1f6feb"), ("plain", "in plain words", "#2da44e"),
         ("far", "in synonyms", "#bf8700"))
ASKED = (("answer score", "the question"), ("wrong within the field", "another of the field"),
         ("wrong question", "of another field"), ("activity", "none: activity"))
OTHERS, GRID, TEXT = "#6e7781", "#d0d7de", "#57606a"


def mean(found, name, wording=None):
    for one in found["means"]:
        method = one["method"]
        if one["subset"] == "unseen_value" and method["name"] == name:
            if method.get("wording") == wording:
                return one["auc"]
    raise SystemExit(f"no mean of {name}, {wording}")


class Canvas:
    """A figure with AUC upwards."""

    def __init__(self, low, high):
        self.low, self.high = low, high
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" '
            f'height="{TOP + HEIGHT + 44}" font-family="system-ui, sans-serif" font-size="13">'
        ]
        for tick in range(round((high - low) / 0.02) + 1):
            auc = low + 0.02 * tick
            self.path(f"M{LEFT} {self.y(auc):.1f}h{WIDTH}", GRID)
            self.text(LEFT - 6, self.y(auc) + 4, f"{auc:.2f}".lstrip("0"), TEXT, "end")

    def y(self, auc):
        return TOP + HEIGHT * (self.high - auc) / (self.high - self.low)

    def path(self, path, colour, width=1.0):
        self.parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def text(self, x, y, text, colour, anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>')

    def point(self, x, auc, colour):
        self.path(f"M{x:.1f} {self.y(auc['low']):.1f}V{self.y(auc['high']):.1f}", colour, 1.5)
        self.parts.append(f'<circle cx="{x:.1f}" cy="{self.y(auc["point"]):.1f}" r="4.5" fill="{colour}"/>')

    def svg(self):
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def labels(found):
    canvas = Canvas(0.74, 0.84)
    for wording, title, colour in LINES:
        auc = mean(found, "answer score", wording)
        top, bottom, middle = (canvas.y(auc[end]) for end in ("high", "low", "point"))
        canvas.parts.append(
            f'<rect x="{LEFT}" y="{top:.1f}" width="{WIDTH}" height="{bottom - top:.1f}" '
            f'fill="{colour}" opacity=".07"/>'
        )
        canvas.path(f"M{LEFT} {middle:.1f}h{WIDTH}", colour, 2.5)
        canvas.text(LEFT + WIDTH + 8, middle + 4, f"no label, {title}", colour)
    step, points = WIDTH / len(LABELS), []
    for place, (method, title) in enumerate(LABELS):
        x, auc = LEFT + step * (place + 0.5), mean(found, method)
        points.append(f"{x:.1f} {canvas.y(auc['point']):.1f}")
        canvas.point(x, auc, OTHERS)
        canvas.text(x, TOP + HEIGHT + 18, title, TEXT, "middle")
    canvas.path(f"M{'L'.join(points)}", OTHERS)
    middle = LEFT + WIDTH / 2
    canvas.text(middle, TOP + HEIGHT + 38, "labelled households of each question, LightGBM (grey)", TEXT, "middle")
    return canvas.svg()


def awareness(found):
    canvas = Canvas(0.62, 0.84)
    step = WIDTH / len(ASKED)
    for place, (method, title) in enumerate(ASKED):
        of = [(None, None, OTHERS)] if method == "activity" else LINES
        for number, (wording, _, colour) in enumerate(of):
            x = LEFT + step * (place + 0.5) + 16 * (number - (len(of) - 1) / 2)
            canvas.point(x, mean(found, method, wording), colour)
        canvas.text(LEFT + step * (place + 0.5), TOP + HEIGHT + 18, title, TEXT, "middle")
    for number, (_, title, colour) in enumerate(LINES):
        canvas.text(LEFT + WIDTH + 8, TOP + 20 + 20 * number, title, colour)
    canvas.text(LEFT + WIDTH / 2, TOP + HEIGHT + 38, "what the score is asked instead", TEXT, "middle")
    return canvas.svg()


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: answers.py EVALUATION DIRECTORY")
    found = json.loads(pathlib.Path(sys.argv[1]).read_text())["forecasts"]
    out = pathlib.Path(sys.argv[2])
    (out / "label-equivalence.svg").write_text(labels(found))
    (out / "awareness.svg").write_text(awareness(found))


if __name__ == "__main__":
    main()
