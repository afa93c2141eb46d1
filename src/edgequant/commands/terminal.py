"""What commands have in common on a terminal: bars, the end of a run, a refusal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from ..console.bars import Bars
    from ..store.run import Run


def progress() -> Bars:
    from ..console.bars import Bars

    return Bars()


def finish(finished: Run) -> NoReturn:
    """The table, the recommendation, the criteria; then the exit status."""
    from ..console.runs import show
    from ..study.results import exit_status

    show(finished)
    raise typer.Exit(exit_status(finished.results))


def refused(message: str) -> int:
    """A user's mistake: one line on standard error, and its exit status."""
    print(f"edgequant: {' '.join(message.split())}", file=sys.stderr)
    return 2
