"""Which task comes next, whatever does it: those that wait; then, one at a time, those whose worker died."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import final

from ..core.errors import EdgequantError, WorkerDied
from ..core.progress import AbstractProgress
from .pool import Task


@final
class Turns:
    """The tasks of one run, and what became of them (`ended`).

    A task is retried once, when nothing else runs: what died for want of memory has all of it then.
    """

    def __init__(self, tasks: Sequence[Task], progress: AbstractProgress) -> None:
        self.ended: dict[str, EdgequantError | None] = {}
        self._waiting, self._again = deque(tasks), deque[Task]()
        self._died: dict[str, str] = {}
        self._running: set[str] = set()
        self._total, self._progress = len(tasks), progress

    @property
    def over(self) -> bool:
        return len(self.ended) == self._total

    def next(self) -> Task | None:
        """A task to begin now; None where there is none, or none before another has ended."""
        if self._waiting:
            task = self._waiting.popleft()
        elif self._again and not self._running:
            task = self._again.popleft()
        else:
            return None
        self._running.add(task.name)
        self._progress.say(f"{task.name}: begun{' again' if task.name in self._died else ''}")
        return task

    def done(self, task: Task, error: EdgequantError | None) -> None:
        """It came to its end, or raised."""
        self._running.discard(task.name)
        self.ended[task.name] = error
        self._progress.say(f"{task.name}: {'ended in an error' if error else 'done'} ({len(self.ended)}/{self._total})")

    def died(self, task: Task, why: str) -> None:
        """Its process ended under it, or could not go on, for the reason `why`."""
        self._running.discard(task.name)
        if task.name not in self._died:
            self._died[task.name] = why
            self._again.append(task)
            self._progress.say(f"{task.name}: {why}; it is tried again, alone")
            return
        reasons = " and then ".join(dict.fromkeys((self._died[task.name], why)))
        self.done(task, WorkerDied(f"What worked on it did not come to an end, twice: {reasons}."))
