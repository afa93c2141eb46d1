"""Keras itself, on the user's own model: what the network that was made of its layers is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ....core.arrays import Array

Pixels = tuple[tuple[float, ...], tuple[float, ...]]  # mean and std of pixels / 255
VECTORS = ("Dense", "GlobalAveragePooling2D")


@final
@dataclass(frozen=True, eq=False)
class KerasJudge:
    """`model` takes pixels where `pixels` says what its leading layers do to them, which the network leaves out; else
    what the network takes. `swapped`: it takes blue, green, red.
    """

    model: Any
    channels_last: bool
    pixels: Pixels | None = None
    swapped: bool = False
    runtime = "Keras"

    def __deepcopy__(self, memo: Any) -> KerasJudge:
        """A network's copy has the same judge."""
        return self

    def takes(self, images: Array) -> Array:
        """An input of whole numbers or halves holds the images as those give them."""
        from .package import graph_of

        kind = np.dtype(str(graph_of(self.model)._inputs[0].dtype).replace("bfloat16", "float32"))
        if kind.kind == "f" and kind.itemsize >= 4:
            return images
        own = self._seen(images)
        limits = np.iinfo(kind) if kind.kind in "iu" else None
        rounded = own.astype(kind) if limits is None else np.clip(np.rint(own), limits.min, limits.max)
        taken = rounded.astype(np.float64)
        if self.pixels is not None:
            mean, std = self._mean_and_std(self.pixels)
            taken = (taken / 255 - mean) / std
        return np.ascontiguousarray(taken[:, ::-1] if self.swapped else taken, np.float32)

    def scores(self, images: Array) -> Array:
        return self._called(self.model, images)[0]

    def tensors(self, images: Array) -> Mapping[str, Array]:
        """What each layer makes that is called once, by the layer's name; images as (N, C, H, W)."""
        from .package import graph_of, import_keras

        graph = graph_of(self.model)
        nodes = [n for depth in sorted(graph._nodes_by_depth, reverse=True) for n in graph._nodes_by_depth[depth]]
        made = [n for n in nodes if not n.is_input and len(n.outputs) == 1]
        # Values that lie as the network's: those of an image, or of a vector that was never one
        shown = [n for n in made if len(n.outputs[0].shape) == 4 or type(n.operation).__name__ in VECTORS]
        whole = import_keras().Model(graph._inputs, [n.outputs[0] for n in shown])
        names = [n.operation.name for n in shown]
        found = dict(zip(names, self._called(whole, images)))
        return {name: value for name, value in found.items() if names.count(name) == 1}

    def _called(self, model: Any, images: Array) -> list[Array]:
        import torch

        from .package import import_keras

        given = torch.from_numpy(self._seen(images))
        with torch.no_grad():
            made = model(given.permute(0, 2, 3, 1) if self.channels_last else given, training=False)
        values = import_keras().tree.flatten(made)  # a model may give its one tensor in a list or a dict
        arrays = [value.detach().float().cpu().numpy() for value in values]
        return [a.transpose(0, 3, 1, 2) if a.ndim == 4 and self.channels_last else a for a in arrays]

    def _seen(self, images: Array) -> Array:
        """(N, C, H, W) float32 that the model takes, for what the network takes."""
        own = images[:, ::-1] if self.swapped else images
        if self.pixels is not None:
            mean, std = self._mean_and_std(self.pixels)
            own = 255 * (own.astype(np.float64) * std + mean)
        return np.ascontiguousarray(own, np.float32)

    @staticmethod
    def _mean_and_std(pixels: Pixels) -> tuple[Array, Array]:
        mean, std = (np.asarray(v, np.float64).reshape(1, -1, 1, 1) for v in pixels)
        return mean, std
