"""edgequant beside other quantizers: the same float weights, calibration images and test set.

    make -C benchmarks/peers                        everything
    python benchmarks/peers/peers.py --only latency,table
    python benchmarks/peers/peers.py --only make --networks resnet8 --tools nncf_ptq

Steps: prepare (the shared inputs), make (each tool in its own environment), accuracy (full test set, in the runtime),
latency (one process, files of a runtime in turns, one thread; run it on an idle machine), table (peers.json, peers.md).
Each step leaves its own files in the work folder, so one can be repeated alone. Needs EDGEQUANT_DATA.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from networks import SUBJECTS
from tools import OURS, TOOLS, Tool

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STEPS = ("prepare", "make", "accuracy", "latency", "table")


def main() -> None:
    options = parser()
    given = options.parse_args()
    if not os.environ.get("EDGEQUANT_DATA") and {"prepare", "accuracy"} & set(given.only):
        options.error("EDGEQUANT_DATA is not set. Expected a folder with cifar-10-batches-py/: export EDGEQUANT_DATA=…")
    for network in given.networks:
        folder = given.work / network
        folder.mkdir(parents=True, exist_ok=True)
        if "prepare" in given.only:
            subprocess.run([sys.executable, str(HERE / "prepare.py"), network, str(folder)], check=True)
        if "make" in given.only:
            make(folder, given.environments, missing(folder, given.tools) if given.missing else given.tools)
    measure(given)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--only", type=words(STEPS), default=STEPS, help=", ".join(STEPS))
    found.add_argument("--networks", type=words(tuple(SUBJECTS)), default=tuple(SUBJECTS), help=", ".join(SUBJECTS))
    keys = tuple(tool.key for tool in TOOLS)
    found.add_argument("--tools", type=words(keys), default=keys, help="which to make again: " + ", ".join(keys))
    found.add_argument("--missing", action="store_true", help="make only what is not there: go on where it stopped")
    found.add_argument("--work", type=Path, default=ROOT / "runs" / "peers")
    found.add_argument("--environments", type=Path, default=ROOT / "runs" / "peers" / "env")
    found.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    return found


def words(known: Sequence[str]):
    """A parser of comma-separated words, which refuses those it does not know."""

    def parse(text: str) -> tuple[str, ...]:
        unknown = set(text.split(",")) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}; expected some of {', '.join(known)}")
        return tuple(text.split(","))

    return parse


def missing(folder: Path, asked: Sequence[str]) -> tuple[str, ...]:
    return tuple(key for key in asked if not (folder / f"{key}.json").exists())


def make(folder: Path, environments: Path, asked: Sequence[str]) -> None:
    """Converters first: other tools start from their files. What fails is on record and the rest goes on."""
    for tool in sorted(TOOLS, key=lambda tool: not tool.key.startswith("to_")):
        if tool.key in asked:
            print(f"{folder.name}: {tool.label} for {tool.runtime}", flush=True)
            make_one(tool, folder, environments)


def make_one(tool: Tool, folder: Path, environments: Path) -> None:
    python = sys.executable if tool.environment == OURS else environments / tool.environment / "bin" / "python"
    failed = folder / f"{tool.key}.failed.txt"
    failed.unlink(missing_ok=True)
    (folder / f"{tool.key}.json").unlink(missing_ok=True)
    try:
        run([python, HERE / "runner.py", tool.script, folder])
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", "") or str(error)
        failed.write_text(said[-4000:])
        print(f"  failed: {said.strip().splitlines()[-1]}", flush=True)


def run(command: Sequence[object]) -> None:
    """One thread: the seconds of two tools are then comparable. Raises CalledProcessError with what was said."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    subprocess.run([str(word) for word in command], check=True, env=environment, capture_output=True, text=True)


def measure(given: argparse.Namespace) -> None:
    """Imported here: making files needs none of it."""
    for network in given.networks:
        if "accuracy" in given.only:
            from measure import accuracy

            accuracy(given.work / network, given.tools)
        if "latency" in given.only:
            from measure import latency

            latency(given.work / network)
    if "table" in given.only:
        from table import write

        print(write(given.work, given.results, given.networks))


if __name__ == "__main__":
    main()
