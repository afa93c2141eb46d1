"""What a refiner that trains is given: images, a teacher, a folder, and the loss that those before it settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ..core.image import InputSpec
from ..data.dataset import Splits
from .loop import Loss
from .settings import TrainSettings


@dataclass(frozen=True)
class Teacher:
    """A float network whose answers are learned from. `inputs` is what it takes."""

    network: nn.Module
    inputs: InputSpec
    classes: tuple[str, ...]
    name: str = "the float network"


@dataclass(frozen=True)
class Training:
    """`settings` are those of the float training, None where nobody knows them.

    `loss` makes the loss of a student; None: cross entropy with the labels.
    """

    splits: Splits
    teacher: Teacher
    folder: Path  # for checkpoints; an interrupted training finds them there again
    settings: TrainSettings | None = None
    loss: Callable[[nn.Module], Loss] | None = None
    say: Callable[[str], None] = lambda _: None
