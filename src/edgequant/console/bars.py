"""Bars while a run works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..core.progress import AbstractProgress, Tick


@final
class Bars(AbstractProgress):
    """Progress bars with the time that is left; lines that stay above them."""

    def __init__(self) -> None:
        self.console = Console()
        self.bars = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_interactive,  # it would end a log with an empty line
        )

    def __enter__(self) -> Bars:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    @contextmanager
    def _task(self, text: str) -> Iterator[Tick]:
        bar = self.bars.add_task(text, total=None)
        try:
            yield lambda done, total: self.bars.update(bar, completed=done, total=total)
        finally:
            self.bars.remove_task(bar)

    def task(self, text: str) -> AbstractContextManager[Tick]:
        return self._task(text)

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)
