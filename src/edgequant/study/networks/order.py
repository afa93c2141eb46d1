"""A network that is to get its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from torch import nn

from ...core.image import InputSpec
from ...data.dataset import Splits
from ...models.model import AbstractModel
from ...models.weights import load_weights
from ...store.disk import sha256
from ..study import NetworkSpec


@final
@dataclass(frozen=True)
class Order:
    """What builds it, what the study says of it, what it takes, and the images so."""

    model: AbstractModel
    spec: NetworkSpec
    inputs: InputSpec
    splits: Splits

    def load_file(self, module: nn.Module) -> str:
        """Load the weights that the study names as a file, unless the model has read them itself; which they are."""
        if not self.model.loads(self.spec.weights):
            load_weights(module, self.spec.weights)
        return f"{self.spec.weights} (sha256 {sha256(Path(self.spec.weights))[:16]})"
