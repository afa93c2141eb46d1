"""What stands behind a `+` in a recipe, in five kinds; and what it did to a layer, said where the report reads it.

A component is one or several of the kinds, and has nothing of the others. Who makes a variant asks by `isinstance`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import torch

from ..core.arrays import Array
from ..core.errors import BadOption
from ..core.grid import WeightQ
from ..core.image import InputSpec
from ..core.progress import Tick
from ..quantization.reference import Reference

if TYPE_CHECKING:
    from torch import nn

    from ..data.dataset import AbstractSplit
    from ..graph.program import Captured
    from ..train.training import Training


class AbstractRefiner(ABC):  # noqa: B024  # its methods are those of the kinds
    """A correction on top of a recipe. Each composes with any recipe and says what it changed."""

    def __init_subclass__(cls) -> None:
        """Raises BadOption for a refiner of none of the kinds: nobody would ever call it."""
        super().__init_subclass__()
        if cls.__module__ != __name__ and not issubclass(cls, KINDS):
            names = ", ".join(kind.__name__ for kind in KINDS)
            raise BadOption(
                f"{cls.__name__} is a refiner of no kind. Expected it to derive from those of {names} whose methods it"
                f" has. Write class {cls.__name__}(Corrects) for a `reference`, (Trains) for a `train`: {__name__}."
            )

    def idle(self, weight_bits: Collection[int]) -> str:  # noqa: ARG002
        """Why it has nothing to do in a recipe that gives layers these widths, and what to write; "" where it has."""
        return ""


class Rewrites(AbstractRefiner):
    """Changes the network before calibration."""

    @abstractmethod
    def network(self, captured: Captured) -> Captured:
        """A network that computes the same in float and quantizes better."""


class Corrects(AbstractRefiner):
    """Finds better integers after calibration, without labels."""

    @abstractmethod
    def reference(self, reference: Reference, images: Array, tick: Tick) -> Reference:
        """The reference with better integers, found on `(n, H, W, C)` pixels; or `reference` itself."""


class Shrinks(AbstractRefiner):
    """Takes channels out before the network is captured. `keep` is found by trials where `kb` or `ms` is asked for."""

    measure: str = "params"  # what `keep` counts; see `channels.count`
    kb: float = 0.0  # the file of the recipe has at most so many kilobytes (of 1,000 bytes); 0: not asked
    ms: float = 0.0  # one image takes at most so many milliseconds in the target's runtime; 0: not asked
    steps: int = 1  # the parts of `shrink`, the last of which says how good the network is in the end
    least: float = 0.1  # of each layer's channels, and what they are a multiple of: named where it gets no smaller
    round_to: int = 8

    @abstractmethod
    def shrink(self, module: nn.Module, inputs: InputSpec, training: Training, tick: Tick) -> list[Any]:
        """Take channels out of `module`, in place, and train it, part N in the folder `part-N` of the training's.

        Returns which channels went, for `channels.rebuild`.
        """

    @abstractmethod
    def cut(self, module: nn.Module, inputs: InputSpec, images: AbstractSplit, keep: float) -> list[Any]:
        """Take channels out of `module`, in place, until `keep` of it is left, and train nothing. Raises BadModel."""

    @abstractmethod
    def keeping(self, keep: float) -> Self:
        """The same with this `keep` in place of the `kb` or `ms` that it was found for."""


class Trains(AbstractRefiner):
    """Trains for minutes or hours, behind the corrections; what it made is kept on its own."""

    @abstractmethod
    def train(self, reference: Reference, training: Training, tick: Tick) -> Reference:
        """What training on the images of the splits made of the reference."""


class Teaches(AbstractRefiner):
    """Changes the training of the refiner before it, which must be there."""

    teacher: str = ""  # a model by name, or path/to/file.py:factory, that it learns from; "": the float network itself
    weights: str = ""  # the teacher's, a file

    @abstractmethod
    def objective(self, training: Training) -> Training:
        """The training with another loss, or with other labels."""


KINDS = (Rewrites, Corrects, Shrinks, Trains, Teaches)


def noted(reference: Reference, notes: Mapping[str, str]) -> Reference:
    """The reference with `notes` (layer -> a line) behind what its layers' reasons already say."""
    layers = []
    for fate in reference.layers:
        reasons = filter(None, (fate.reason, notes.get(fate.name, "")))
        layers.append(replace(fate, reason="; ".join(reasons)))
    return replace(reference, layers=tuple(layers))


def same_integers(first: WeightQ, second: WeightQ) -> bool:
    """Whether a file stores the two once: the calls of one module."""
    equal = first.q.shape == second.q.shape and torch.equal(first.q, second.q)
    return equal and first.bits == second.bits and torch.equal(first.scale, second.scale)
