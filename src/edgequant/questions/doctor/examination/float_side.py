"""The float network that a file is held against: a model, a study's, or a finished float file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ....backends.contract import AbstractSession
from ....core.arrays import Array, only
from ....core.image import InputSpec
from ....core.pixels import NOTHING, stated_of
from ....core.preprocess import normalise
from ....data.dataset import Splits
from ....data.named.named_data import named_dataset
from ....files.input import spec_for
from ....files.trial import runnable
from ....graph.ending import logits, squashes
from ....graph.program import Captured
from ....quantization.reference import Reference
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
            return only(self.session.run(normalise(images, self.inputs)))
        assert self.captured is not None
        parts = []
        with torch.inference_mode():
            for at in range(0, len(images), BATCH):
                x = torch.from_numpy(normalise(images[at : at + BATCH], self.inputs))
                parts.append(only(self.captured.network(x)).numpy())
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
    """It answers in its runtime; where edgequant reads a graph from it, it is that network too."""
    file = runnable(Path(case.source))
    inputs = spec_for(file, case.float_pixels or (case.pixels if file.inputs is None else NOTHING))
    session, splits = file.backend.open(file.path), named_dataset(case.data).load(inputs)
    found = file.backend.read(file.path, inputs)
    captured = None
    if isinstance(found, Reference) and found.kind == "float32":
        captured = dataclasses.replace(found.captured, inputs=inputs)
    return FloatSide(inputs, splits, case.data, captured, file.path, session)
