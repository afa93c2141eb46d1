"""The float network that a file is held against: a model, a study's, or a finished float file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ....catalog import BACKENDS
from ....core.arrays import Array, only
from ....core.errors import BadOption
from ....core.image import InputSpec
from ....core.pixels import Stated, stated_of
from ....core.preprocess import normalise
from ....core.progress import AbstractProgress
from ....data.dataset import Splits
from ....data.named.named_data import named_dataset
from ....files.input import spec_for
from ....files.trial import runnable
from ....graph.ending import logits, squashes
from ....graph.program import Captured
from ....quantization.build import build
from ....recipe.recipe import parse_recipe
from ....recipe.resolve import resolve
from ....store.folder import RunFolder
from ....study.bench import Bench
from ....study.networks.network import prepare
from ....study.networks.sources import build_model
from ....study.study import NetworkSpec, Study, load_study, shipped

BATCH = 32
FILES = (".tflite", ".onnx")


@dataclass(frozen=True)
class FloatSide:
    """`scores`: (n, H, W, C) pixels -> (n, classes). `captured` is None where only the runtime can run it."""

    inputs: InputSpec
    splits: Splits
    data: str
    scores: Callable[[Array], Array]
    captured: Captured | None
    file: Path | None = None


def is_study(source: str) -> bool:
    return source in shipped() or source.endswith(".toml")


def is_file(source: str) -> bool:
    return Path(source).suffix.lower() in FILES


def float_side(
    source: str, data: str, weights: str, number: int, pixels: tuple[Stated, Stated], run: RunFolder,
    progress: AbstractProgress,
) -> FloatSide:  # fmt: skip
    """`number`: which of a study's networks; `pixels`: what is stated of it, and what of the quantized file:
    the latter holds for a network that does not say itself what it takes. Raises EdgequantError."""
    if is_file(source):
        return _from_file(Path(source), data, *pixels)
    spec, seed = _spec(source, data, weights, number)
    stated = pixels[0] or (pixels[1] if pixels[1] and _says_nothing(spec) else pixels[0])
    spec = dataclasses.replace(spec, **dataclasses.asdict(stated)) if stated else spec
    network = prepare(Bench(Study(seed=seed), run, progress), spec)
    return FloatSide(
        network.captured.inputs, network.splits, spec.data, lambda x: _run(network.captured, x), network.captured
    )


def _spec(source: str, data: str, weights: str, number: int) -> tuple[NetworkSpec, int]:
    if not is_study(source):
        if not data:
            raise BadOption(f"The doctor needs images for {source}. Give --data cifar10 (edgequant list data).")
        return NetworkSpec(model=source, data=data, weights=weights), 0
    study = load_study(source)
    if not 0 <= number < len(study.network):
        raise BadOption(
            f"The study {source} has {len(study.network)} network{'s' * (len(study.network) > 1)}, counted from 0."
            f" Got {number}. Write --network {len(study.network) - 1} for the last."
        )
    spec = study.network[number]
    return dataclasses.replace(spec, data=data or spec.data, weights=weights or spec.weights), study.seed


def _says_nothing(spec: NetworkSpec) -> bool:
    shape = named_dataset(spec.data).image_shape()
    return not (stated_of(spec) or build_model(spec.model).inputs(shape).mean)


def ending_alike(side: FloatSide, kind: str) -> FloatSide:
    """The float network up to its last softmax or sigmoid where the file has none (`kind` ""): `--output logits`."""
    captured = side.captured
    if kind or captured is None or not squashes(captured.program):
        return side
    shorter = logits(captured)
    return dataclasses.replace(side, captured=shorter, scores=lambda x: _run(shorter, x))


def _run(captured: Captured, images: Array) -> Array:
    parts = []
    with torch.inference_mode():
        for at in range(0, len(images), BATCH):
            x = torch.from_numpy(normalise(images[at : at + BATCH], captured.inputs))
            parts.append(only(captured.network(x)).numpy())
    return np.concatenate(parts)


def _from_file(path: Path, data: str, own: Stated, pixels: Stated) -> FloatSide:
    """A .tflite that can be read becomes a network like any other; every other file answers in its runtime."""
    if not data:
        raise BadOption(f"The doctor needs images for {path}. Give --data cifar10 (edgequant list data).")
    file = runnable(path)
    inputs = spec_for(file, own or (pixels if file.inputs is None else own))
    session, splits = file.backend.open(path), named_dataset(data).load(inputs)
    return FloatSide(inputs, splits, data, lambda x: only(session.run(normalise(x, inputs))), _read(path, inputs), path)


def _read(path: Path, inputs: InputSpec) -> Captured | None:
    """None where edgequant has no graph of its own for the file: its layers are then not judged, which is said."""
    from ....backends.tflite.read.read import read
    from ....core.errors import BadFile

    if path.suffix.lower() != ".tflite":
        return None
    try:
        reference = read(path, inputs.mean, inputs.std).reference
    except BadFile:
        return None
    return dataclasses.replace(reference.captured, inputs=inputs) if reference.kind == "float32" else None


def lowered(side: FloatSide, target: str, folder: Path) -> Path:
    """Its float32 file, to time another one against. Raises Unsupported."""
    if side.file is not None or side.captured is None:
        assert side.file is not None
        return side.file
    backend = BACKENDS.build(target)
    plan = resolve(side.captured.program, parse_recipe("float32"), target, backend.capability)
    return backend.lower(build(side.captured, plan, {}), folder / f"float32{backend.capability.suffix}").path
