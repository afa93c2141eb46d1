"""A network that is already in memory, as the Python API is given it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import final

from torch import nn

from ..core.errors import BadModel
from ..core.image import InputSpec
from .model import AbstractModel


@final
@dataclass(frozen=True, eq=False)
class Wrapped(AbstractModel):
    """`network` with its weights, and the input it was made for. Two are equal only if they are the same object.

    `build` returns a copy each time: pruning or training it leaves the caller's network as it was.
    """

    network: nn.Module
    spec: InputSpec
    has_weights = True

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        return self.spec

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        try:
            return copy.deepcopy(self.network)
        except Exception as error:  # whatever a module of the user's own holds
            raise BadModel(
                f"The network {type(self.network).__name__} cannot be copied: {' '.join(str(error).split())}"
                " Give one that copy.deepcopy accepts: no open files, and no tensors that are results of a computation."
            ) from error
