"""How a pretrained network learns a data set's classes: plain data, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..core.errors import BadOption


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
