"""The work of a job on the device: `python -m edgequant.devices.far.runner FOLDER PHASE`.

A job is `job.json`, files and inputs in one folder; what comes of it is written to its folder `out`:

    {"task": "benchmark" | "evaluate", "phases": ["memory-0", ..., "main"], "threads", "seed", "budget": {...},
     "profile": bool, "files": [{"file", "runtime", "options": {...}, "input": "0.npy"}]}

Each phase is a process: the memory of a file is only known where nothing ran before. Python 3.9 or newer.
"""

from __future__ import annotations

import gc
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ...host.machine import conditions, machine
from ...host.stopwatch import Budget, describe, sample
from .runtimes import RUNTIMES, Missing, Runtime, versions

RESET = Path("/proc/self/clear_refs")  # writing 5 sets VmHWM back to VmRSS; see man 5 proc
REPORT_EVERY = 50  # images
MODULES = {
    "litert": ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"),
    "onnxruntime": ("onnxruntime",),
    "executorch": ("torch", "executorch.runtime"),
}

Spec = dict[str, Any]


def main() -> int:
    folder, phase = Path(sys.argv[1]), sys.argv[2]
    spec = json.loads((folder / "job.json").read_text())
    try:
        if phase.startswith("memory-"):
            record = _memory(spec, folder, int(phase.partition("-")[2]))
        else:
            record = {"benchmark": _benchmark, "evaluate": _evaluate}[spec["task"]](spec, folder)
    except Missing as error:
        return _failed(folder, f"no Python module {error.args[1]!r}", str(error.args[0]))
    except Exception as error:
        return _failed(folder, f"{type(error).__name__}: {error}")
    (folder / "out" / f"{phase}.json").write_text(json.dumps(record))
    return 0


def _failed(folder: Path, reason: str, missing: str = "") -> int:
    (folder / "out" / "error.json").write_text(json.dumps({"error": reason, "missing": missing}))
    return 1


def _open(spec: Spec, folder: Path, number: int) -> Runtime:
    one = spec["files"][number]
    opened: Runtime = RUNTIMES[one["runtime"]](folder / one["file"], spec["threads"], one["options"])
    return opened


def _inputs(spec: Spec, folder: Path, number: int) -> Any:
    return np.load(folder / spec["files"][number]["input"])


def _benchmark(spec: Spec, folder: Path) -> Spec:
    """All files in turns; raw samples go to `out/samples-N.npy`."""
    opened = [_open(spec, folder, n) for n in range(len(spec["files"]))]
    for number, runtime in enumerate(opened):
        runtime.set(_inputs(spec, folder, number))
    before = conditions()
    times = sample({str(n): r.invoke for n, r in enumerate(opened)}, Budget(**spec["budget"]), spec["seed"], _tell)
    after = conditions()
    files = []
    for number, runtime in enumerate(opened):
        ms = times[str(number)]
        np.save(folder / "out" / f"samples-{number}.npy", ms)
        nodes = runtime.nodes(folder / "out" / f"optimized-{number}")
        profile = runtime.profile() if spec.get("profile") else None
        files.append({"latency_ms": describe(ms, spec["threads"]), "nodes": nodes, "profile": profile})
    return {**_where(spec), "conditions": {"before": before, "after": after}, "files": files}


def _evaluate(spec: Spec, folder: Path) -> Spec:
    """Every input through every file; the raw outputs go to `out/outputs-N.npz`, in their order."""
    files = []
    for number in range(len(spec["files"])):
        runtime, inputs = _open(spec, folder, number), _inputs(spec, folder, number)
        np.savez(folder / "out" / f"outputs-{number}.npz", *_answers(runtime, inputs))
        files.append({"nodes": runtime.nodes(folder / "out" / f"optimized-{number}")})
    return {**_where(spec), "files": files}


def _answers(runtime: Runtime, inputs: Any) -> list[Any]:
    outputs = []
    for position in range(len(inputs)):
        runtime.set(inputs[position : position + 1])
        runtime.invoke()
        outputs.append([np.array(values[0]) for values in runtime.get()])
        if (position + 1) % REPORT_EVERY == 0:
            _tell(position + 1, len(inputs))
    return [np.array(values) for values in zip(*outputs)]


def _memory(spec: Spec, folder: Path, number: int) -> Spec:
    """Growth of the resident memory while a file is opened and run once; the runtime's libraries are there before."""
    if not RESET.exists():
        return {"bytes": None, "reason": f"this system has no {RESET}, so a process's peak memory cannot be told"}
    for name in MODULES[spec["files"][number]["runtime"]]:
        try:
            import_module(name)
        except ImportError:
            continue  # opening the file says what is missing
    image = _inputs(spec, folder, number)
    gc.collect()
    RESET.write_text("5")
    before = _status("VmRSS")
    runtime = _open(spec, folder, number)
    runtime.set(image)
    runtime.invoke()
    runtime.get()
    return {"bytes": max(0, _status("VmHWM") - before), "reason": ""}


def _status(key: str) -> int:
    """A size from /proc/self/status, in bytes."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(key + ":"))
    return int(line.split()[1]) * 1024


def _where(spec: Spec) -> Spec:
    used = sorted({one["runtime"] for one in spec["files"]})
    return {"machine": {**machine(), "versions": {k: v for name in used for k, v in versions(name).items()}}}


def _tell(done: int, total: int) -> None:
    """Progress for the agent."""
    print(json.dumps([done, total]).join(('{"progress": ', "}")), flush=True)


if __name__ == "__main__":
    sys.exit(main())
