"""What a translation of a Keras layer is told, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

from ....core.errors import BadModel
from ....core.options import Options
from .modules import Chw
from .table import entries_of, kind_of

Parts = list[tuple[str, nn.Module]]  # in order; each is called <the layer's name><suffix> in results


@dataclass(frozen=True)
class KerasCall:
    """Where a layer is called: it, its inputs' and output's shapes without the batch, and the layout of images.

    Shapes of images are (C, H, W), whatever the model's own layout. `flat` is the image that the first input, a
    vector, was, where its elements stand in (C, H, W) order here and in (H, W, C) order in Keras; else None.
    Raises BadModel for an option that the table refuses.
    """

    layer: Any
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    channels_last: bool = True
    flat: Chw | None = None

    def __post_init__(self) -> None:
        if self.computes in ("float16", "bfloat16"):
            self.refuse(
                f"computes in {self.computes}",
                "float32: for layer in model._flatten_layers(): layer.dtype_policy = 'float32'",
            )
        if getattr(self.layer, "quantization_mode", None):
            self.refuse(f"is quantized already ({self.layer.quantization_mode})", "the float model")
        said = self._options.refusal()
        if said is not None:
            self.refuse(*said)

    @property
    def kind(self) -> str:
        return kind_of(self.layer)

    @property
    def computes(self) -> str:
        return str(getattr(self.layer, "compute_dtype", "float32"))

    def get(self, name: str) -> Any:
        """The value of an option that the table calls read."""
        return self._options.get(name)

    @property
    def _options(self) -> Options:
        return Options(self.kind, entries_of(self.layer) or {}, self.layer)

    @property
    def channels(self) -> int:
        return self.inputs[0][0 if len(self.inputs[0]) == 3 else -1]

    @property
    def image(self) -> bool:
        return len(self.inputs[0]) == 3

    @property
    def vector(self) -> bool:
        return len(self.inputs[0]) == 1

    def check_ranks(self) -> None:
        """Raises BadModel where it joins an image and a vector: Keras puts the missing dimensions elsewhere."""
        ranks = sorted({len(shape) + 1 for shape in self.inputs})
        if len(ranks) > 1:
            self.refuse(f"joins tensors of {' and '.join(map(str, ranks))} dimensions", "as many in each: Reshape it")

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
