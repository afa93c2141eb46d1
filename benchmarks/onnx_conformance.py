"""The ONNX reader held against ONNX's own backend tests, and against ONNX Runtime on random graphs.

Prints how many cases were tried, right, refused (by reason) and wrong; of the random graphs also what capture makes of
those that were read. A wrong one makes the exit status 1.

    python benchmarks/onnx_conformance.py [--graphs 2000] [--seed 0] [--out benchmarks/results/onnx-conformance.json]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance import shown, tally
from onnx_cases import backend
from onnx_cases.judge import judge
from onnx_cases.random_graphs import NEWEST, OLDEST, draw

from edgequant.models.sources.onnx.table import TABLE


def reason(why: str) -> str:
    """A refusal without what is of its case: names of nodes, and numbers."""
    text = re.sub(r"^\S*:\s*", "", why)
    text = re.split(r"; |\. ", re.sub(r"the node '[^']*' ", "", text))[0]
    text = re.sub(r"'[^']*'|\[[^\]]*\]|\([\d, ]*\)|(?<![a-z\d])-?\d[\d.e-]*", "#", text)
    return text[:110]


def backend_tests() -> dict[str, Any]:
    every = [(case, image) for case in backend.cases() for image in range(backend.images(case))]
    found = [backend.judge(case, image) for case, image in every]
    return {"cases": len(backend.cases()), **tally([(v.name, v.kind, v.why) for v in found], reason, ("crashed",))}


def random_graphs(count: int, seed: int) -> dict[str, dict[str, Any]]:
    """`count` graphs that ONNX Runtime runs, from seed `seed` on."""
    read, captured, done = [], [], 0
    while done < count:
        case = draw(seed)
        if case is not None:
            verdict, name = judge(case), f"graph {seed} ({', '.join(case.kinds)})"
            read.append((name, verdict.kind, verdict.why))
            captured.append((name, verdict.captured, verdict.captured_why))
            done += 1
        seed += 1
    reached = [c for c in captured if c[1]]
    return {"read": tally(read, reason, ("crashed",)), "captured": tally(reached, reason, ("crashed",))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--graphs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results = {"backend": backend_tests(), **random_graphs(asked.graphs, asked.seed)}
    shown(
        f"ONNX backend tests, {results['backend']['cases']} nodes, each float input in turn the image",
        results["backend"],
    )
    shown(f"Random graphs, opsets {OLDEST} to {NEWEST}, against ONNX Runtime", results["read"])
    shown("The same through capture", results["captured"])
    versions = {name: metadata.version(name) for name in ("onnx", "onnxruntime", "torch")}
    conditions = {"graphs": asked.graphs, "seed": asked.seed, "operators": sorted(TABLE), "versions": versions}
    if asked.out:
        asked.out.write_text(json.dumps({"conditions": conditions, **results}, indent=1) + "\n")
    return int(any(found["wrong"] for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
