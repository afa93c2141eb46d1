"""The float network that a file is held against: a model, a study's, or a finished float file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ....backends.contract import AbstractSession
from ....core.arrays import Array
from ....core.errors import BadFile
from ....core.image import InputSpec
from ....core.pixels import NOTHING, stated_of
from ....core.preprocess import normalise
from ....data.dataset import Splits
from ....data.named.named_data import named_dataset
from ....files.input import spec_for
from ....files.trial import runnable
from ....graph.ending import logits, squashes
from ....graph.program import Captured
from ....study.bench import Bench
from ....study.networks.network import prepare
from ....study.networks.sources import build_model
from ....study.study import NetworkSpec
from ..case import Case

BATCH = 32


@dataclass(frozen=True)
class FloatSide:
    """A network, or a file in its runtime (`session`). `captured` is None where only the runtime can run it."""

    inputs: InputSpec
    splits: Splits
    data: str
    captured: Captured | None
    file: Path | None = None
    session: AbstractSession | None = None

    def scores(self, images: Array) -> Array:
        """(n, H, W, C) pixels -> (n, classes)."""
        if self.session is not None:
            return self.session.run(normalise(images, self.inputs))
        assert self.captured is not None
        parts = []
        with torch.inference_mode():
            for at in range(0, len(images), BATCH):
                x = torch.from_numpy(normalise(images[at : at + BATCH], self.inputs))
                parts.append(self.captured.network(x).numpy())
        return np.concatenate(parts)

    def ending_as(self, file_ends_in: str) -> FloatSide:
        """Up to its last softmax or sigmoid where the file has neither (""), as `--output logits` made it."""
        if file_ends_in or self.captured is None or not squashes(self.captured.program):
            return self
        return dataclasses.replace(self, captured=logits(self.captured), session=None)


def float_side(bench: Bench, case: Case) -> FloatSide:
    """The network of the bench's study or, where it has none, the file that the case names. Raises EdgequantError."""
    if not bench.study.network:
        return _from_file(case)
    (spec,) = bench.study.network
    stated = case.float_pixels or (case.pixels if case.pixels and _says_nothing(spec) else NOTHING)
    spec = dataclasses.replace(spec, **dataclasses.asdict(stated)) if stated else spec
    network = prepare(bench, spec)
    return FloatSide(network.captured.inputs, network.splits, spec.data, network.captured)


def _says_nothing(spec: NetworkSpec) -> bool:
    """Whether neither the study nor the model itself tells how pixels become its input."""
    return not (stated_of(spec) or build_model(spec.model).inputs(named_dataset(spec.data).image_shape()).mean)


def _from_file(case: Case) -> FloatSide:
    """A .tflite that can be read becomes a network like any other; every other file answers in its runtime."""
    file = runnable(Path(case.source))
    inputs = spec_for(file, case.float_pixels or (case.pixels if file.inputs is None else NOTHING))
    session, splits = file.backend.open(file.path), named_dataset(case.data).load(inputs)
    return FloatSide(inputs, splits, case.data, _read(file.path, inputs), file.path, session)


def _read(path: Path, inputs: InputSpec) -> Captured | None:
    """None where edgequant has no graph of its own for the file: its layers are then not judged, which is said."""
    from ....backends.tflite.read.read import read

    if path.suffix.lower() != ".tflite":
        return None
    try:
        reference = read(path, inputs.mean, inputs.std).reference
    except BadFile:
        return None
    return dataclasses.replace(reference.captured, inputs=inputs) if reference.kind == "float32" else None
