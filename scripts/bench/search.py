"""The exact index beside faiss, on the same vectors, in turn.

    cargo build --release --workspace --bins
    python scripts/bench/search.py --ours target/release/search_throughput

Random unit vectors; both sides may use all threads. Prints the median time of a question by itself
and of each of many that are asked together, the ratio, and the share of the rows that both found.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ours", required=True, type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    random = np.random.default_rng(7)

    def units(rows):
        found = random.standard_normal((rows, args.width), dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    vectors, questions = units(args.rows), units(args.questions)
    index = faiss.IndexFlatIP(args.width)
    index.add(vectors)
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("vectors.f32", "questions.f32")]
        vectors.tofile(files[0])
        questions.tofile(files[1])
        del vectors
        for _ in range(args.turns):
            few = min(16, args.questions)
            start = time.perf_counter()
            for row in range(few):
                index.search(questions[row : row + 1], args.top)
            seconds.setdefault("one faiss", []).append((time.perf_counter() - start) / few)
            start = time.perf_counter()
            _, theirs = index.search(questions, args.top)
            seconds.setdefault("many faiss", []).append(time.perf_counter() - start)
            command = [args.ours, "--vectors", files[0], "--questions", files[1]]
            command += ["--width", str(args.width), "--top", str(args.top), "--repetitions", "1"]
            lines = subprocess.run(command, check=True, capture_output=True, text=True)
            for line in map(json.loads, lines.stdout.splitlines()):
                if "rows" in line:
                    ours = line["rows"]
                else:
                    seconds.setdefault(line["work"] + " ours", []).append(line["seconds"])
    shared = [len(set(a) & set(map(int, b))) / args.top for a, b in zip(ours, theirs)]
    for work in ("one", "many"):
        ours_s, theirs_s = (
            statistics.median(seconds[f"{work} {side}"]) for side in ("ours", "faiss")
        )
        line = {"work": work, "ours_s": ours_s, "faiss_s": theirs_s, "times": theirs_s / ours_s}
        print(json.dumps(line))
    print(json.dumps({"shared": float(np.mean(shared)), "threads": faiss.omp_get_max_threads()}))


if __name__ == "__main__":
    main()
