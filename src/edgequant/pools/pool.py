"""Where work that does not depend on other work is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import EdgequantError
from ..core.progress import AbstractProgress


@dataclass(frozen=True)
class Errand:
    """A part of a run's work that depends on no other: `function`, "module:name", is called with (argument, progress).

    `argument` can be pickled, and the function can be imported where the work is done.
    """

    name: str
    function: str
    argument: Any


class AbstractPool(ABC):
    """Where errands that do not depend on one another are done, several at a time."""

    @abstractmethod
    def work(
        self, errands: Sequence[Errand], workers: int, progress: AbstractProgress
    ) -> Mapping[str, EdgequantError | None]:
        """Do them all; an errand's name -> None, what it raised, or WorkerDied: what kills its process is retried once.

        When this returns, or raises, no process that it started is left. Raises MissingExtra and DeviceError.
        """
