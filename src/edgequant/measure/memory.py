"""The memory that one file takes to load and run once, from a process of its own.

What it is: the peak of the resident memory (VmHWM) while the file is opened and run on one image, less the
resident memory (VmRSS) just before, when the interpreter, numpy, the backend's module and the runtime's
libraries are already loaded. It holds the weights (also those mapped from the file, once touched), the
runtime's packed copies, the activations and everything the runtime allocates by the way.

What it is not: what an app as a whole needs (add the runtime's own code), an arena size for a microcontroller,
or exact: the kernel counts whole pages, per core, so expect a few hundred KiB either way.

The runtime's libraries are imported inside `open`, so which they are is learnt from a first process, and the
second imports them beforehand. A module that does not import by itself stays in the figure: it errs upwards.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from ..host.process import die_with

RESET = Path("/proc/self/clear_refs")  # writing 5 sets VmHWM back to VmRSS; see man 5 proc


@final
@dataclass(frozen=True)
class PeakMemory:
    """`bytes`, or None and the reason why it is not known."""

    bytes: int | None
    reason: str = ""


def peak_memory(
    target: str, file: Path, shape: tuple[int, int, int], threads: int = 1, timeout_s: float = 120.0
) -> PeakMemory:
    """Peak memory of `file` in the backend `target`, named "package.module:Class", on an image (C, H, W).

    Takes two fresh processes, each stopped after `timeout_s`. Raises nothing: what went wrong is the reason.
    """
    if not RESET.exists():
        return PeakMemory(None, f"this system has no {RESET}, so a process's peak memory cannot be told")
    words = [target, str(file), "x".join(map(str, shape)), str(threads), str(os.getpid())]
    command = [sys.executable, "-m", __name__, *words]
    try:
        first = _ask(command, [], timeout_s)
        return PeakMemory(_ask(command, first["modules"], timeout_s)["bytes"])
    except subprocess.TimeoutExpired:
        return PeakMemory(None, f"opening and running the file took over {timeout_s:g} s")
    except subprocess.CalledProcessError as error:
        return PeakMemory(None, _why(error))


def _ask(command: list[str], modules: list[str], timeout_s: float) -> dict[str, Any]:
    """What the process printed last. It finds its modules where this one does."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command,
        input=json.dumps(modules),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        env=environment,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _why(error: subprocess.CalledProcessError) -> str:
    if error.returncode < 0:
        return f"the process that ran the file was killed by {signal.Signals(-error.returncode).name}"
    lines = error.stderr.strip().splitlines()
    return lines[-1] if lines else f"the process that ran the file ended with status {error.returncode}"


def _measure(target: str, file: Path, shape: tuple[int, ...], threads: int, modules: list[str]) -> dict[str, Any]:
    """In the fresh process: {"bytes": growth, "modules": what opening and running the file imported}."""
    module, _, name = target.partition(":")
    backend = getattr(importlib.import_module(module), name)()
    for one in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(one)
    image = np.random.default_rng(0).standard_normal((1, *shape), dtype=np.float32)
    known = set(sys.modules)
    gc.collect()
    RESET.write_text("5")
    before = _status("VmRSS")
    session = backend.open(file, threads)
    session.run(image)
    growth = _status("VmHWM") - before
    return {"bytes": max(0, growth), "modules": [m for m in sys.modules if m not in known]}


def _status(key: str) -> int:
    """A size from /proc/self/status, in bytes."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(key + ":"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """`python -m edgequant.measure.memory module:Class FILE CxHxW THREADS PARENT`, modules to import on stdin."""
    target, file, shape, threads, parent = sys.argv[1:]
    die_with(int(parent))
    modules = json.load(sys.stdin)
    print(json.dumps(_measure(target, Path(file), tuple(map(int, shape.split("x"))), int(threads), modules)))


if __name__ == "__main__":
    main()
