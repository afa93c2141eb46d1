"""Finished files on a device: the job that is sent, and the records that are made of the answer.

The machine here encodes the images as each file takes them and decodes the scores, so every device computes on the
same integers and needs its runtime only.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.contract import AbstractBackend, AbstractSession, Portable
from ..catalog import DEVICES
from ..core.arrays import Array, Outputs, joined, only
from ..core.errors import Unsupported
from ..core.image import InputSpec
from ..core.preprocess import normalise
from ..core.progress import Tick
from ..data.dataset import AbstractSplit
from ..devices.device import AbstractDevice, Job, JobAnswer
from ..host.stopwatch import Budget
from ..measure.parity import float_parity, integer_parity

LOCAL = "local"
UNHURRIED = Budget(min_turns=10)  # a fifth of a second and more: a machine's slower drifts are in the median
CHUNK = 500  # images a job: what a dropped connection costs at most
DIFFERENCE = ("top1_agreement", "exact_fraction", "max_lsb", "max_abs")


@dataclass(frozen=True)
class Sent:
    """One file of a job. `options` are added to the backend's own, which the runtime there is opened with."""

    path: Path
    target: str
    backend: AbstractBackend
    session: AbstractSession
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def portable(self) -> Portable:
        """Raises Unsupported."""
        if not isinstance(self.session, Portable):
            raise Unsupported(
                f"Files of the target {self.target} run on this machine only. Use --device local,"
                " or a .tflite or .onnx of the same network."
            )
        return self.session


@dataclass(frozen=True)
class Wanted:
    """How a benchmark is to be taken."""

    threads: int = 1
    memory: bool = True
    profile: bool = False
    seed: int = 0
    budget: Budget = UNHURRIED


def device_of(spec: str) -> AbstractDevice:
    """`local`, `ssh:user@host`, `adb:serial`. Raises UnknownName and BadOption."""
    return DEVICES.build(spec)


def benchmark_on(
    device: AbstractDevice, files: Sequence[Sent], image: Array, wanted: Wanted, tick: Tick
) -> dict[str, Any]:
    """{"machine", "conditions", "attempts", "files": [{"latency_ms", "kernels", "profile", memory's two keys}]}.

    `image`: (1, C, H, W) normalised; all files are timed in turns on it. Raises DeviceError and BadOption.
    """
    phases = [f"memory-{n}" for n in range(len(files))] if wanted.memory else []
    how = {"task": "benchmark", "phases": [*phases, "main"], "threads": wanted.threads, "seed": wanted.seed}
    how |= {"budget": dataclasses.asdict(wanted.budget), "profile": wanted.profile}
    answer = device.run(_job(how, files, [one.portable.encode(image) for one in files]), tick)
    records = [_timed(one, number, answer, wanted) for number, one in enumerate(files)]
    kept = {key: answer.record[key] for key in ("machine", "conditions")}
    return {**kept, "attempts": answer.attempts, "files": records}


def outputs_on(
    device: AbstractDevice, one: Sent, split: AbstractSplit, inputs: InputSpec, tick: Tick
) -> tuple[Outputs, dict[str, Any]]:
    """(the outputs of the split, float32, {"machine", "kernels", "attempts"}). Raises DeviceError."""
    parts: list[Outputs] = []
    about: dict[str, Any] = {"attempts": 0}
    for images, _ in split.batches(CHUNK):
        encoded = one.portable.encode(normalise(images, inputs))

        def count(done: int, _: int, start: int = CHUNK * len(parts)) -> None:
            tick(start + done, len(split))

        how = {"task": "evaluate", "phases": ["main"], "threads": 1}
        answer = device.run(_job(how, [one], [encoded]), count)
        parts.append(one.portable.decode(_arrays(answer.files["outputs-0.npz"])))
        about = {
            "machine": answer.record["machine"],
            "kernels": one.portable.counted(answer.record["files"][0]["nodes"], answer.files),
            "attempts": max(about["attempts"], answer.attempts),
        }
    return joined(parts), about


def difference(there: Outputs, here: Outputs, step: float) -> dict[str, Any]:
    """How a device's (N, classes) scores differ from this machine's, in steps of the output where it has integers."""
    scores = only(there), only(here)
    found = integer_parity(*scores, step) if step else float_parity(*scores)
    return {key: found[key] for key in DIFFERENCE}


def _job(how: dict[str, Any], files: Sequence[Sent], inputs: Sequence[Array]) -> Job:
    """`how`: the job's record without its "files" (devices/device.py); `inputs`: what each file takes, encoded."""
    listed: list[dict[str, Any]] = []
    contents: dict[str, bytes] = {}
    for number, (one, value) in enumerate(zip(files, inputs)):
        name = f"{number}{one.backend.capability.suffix}"
        options = {**dataclasses.asdict(one.backend), **one.options}  # type: ignore[call-overload]
        runtime = one.target.partition(":")[0]
        listed.append({"file": name, "runtime": runtime, "options": options, "input": f"{number}.npy"})
        contents |= {name: one.path.read_bytes(), f"{number}.npy": _npy(value)}
    return Job({**how, "files": listed}, contents)


def _timed(one: Sent, number: int, answer: JobAnswer, wanted: Wanted) -> dict[str, Any]:
    told = answer.record["files"][number]
    record = {
        "latency_ms": told["latency_ms"],
        "kernels": one.portable.counted(told["nodes"], _numbered(answer.files, number)),
    }
    record |= {"profile": told["profile"]} if wanted.profile else {}
    return record | _memory(answer, number) if wanted.memory else record


def _numbered(files: Mapping[str, bytes], number: int) -> dict[str, bytes]:
    """The files that belong to one of a job's, as if it were the only one."""
    return {name.replace(f"-{number}.", "-0."): data for name, data in files.items() if f"-{number}." in name}


def _memory(answer: JobAnswer, number: int) -> dict[str, Any]:
    done, failed = (answer.files.get(f"memory-{number}{end}") for end in (".json", ".failed.json"))
    if done is not None:
        told = json.loads(done)
        return {"peak_memory_bytes": told["bytes"], "peak_memory_reason": told["reason"]}
    return {"peak_memory_bytes": None, "peak_memory_reason": json.loads(failed or b'{"error": "unknown"}')["error"]}


def _npy(value: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(value))
    return buffer.getvalue()


def _arrays(data: bytes) -> list[Array]:
    """In their order."""
    with np.load(io.BytesIO(data)) as archive:
        return [archive[name] for name in archive.files]
