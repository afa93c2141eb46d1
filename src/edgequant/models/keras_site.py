"""What a translation of a Keras layer is told, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

from ..core.errors import BadModel
from .keras_modules import Chw

Parts = list[tuple[str, nn.Module]]  # in order; each is called <the layer's name><suffix> in results


@dataclass(frozen=True)
class Site:
    """Where a layer is called: it, its inputs' and output's shapes without the batch, and the layout of images.

    Shapes of images are (C, H, W), whatever the model's own layout. `flat` is the image that the first input, a
    vector, was, where its elements stand in (C, H, W) order here and in (H, W, C) order in Keras; else None.
    """

    layer: Any
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    channels_last: bool = True
    flat: Chw | None = None

    @property
    def channels(self) -> int:
        return self.inputs[0][0 if len(self.inputs[0]) == 3 else -1]

    @property
    def image(self) -> bool:
        return len(self.inputs[0]) == 3

    def refuse(self, what: str, instead: str) -> NoReturn:
        raise BadModel(
            f"The Keras layer {self.layer.name!r} ({type(self.layer).__name__}) {what}; expected {instead}."
            " Replace the layer, or give the network as a PyTorch module: path/to/file.py:factory."
        )


def tensor(variable: Any) -> Any:
    """A Keras variable's value as a float32 tensor on the CPU; None for None."""
    if variable is None:
        return None
    value = getattr(variable, "value", variable)
    return (value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))).float().cpu()


def pair(given: Any) -> tuple[int, int]:
    both = tuple(int(v) for v in given) if isinstance(given, list | tuple) else (int(given), int(given))
    return both[0], both[-1]
