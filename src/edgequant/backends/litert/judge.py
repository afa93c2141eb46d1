"""LiteRT on the user's own file: what the network that was read from it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np

from ...core.arrays import Array, only
from ...core.image import InputSpec
from ..tflite.read.read import Imported, read
from .session import Session


@final
@dataclass(frozen=True)
class LiteRTJudge:
    """The file at `path`; `inputs` is what the module that was read from it takes."""

    path: Path
    inputs: InputSpec
    runtime = "LiteRT"

    def takes(self, images: Array) -> Array:
        """An 8-bit input holds bytes: the images as those give them."""
        scale, zero_point = self._session.source["quantization"]
        if not scale:
            return images
        steps = self._session.encode(images).astype(np.float32)
        taken = (steps - np.float32(zero_point)) * np.float32(scale)
        return np.ascontiguousarray(taken.transpose(0, 3, 1, 2) if self._session.channels_last else taken)

    def scores(self, images: Array) -> Array:
        return only(self._session.run(images))

    def tensors(self, images: Array) -> Mapping[str, Array]:
        """By the names that reading gives them, images as (N, C, H, W). A flattened image lies in another order."""
        session, imported = self._opened(preserve=True), self._imported
        session.prepare(images[:1])
        session.invoke()
        steps = [step for step in imported.reference.captured.program.steps if step.kind != "reshape"]
        made = {s.name: imported.makers[s.name] for s in steps if s.name in imported.makers}
        values = {name: np.asarray(session.interpreter.get_tensor(at)) for name, at in made.items()}
        return {name: v.transpose(0, 3, 1, 2) if v.ndim == 4 else v for name, v in values.items()}

    @cached_property
    def _imported(self) -> Imported:
        return read(self.path, self.inputs.mean, self.inputs.std)

    @cached_property
    def _session(self) -> Session:
        return self._opened()

    def _opened(self, preserve: bool = False) -> Session:
        session = Session(self.path, delegate=not preserve, preserve=preserve)
        h, w, c = (int(side) for side in session.source["shape"][1:])
        session.channels_last = (c, h, w) == self.inputs.shape and session.record.get("layout") != "NCHW"
        return session
