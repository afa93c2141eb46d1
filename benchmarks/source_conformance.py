"""The readers of Keras models and of .tflite files held against Keras and LiteRT, on random ones.

Prints how many were tried, right, refused (by reason) and wrong. A wrong one, or one that crashes, makes the exit
status 1. The ONNX reader has a script of its own, onnx_conformance.py.

    python benchmarks/source_conformance.py [--count 2000] [--seed 0] [--out benchmarks/results/source-conformance.json]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance import Verdicts, shown, tally


def reason(why: str) -> str:
    """A refusal without what is of its case: names, numbers and advice."""
    text = re.sub(r"^\S*\.tflite:? ", "", why)
    text = re.sub(r"operator \d+, ", "", text)
    text = re.split(r"; expected|, which edgequant cannot|(?<=\w)\. ", text)[0]
    return re.sub(r"'[^']*' ?|\[[^\]]*\]|\([\d, ]*\)|(?<![\w])-?\d[\d.e-]*", "#", text)[:110]


def tried(draw: Callable[[int], Any], judge: Callable[[Any], Any], count: int, seed: int) -> dict[str, Any]:
    """`count` cases that the runtime runs, from seed `seed` on."""
    verdicts: Verdicts = []
    while len(verdicts) < count:
        case = draw(seed)
        if case is not None:
            verdict = judge(case)
            verdicts.append((f"seed {seed} ({', '.join(case.kinds)})", verdict.kind, verdict.why))
        seed += 1
    return tally(verdicts, reason)


def keras_models(count: int, seed: int) -> dict[str, Any]:
    from keras_cases.judge import judge
    from keras_cases.random_models import random_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tried(random_model, judge, count, seed)


def float_files(count: int, seed: int) -> dict[str, Any]:
    from tflite_cases.judge import judge
    from tflite_cases.random_files import draw

    return tried(draw, judge, count, seed)


def integer_files(count: int, seed: int) -> dict[str, Any]:
    from tflite_cases.judge import judge
    from tflite_cases.random_files import draw

    return tried(lambda at: draw(at, integer=True), judge, count, seed)


PARTS = {
    "Keras models, against Keras": keras_models,
    "float .tflite files, against LiteRT": float_files,
    "int8 .tflite files, bit for bit, against LiteRT": integer_files,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results = {}
    for title, part in PARTS.items():
        results[title] = part(asked.count, asked.seed)
        shown(title, results[title])
    versions = {name: metadata.version(name) for name in ("keras", "ai-edge-litert", "torch")}
    if asked.out:
        conditions = {"count": asked.count, "seed": asked.seed, "versions": versions}
        asked.out.write_text(json.dumps({"conditions": conditions, **results}, indent=1) + "\n")
    return int(any(found["failed"] for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
