"""Which errand comes next, whatever does it: those that wait; then, one at a time, those whose worker died."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import final

from ..core.errors import EdgequantError, WorkerDied
from ..core.progress import AbstractProgress
from .pool import Errand


@final
class Turns:
    """The errands of one run, and what became of them (`ended`).

    An errand is retried once, when nothing else runs: what died for want of memory has all of it then.
    """

    def __init__(self, errands: Sequence[Errand], progress: AbstractProgress) -> None:
        self.ended: dict[str, EdgequantError | None] = {}
        self._waiting, self._again = deque(errands), deque[Errand]()
        self._died: dict[str, str] = {}
        self._running: set[str] = set()
        self._total, self._progress = len(errands), progress

    @property
    def over(self) -> bool:
        return len(self.ended) == self._total

    def next(self) -> Errand | None:
        """An errand to begin now; None where there is none, or none before another has ended."""
        if self._waiting:
            errand = self._waiting.popleft()
        elif self._again and not self._running:
            errand = self._again.popleft()
        else:
            return None
        self._running.add(errand.name)
        self._progress.say(f"{errand.name}: begun{' again' if errand.name in self._died else ''}")
        return errand

    def done(self, errand: Errand, error: EdgequantError | None) -> None:
        """It came to its end, or raised."""
        self._running.discard(errand.name)
        self.ended[errand.name] = error
        self._progress.say(
            f"{errand.name}: {'ended in an error' if error else 'done'} ({len(self.ended)}/{self._total})"
        )

    def died(self, errand: Errand, why: str) -> None:
        """Its process ended under it, or could not go on, for the reason `why`."""
        self._running.discard(errand.name)
        if errand.name not in self._died:
            self._died[errand.name] = why
            self._again.append(errand)
            self._progress.say(f"{errand.name}: {why}; it is tried again, alone")
            return
        reasons = " and then ".join(dict.fromkeys((self._died[errand.name], why)))
        self.done(errand, WorkerDied(f"What worked on it did not come to an end, twice: {reasons}."))
