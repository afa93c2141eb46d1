"""How a network is trained, and how a pretrained one learns a data set's classes: plain data, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from ..core.errors import BadOption

CHOICES = {
    "optimizer": ("sgd", "adam", "adamw"),
    "schedule": ("cosine", "one-cycle", "constant"),
    "precision": ("float32", "bf16"),
}
AUGMENTATIONS = ("flip", "crop", "rotate", "zoom", "cutout")
FRACTIONS = ("ema", "momentum", "label_smoothing", "zoom")
AT_LEAST_0 = ("weight_decay", "warmup_epochs", "crop_padding", "cutout", "rotate", "seed")


@final
@dataclass(frozen=True)
class TrainSettings:
    """The options of a `[train]` table."""

    epochs: int = 30
    batch: int = 128
    optimizer: str = "sgd"
    lr: float = 0.1  # the peak
    momentum: float = 0.9  # SGD: with Nesterov; Adam: beta1
    weight_decay: float = 5e-4  # on weights of two or more dimensions only
    schedule: str = "cosine"
    warmup_epochs: float = 1.0  # linear, for `cosine` and `constant`
    label_smoothing: float = 0.1
    ema: float = 0.0  # decay per step of the averaged weights; 0: none
    augment: tuple[str, ...] = ("flip", "crop")
    crop_padding: int = 4
    cutout: int = 8  # side of the square, in pixels
    rotate: float = 10.0  # degrees, either way
    zoom: float = 0.1  # fraction, either way
    resolutions: tuple[tuple[int, int], ...] = ()  # (first epoch, side in pixels): progressive resizing
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise BadOption(f"train.{name} is one of {', '.join(known)}. Got {getattr(self, name)!r}.")
        for name in self.augment:
            if name not in AUGMENTATIONS:
                raise BadOption(f"train.augment knows {', '.join(AUGMENTATIONS)}. Got {name!r}.")
        if self.epochs < 1 or self.batch < 1 or not 0 < self.lr < math.inf:
            raise BadOption(
                f"train.epochs, train.batch and train.lr must be above 0. Got {self.epochs}, {self.batch}, {self.lr}."
            )
        for name in FRACTIONS:
            if not 0 <= getattr(self, name) < 1:
                raise BadOption(f"train.{name} is at least 0 and below 1. Got {getattr(self, name)}.")
        for name in AT_LEAST_0:
            if not getattr(self, name) >= 0:
                raise BadOption(f"train.{name} is at least 0. Got {getattr(self, name)}.")
        firsts, sides = [first for first, _ in self.resolutions], [side for _, side in self.resolutions]
        if firsts != sorted(set(firsts)) or any(side < 1 for side in sides):
            raise BadOption(
                "train.resolutions are pairs (first epoch, side in pixels), epochs ascending and sides above 0, as"
                f" [[0, 24], [8, 32]]. Got {[list(pair) for pair in self.resolutions]}."
            )

    def side(self, epoch: int, full: int) -> int:
        """The side in pixels at which `epoch` trains; `full` where progressive resizing is off or over."""
        reached = [side for first, side in self.resolutions if epoch >= first]
        return reached[-1] if reached else full


@final
@dataclass(frozen=True)
class Transfer:
    """The options of a `[network.transfer]` table: a new head on a frozen network.

    The frozen network's features are computed once and kept, so images are not augmented here. A `[network.train]`
    table beside it fine-tunes the whole network afterwards, at a rate of its own.
    """

    classes: int = 1000  # of the head that the pretrained weights come with
    epochs: int = 30
    batch: int = 32
    lr: float = 1e-3  # Adam
    weight_decay: float = 1e-4
    dropout: float = 0.2  # on the features; also while the whole network is fine-tuned
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.classes, self.epochs, self.batch) < 1 or self.lr <= 0:
            raise BadOption(
                "transfer.classes, transfer.epochs, transfer.batch and transfer.lr must be above 0."
                f" Got {self.classes}, {self.epochs}, {self.batch}, {self.lr}."
            )
        if not 0 <= self.dropout < 1 or self.weight_decay < 0 or self.seed < 0:
            raise BadOption(
                "transfer.dropout is at least 0 and below 1, weight_decay and seed are at least 0."
                f" Got {self.dropout}, {self.weight_decay}, {self.seed}."
            )
