"""A network's own runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...core.arrays import Array


class Judge(Protocol):
    """A network's own runtime: what it answers is what the network is."""

    @property
    def runtime(self) -> str:
        """`ONNX Runtime`, `LiteRT`, `Keras`: for messages."""

    def takes(self, images: Array) -> Array:
        """(N, C, H, W) float32 normalised images, each value the nearest that the source's input can hold."""

    def scores(self, images: Array) -> Array:
        """(N, ...) float32 answers to such images, in the layout of the module that `build` makes of the source."""

    def tensors(self, images: Array) -> Mapping[str, Array]:
        """Tensors on the way, in order, by names that the module's own `tensors(images)` has too, where it has one."""
