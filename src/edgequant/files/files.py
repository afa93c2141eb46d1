"""What the commands do with a finished file, anyone's: evaluate, benchmark, predict, inspect. Nothing is printed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.contract import Mirrored, Unreadable
from ..core.arrays import only
from ..core.errors import BadData, BadOption
from ..core.pixels import NOTHING, UNKNOWN, Stated
from ..core.preprocess import normalise
from ..core.progress import AbstractProgress, Silent
from ..host.guest import guest
from ..measure.accuracy import evaluate, judge, summary
from ..store.artifact import artifact
from .images import split_of
from .input import OpenFile, open_file, spec_for, target_for
from .on_device import LOCAL, Sent, Wanted, benchmark_on, device_of, difference, outputs_on
from .parity import parity_file
from .predict import Prediction, predict_files, softmax
from .trial import runnable

MOST_THREADS = 256


@guest
def evaluate_file(
    path: Path,
    data_spec: str,
    stated: Stated = NOTHING,
    quick: int = 0,
    progress: AbstractProgress | None = None,
    device: str = LOCAL,
) -> dict[str, Any]:
    """The file on the test split (validation where the set is unlabelled), in its runtime, on all cores.

    {"file", "target", "device", "bytes", "sha256", "data", "note", "split", "quick", "n", "top1", "top5", "top1_ci95",
    "kernels", "seconds", "against_local"}; accuracies are fractions; `quick`: a class-balanced draw of so many images.
    On another
    `device` the images are also run here, and `against_local` says how the scores differ; it is None for this one.
    Raises BadFile, BadData, BadOption, DeviceError.
    """
    there = None if device == LOCAL else device_of(device)
    file = runnable(path)
    inputs = spec_for(file, stated)
    images = split_of(data_spec, inputs, quick)
    session = file.backend.open(path)
    first = only(session.run(normalise(images.split.take(np.arange(1)), inputs)))
    if images.classes and first.shape != (1, len(images.classes)):
        raise BadData(
            f"{path} scores {'x'.join(map(str, first.shape[1:]))} classes and {data_spec} has {len(images.classes)}."
            " Expected the data set that the file was made for. Check --data."
        )
    start = time.perf_counter()
    with (progress or Silent()).task(f"{path.name}: evaluating in {file.target}") as tick:
        answers = evaluate(lambda: file.backend.open(path), images.split, inputs, tick=tick)
    ran = {"kernels": session.kernels(), "seconds": time.perf_counter() - start, "against_local": None}
    if there is not None:  # the answers are then that device's, and those of this machine what they are held against
        sent, start = Sent(path, file.target, file.backend, session), time.perf_counter()
        with (progress or Silent()).task(f"{path.name}: evaluating on {device}") as tick:
            outputs, about = outputs_on(there, sent, images.split, inputs, tick)
        ran = {"kernels": about["kernels"], "seconds": time.perf_counter() - start}
        ran["against_local"] = difference(outputs, answers.outputs, session.only.scale)
        answers = judge(outputs, images.split.annotations(np.arange(len(images.split))))
    figures = summary(answers, None, 0)
    return {
        **_identity(file),
        **{"device": device, "data": data_spec, "note": images.note, "split": images.name, "quick": quick},
        **{key: figures[key] for key in ("n", "top1", "top5", "top1_ci95")},
        **ran,
    }


def _identity(file: OpenFile) -> dict[str, Any]:
    found = artifact(file.path)
    return {"file": str(file.path), "target": file.target, "bytes": found.bytes, "sha256": found.sha256}


@guest
def benchmark_file(
    path: Path,
    threads: int = 1,
    against: Sequence[Path] = (),
    progress: AbstractProgress | None = None,
    memory: bool = True,
    device: str = LOCAL,
    profile: bool = False,
    library: str = "",
) -> dict[str, Any]:
    """{"threads", "input", "device", "machine", "conditions", "attempts", "files"}: of each file, `path` first, its
    latency, kernels and peak memory, and with `profile` the time of each operator where the runtime tells it.

    All are timed in turns on one image of seeded noise in [-1, 1] (which image it is does not change what is
    computed), so they must take images of one shape. Timing is done by a process of its own on `device`, and peak
    memory by one more for each file; `memory` False leaves it out. `library`: a LiteRT delegate's shared library on
    that device. Raises BadFile, BadOption, DeviceError.
    """
    there = device_of(device)
    files = [runnable(p) for p in dict.fromkeys((path, *against))]
    shapes = [file.shape for file in files]
    if threads > MOST_THREADS:
        raise BadOption(f"--threads is at most {MOST_THREADS}. Got {threads}. Write --threads 1, or as many as cores.")
    if threads < 1:
        raise BadOption(f"--threads is at least 1. Got {threads}. Write --threads 1, or as many as cores.")
    if len(set(shapes)) > 1:
        taken = ", ".join(f"{file.path.name} {'x'.join(map(str, shape))}" for file, shape in zip(files, shapes))
        raise BadOption(
            f"Files that are timed in turns take images of one shape, and these take {taken} (channels, height,"
            " width). Leave out --against, and time each by itself."
        )
    image = np.random.default_rng(0).uniform(-1, 1, (1, *shapes[0])).astype(np.float32)
    other = next((file.path for file in files if library and file.target != "litert"), None)
    if other is not None:
        raise BadOption(f"--delegate takes LiteRT's delegates, and {other} is no .tflite. Leave --delegate out.")
    options = {"library": library} if library else {}
    sent = [Sent(file.path, file.target, file.backend, file.backend.open(file.path), options) for file in files]
    with (progress or Silent()).task(f"{path.name}: latency at {threads} thread{'s' * (threads > 1)}") as tick:
        found = benchmark_on(there, sent, image, Wanted(threads, memory, profile), tick)
    found["files"] = [{**_identity(file), **record} for file, record in zip(files, found["files"])]
    return {"threads": threads, "input": list(shapes[0]), "device": device, **found}


@guest
def inspect_file(path: Path, edgetpu: bool = False) -> dict[str, Any]:
    """What the target's `inspect` gives, {"file", "target", "sha256"}, and "unreadable": why a .tflite cannot be
    read into edgequant's own graph (parity, quantizing it again); empty where it can, None for other formats.

    `edgetpu` adds what Coral's Edge TPU would take. Raises BadFile; BadOption where that is asked of another format.
    """
    file = open_file(path)
    found = {**_identity(file), **file.backend.inspect(path), "unreadable": None}
    if isinstance(file.backend, Mirrored):
        graph = file.backend.read(path, file.inputs or UNKNOWN)
        found["unreadable"] = graph.reason if isinstance(graph, Unreadable) else ""
    if not edgetpu:
        return found
    if file.target != "litert":
        raise BadOption(f"--edgetpu takes a .tflite. Got {path}. Quantize with --target litert --recipe w8a8.")
    from ..backends.litert.edgetpu import report

    return found | {"edgetpu": report(path)}


__all__ = [
    "OpenFile", "Prediction", "benchmark_file", "evaluate_file", "inspect_file", "open_file", "parity_file",
    "predict_files", "softmax", "spec_for", "target_for",
]  # fmt: skip
