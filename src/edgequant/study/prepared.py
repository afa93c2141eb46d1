"""A network ready to be quantized, with its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

from torch import nn

from ..core.image import InputSpec
from ..data.dataset import AbstractSplit, Splits
from ..graph.program import Captured
from ..train.settings import TrainSettings


@final
@dataclass(frozen=True)
class Prepared:
    """A network ready to be quantized, with its data. `key` names it by content (`keys.network`)."""

    key: str
    name: str
    data: str
    module: nn.Module  # eager, as the framework runs it
    captured: Captured
    splits: Splits
    provenance: str  # where the weights came from
    inputs: InputSpec  # what `module` takes; `captured` may take raw bytes instead
    training: TrainSettings | None = None  # how it was trained (the last stage), where the study says
    looked: Mapping[str, Any] = field(default_factory=dict)  # how it answers as it is fed: preprocessing.py
    whole: Captured | None = None  # before pruning: the teacher of what is trained after it

    @property
    def judged_on(self) -> Literal["test", "validation"]:
        """The split that files are judged on: test, or validation where the data set has no labels to hold back."""
        return "validation" if self.splits.test is None else "test"

    @property
    def judged(self) -> AbstractSplit:
        """All images of that split."""
        return self.splits.validation if self.splits.test is None else self.splits.test
