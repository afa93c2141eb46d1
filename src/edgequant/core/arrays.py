"""What passes between rooms as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import BadModel

Array = NDArray[Any]
Outputs = Mapping[str, Array]  # what a network returns: name -> (N, ...), in the order of its outputs
T = TypeVar("T")


def only(outputs: Mapping[str, T]) -> T:
    """The one output there is, for what knows class scores alone. Raises BadModel where there are several, or none."""
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    raise BadModel(
        f"The network returns {len(outputs)} outputs ({', '.join(outputs)}); one was expected, the class scores"
        " (N, classes). Return that tensor alone, from forward or from a module around the network."
    )


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of all images, from those of some at a time: one part at least."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
