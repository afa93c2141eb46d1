"""How long work says where it is. The command line draws bars; a library call is silent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import final

Tick = Callable[[int, int], None]  # (done, total)


class AbstractProgress(ABC):
    @abstractmethod
    def task(self, text: str) -> AbstractContextManager[Tick]:
        """A bar for one piece of work; the function it gives is called with (done, total)."""

    @abstractmethod
    def say(self, text: str) -> None:
        """One line that stays."""


@final
class Silent(AbstractProgress):
    @contextmanager
    def _nothing(self) -> Iterator[Tick]:
        yield lambda _done, _total: None

    def task(self, text: str) -> AbstractContextManager[Tick]:  # noqa: ARG002
        return self._nothing()

    def say(self, text: str) -> None:
        pass
