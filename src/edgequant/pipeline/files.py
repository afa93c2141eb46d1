"""What the commands do with a finished file, anyone's: evaluate, benchmark, predict, inspect. Nothing is printed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import BACKENDS
from ..core.errors import BadData, BadFile, BadOption
from ..core.files import artifact
from ..core.interfaces import AbstractSession, Array
from ..core.preprocess import normalise
from ..core.progress import AbstractProgress, Silent
from ..data.decode import check_channels, decode
from ..measure.accuracy import evaluate, summary
from ..measure.latency import benchmark
from ..measure.memory import peak_memory
from .file_ending import ends_in_softmax
from .file_input import OpenFile, Pixels, entry, open_file, spec_for, target_for
from .file_parity import parity_file
from .file_split import split_of

TOP = 5
Predictions = list[tuple[Path, list[tuple[str, float]]]]


def evaluate_file(
    path: Path,
    data_spec: str,
    mean: Pixels = None,
    std: Pixels = None,
    quick: int = 0,
    progress: AbstractProgress | None = None,
) -> dict[str, Any]:
    """The file on the test split (validation where the set is unlabelled), in its runtime, on all cores.

    {"file", "target", "bytes", "sha256", "data", "split", "quick", "n", "top1", "top5", "top1_ci95", "kernels",
    "seconds"}; accuracies are fractions; `quick`: only the first images. Raises BadFile, BadData, BadOption.
    """
    file = open_file(path)
    inputs = spec_for(file, mean, std)
    images = split_of(data_spec, inputs, quick)
    session = file.backend.open(path)
    first = session.run(normalise(images.split.take(np.arange(1)), inputs))
    if images.classes and first.shape != (1, len(images.classes)):
        raise BadData(
            f"{path} scores {first.shape[1:]} classes and {data_spec} has {len(images.classes)}."
            " Expected the data set that the file was made for. Check --data."
        )
    start = time.perf_counter()
    with (progress or Silent()).task(f"{path.name}: evaluating in {file.target}") as tick:
        answers = evaluate(lambda: file.backend.open(path), images.split, inputs, tick=tick)
    seconds, figures = time.perf_counter() - start, summary(answers, None, 0)
    about = {**_identity(file), "data": data_spec, "split": images.name, "quick": quick}
    measured = {key: figures[key] for key in ("n", "top1", "top5", "top1_ci95")}
    return {**about, **measured, "kernels": session.kernels(), "seconds": seconds}


def _identity(file: OpenFile) -> dict[str, Any]:
    found = artifact(file.path)
    return {"file": str(file.path), "target": file.target, "bytes": found.bytes, "sha256": found.sha256}


def benchmark_file(
    path: Path,
    threads: int = 1,
    against: Sequence[Path] = (),
    progress: AbstractProgress | None = None,
    memory: bool = True,
) -> dict[str, Any]:
    """{"threads", "input", "files"}: of each file, `path` first, its latency, kernels and peak memory.

    All are timed in turns on one image of seeded noise in [-1, 1] (which image it is does not change what is
    computed), so they must take images of one shape. Peak memory takes two processes a file; `memory` False leaves it
    out. Raises BadFile, BadOption.
    """
    files = [open_file(p) for p in dict.fromkeys((path, *against))]
    shapes = [file.inputs.shape if file.inputs else entry(file).shape for file in files]
    if threads < 1 or len(set(shapes)) > 1:
        raise BadOption(
            f"Expected at least one thread and files that take images of one shape. Got {threads} and {shapes}."
        )
    image = np.random.default_rng(0).uniform(-1, 1, (1, *shapes[0])).astype(np.float32)
    sessions = {str(file.path): file.backend.open(file.path, threads) for file in files}
    with (progress or Silent()).task(f"{path.name}: latency at {threads} thread{'s' * (threads > 1)}") as tick:
        latency = benchmark(sessions, image, threads=threads, tick=tick)
    records = [_timed(file, sessions[str(file.path)], latency[str(file.path)]) for file in files]
    if memory:
        records = [record | _memory(file, shapes[0], threads) for file, record in zip(files, records)]
    return {"threads": threads, "input": list(shapes[0]), "files": records}


def _timed(file: OpenFile, session: AbstractSession, latency: dict[str, Any]) -> dict[str, Any]:
    return {**_identity(file), "latency_ms": latency, "kernels": session.kernels()}


def _memory(file: OpenFile, shape: tuple[int, int, int], threads: int) -> dict[str, Any]:
    found = peak_memory(BACKENDS.path(file.target), file.path, shape, threads)
    return {"peak_memory_bytes": found.bytes, "peak_memory_reason": found.reason}


def predict_files(path: Path, images: Sequence[Path], mean: Pixels = None, std: Pixels = None) -> Predictions:
    """The five likeliest classes of each image with their probabilities, as an app would use the file.

    Scores go through a softmax, unless the file ends in one. Ties go to the first class.
    Raises BadFile, BadOption, and BadData naming the image that cannot be read.
    """
    file = open_file(path)
    inputs = spec_for(file, mean, std)
    check_channels(inputs)
    session, probabilities = file.backend.open(path), ends_in_softmax(path)
    found: Predictions = []
    for image in images:
        scores = session.run(normalise(decode(image, inputs)[None], inputs))
        if scores.ndim != 2:
            raise BadFile(f"{path} gives {scores.shape[1:]} for an image; class scores were expected.")
        found.append((image, _top(file, scores[0] if probabilities else softmax(scores[0]))))
    return found


def softmax(scores: Array) -> Array:
    """(classes,) float64."""
    powers = np.exp(scores.astype(np.float64) - scores.max())
    probabilities: Array = powers / powers.sum()
    return probabilities


def _top(file: OpenFile, probabilities: Array) -> list[tuple[str, float]]:
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    return [(file.label(int(i)), float(probabilities[i])) for i in order]


def inspect_file(path: Path) -> dict[str, Any]:
    """What the target's `inspect` gives, {"file", "target", "sha256"}, and "unreadable": why a .tflite cannot be
    read into edgequant's own graph (parity, quantizing it again); empty where it can, None for other formats.
    """
    file = open_file(path)
    return {**_identity(file), **file.backend.inspect(path), "unreadable": _unreadable(file)}


def _unreadable(file: OpenFile) -> str | None:
    if file.target != "litert":
        return None
    from ..backends.tflite.read import read

    try:
        read(file.path)
    except BadFile as error:
        return str(error)
    return ""


__all__ = [
    "OpenFile", "benchmark_file", "evaluate_file", "inspect_file", "open_file", "parity_file", "predict_files",
    "spec_for", "target_for",
]  # fmt: skip
