"""How far ten repetitions of one benchmark lie apart, against a plain timing loop's. Run it on an idle machine.

    python benchmarks/latency_spread.py [FILE] [--repeats 10] [--series 5] [--json OUT]

FILE: a .tflite or .onnx (default: a MobileNetV2 of width 0.35 with random weights in int8, made here). A repetition
is a process of its own with a session of its own, first by edgequant's protocol (warm-up, turns, median), then by the
plain loop that tutorials show (100 runs at once, their mean). A spread is (largest - smallest) / median; it is an
extreme of few figures, so the series of repetitions is itself repeated, and every one of them is printed and kept. Exit
status 1 where a series' spread by the protocol is not below 5%, or their median is not below the loop's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgequant.backends.contract import AbstractSession
from edgequant.files.input import open_file
from edgequant.host.machine import conditions, machine
from edgequant.host.stopwatch import Budget, describe, sample

BOUND = 0.05
LOOP = 100
BUDGET = Budget(warmup_s=0.5, min_runs=200, max_runs=20_000, budget_s=3.0, min_turns=25)


def main() -> int:
    options = parser().parse_args()
    if options.once:
        print(json.dumps(once(options.file)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = options.file or default_file(Path(folder))
        record = repeated(file, options.repeats, options.series)
    print(text(record))
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return int(not record["met"])


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("file", type=Path, nargs="?", help="a .tflite or .onnx")
    found.add_argument("--repeats", type=int, default=10)
    found.add_argument("--series", type=int, default=5, help="how often the repetitions are repeated")
    found.add_argument("--json", type=Path, help="write the record, with every repetition, here")
    found.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    return found


def default_file(folder: Path) -> Path:
    from edgequant import quantize

    made = quantize("mobilenet_v2:width=0.35", noise(), "w8a8", out=folder / "run", weights="random")
    assert made.file is not None
    return made.file


def noise() -> tuple[Any, Any]:
    """Images that nobody looks at: latency does not depend on them."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (400, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 400)


def once(path: Path) -> dict[str, float]:
    """Milliseconds by the plain loop and by the protocol, each with a session of its own."""
    loop = plain_loop(opened(path))
    session = opened(path)
    figures = describe(sample({"one": session.invoke}, BUDGET)["one"], 1)
    return {"p50": figures["p50"], "loop": loop, "outliers": figures["outliers"], "runs": figures["runs"]}


def opened(path: Path) -> AbstractSession:
    file = open_file(path)
    shape = file.shape
    session = file.backend.open(path)
    session.prepare(np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32))
    return session


def plain_loop(session: AbstractSession) -> float:
    start = time.perf_counter()
    for _ in range(LOOP):
        session.invoke()
    return 1e3 * (time.perf_counter() - start) / LOOP


def repeated(file: Path, repeats: int, count: int) -> dict[str, Any]:
    before = conditions()
    found = [series(file, repeats) for _ in range(count)]
    protocol, loop = (statistics.median(s["spread"][key] for s in found) for key in ("protocol_p50", "plain_loop"))
    return {
        "machine": machine(),
        "conditions": {"before": before, "after": conditions()},
        "file": file.name,
        "bytes": file.stat().st_size,
        "series": found,
        "median_spread": {"protocol_p50": protocol, "plain_loop": loop},
        "met": protocol < loop and all(s["spread"]["protocol_p50"] < BOUND for s in found),
    }


def series(file: Path, repeats: int) -> dict[str, Any]:
    """Every repetition, and how far they lie apart."""
    command = [sys.executable, __file__, str(file), "--once"]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(repeats)
    ]
    protocol, loop = (spread([run[key] for run in runs]) for key in ("p50", "loop"))
    return {"runs": runs, "spread": {"protocol_p50": protocol, "plain_loop": loop}}


def spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / statistics.median(values)


def text(record: dict[str, Any]) -> str:
    runs = [run for s in record["series"] for run in s["runs"]]
    lines = [
        f"{record['file']}, {len(record['series'])} times {len(record['series'][0]['runs'])} repetitions, one thread,"
        f" load {record['conditions']['before']['load']}"
    ]
    for key, name in (("p50", "protocol_p50"), ("loop", "plain_loop")):
        spreads = ", ".join(f"{s['spread'][name]:.2%}" for s in record["series"])
        median = statistics.median(run[key] for run in runs)
        lines.append(f"{name}: {median:.4f} ms, spreads {spreads}; their median {record['median_spread'][name]:.2%}")
    verdict = "met" if record["met"] else "NOT met"
    return "\n".join([*lines, f"spreads below {BOUND:.0%}, and their median below the plain loop's: {verdict}"])


if __name__ == "__main__":
    sys.exit(main())
