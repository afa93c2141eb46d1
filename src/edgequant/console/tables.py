"""Tables on a terminal: the report's own, and any other rows of cells."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..report.format import numeric_columns


def screen() -> Console:
    """As wide as the terminal; wide enough for the table where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 140))


def table(title: str, rows: Sequence[Sequence[str]], caption: str = "") -> Table:
    """Cells as sections of the report write them, header first; columns of figures are set flush right."""
    made = Table(title=escape(title), title_justify="left", caption=escape(caption), caption_justify="left")
    for name, figures in zip(rows[0], numeric_columns(rows)):
        made.add_column(name, overflow="fold", justify="right" if figures else "left")
    for row in rows[1:]:
        made.add_row(*map(escape, row))
    return made
