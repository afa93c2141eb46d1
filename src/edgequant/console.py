"""What a run looks like on a terminal: bars while it works, a table when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .core.interfaces import Tick
from .core.progress import AbstractProgress
from .core.records import Run


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


def _console() -> Console:
    """As wide as the terminal; wide enough for the table where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 140))


def show(finished: Run) -> None:
    """The variants, the recommendation and the criteria."""
    console, results = _console(), finished.results
    table = Table(title=results["study"]["title"] or results["study"]["name"], title_justify="left")
    for name in ("variant", "top-1", "drop", "bytes", "smaller", "ms (1 thread)", "parity", "status"):
        table.add_column(
            name,
            justify="left" if name in ("variant", "status") else "right",
            overflow="fold",
            no_wrap=name == "variant",
        )
    for variant in results["variants"]:
        table.add_row(*_row(variant, results["recommended"]))
    console.print(table)
    best = next((v for v in results["variants"] if v["id"] == results["recommended"]), None)
    if best:
        console.print(
            f"Ship [bold]{best['file']}[/bold] ({best['id']}). {results['recommendation_reason']}", soft_wrap=True
        )
    for criterion in results["criteria"]:
        mark = "[green]met[/green]  " if criterion["met"] else "[red]UNMET[/red]"
        got = "nothing" if criterion["got"] is None else f"{criterion['got']:.4g}"
        console.print(
            f"{mark} {criterion['name']}: {criterion['want']}, got {got} ({criterion['variant']})", soft_wrap=True
        )
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def _row(variant: dict[str, Any], best: str | None) -> tuple[str, ...]:
    name = f"[bold]{variant['id']}[/bold] <" if variant["id"] == best else variant["id"]
    if variant["status"] != "ok":
        return (name, "", "", "", "", "", "", f"{variant['status']}: {variant['reason']}")
    size = f"{variant['bytes']:,}" if variant["bytes"] is not None else "none"
    return (
        name,
        "" if variant["top1"] is None else f"{variant['top1']:.2%}",
        "" if variant["drop"] is None else f"{variant['drop']:+.2f}",
        size,
        "" if variant["size_ratio"] is None else f"{variant['size_ratio']:.2f}x",
        "" if not variant["latency_ms"] else f"{variant['latency_ms']['p50']:.3f}",
        "" if not variant["parity"] else variant["parity"]["gate"],
        variant["status"],
    )
