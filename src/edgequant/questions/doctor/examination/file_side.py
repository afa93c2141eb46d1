"""The quantized file, opened as the case says: what it takes, what it answers, and the grids of its two ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....backends.contract import AbstractSession, Portable
from ....catalog import BACKENDS
from ....core.arrays import Array, only
from ....core.errors import BadOption
from ....core.image import InputSpec
from ....core.preprocess import normalise
from ....core.progress import Tick
from ....files.input import OpenFile, spec_for
from ....files.trial import runnable
from ..case import Case
from ..evidence import InputFacts, OutputFacts

CHUNK = 64


@dataclass(frozen=True)
class FileSide:
    """`target` has the options that it was opened with; `inputs` is what it is fed: as it says, or as stated."""

    file: OpenFile
    target: str
    inputs: InputSpec
    session: AbstractSession

    ends_in: str  # "softmax" or "sigmoid"; "" for neither

    @property
    def path(self) -> Path:
        return self.file.path

    def scores(self, x: Array, tick: Tick) -> Array:
        """(n, C, H, W) normalised images -> (n, classes) float32, as an app would get them."""
        parts = []
        for at in range(0, len(x), CHUNK):
            parts.append(only(self.session.run(x[at : at + CHUNK])))
            tick(min(at + CHUNK, len(x)), len(x))
        return np.concatenate(parts).astype(np.float32)

    def input_facts(self, images: Array) -> InputFacts | None:
        """What of the levels of (n, H, W, C) pixels is left in an integer input; None for a float one."""
        if not isinstance(self.session, Portable):
            return None
        fed = self.session.encode(normalise(images, self.inputs))
        if fed.dtype.kind == "f":
            return None
        return InputFacts(fed.dtype.name, len(np.unique(images)), len(np.unique(fed)))

    def output_facts(self) -> OutputFacts:
        """The reals that the output's integers stand for."""
        output = self.session.only
        # Integers that the file's last operator makes floats of have a step, but no ends that its reader could know.
        if not output.scale or np.dtype(output.dtype).kind == "f":
            return OutputFacts(output.scale, squashed=self.ends_in)
        assert isinstance(self.session, Portable)
        limits = np.iinfo(output.dtype)
        low, high = only(self.session.decode([np.array([[limits.min, limits.max]], output.dtype)]))[0]
        return OutputFacts(output.scale, float(low), float(high), self.ends_in)


def file_side(case: Case) -> FileSide:
    """Raises BadFile, BadModel and BadOption."""
    file = runnable(case.file)
    if case.images < 1:
        raise BadOption(f"The doctor needs at least one image. Got --images {case.images}.")
    if case.target and case.target.partition(":")[0] != file.target:
        raise BadOption(f"{case.file} is opened by {file.target}. Expected --target {file.target}[:option=value].")
    file = dataclasses.replace(file, backend=BACKENDS.build(case.target)) if case.target else file
    session, target = file.backend.open(file.path), case.target or file.target
    return FileSide(file, target, spec_for(file, case.pixels), session, file.backend.ending(file.path))
