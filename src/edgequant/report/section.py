"""One part of the report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from ..store.run import Run
from . import lookup as look
from . import markup as md

if TYPE_CHECKING:
    import altair

T = TypeVar("T")


class AbstractSection(ABC):
    """One part of the report. It reads the record and computes nothing that another file could disagree with."""

    title: ClassVar[str]

    def text(self, run: Run) -> str:  # noqa: ARG002
        """Markdown before the table; empty for none."""
        return ""

    @abstractmethod
    def rows(self, run: Run) -> list[tuple[str, ...]]:
        """The section's table, header first. An empty list means no table."""

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:  # noqa: ARG002
        """File stem -> chart; each is written as PNG and SVG and shown in the HTML."""
        return {}

    def images(self, run: Run) -> list[tuple[str, str]]:  # noqa: ARG002
        """(file of the run folder, what it shows in words): small PNG pictures, shown side by side."""
        return []

    def views(self, run: Run) -> dict[str, list[tuple[str, ...]]]:  # noqa: ARG002
        """Variant id -> the section's table for that variant: where the HTML lets a reader choose."""
        return {}


def by_network(
    records: Sequence[look.Variant], table: Callable[[look.Variant], list[tuple[str, ...]]]
) -> list[tuple[str, ...]]:
    """The tables of several networks, each header first, as one; with a column that names them where there are more."""
    tables = [(md.network(record), table(record)) for record in records]
    if len(tables) < 2:
        found = tables[0][1] if tables else []
        return found if len(found) > 1 else []
    body = [(name, *row) for name, rows in tables for row in rows[1:]]
    return [("Network", *tables[0][1][0]), *body] if body else []


def stems(stem: str, several: Sequence[T]) -> Iterator[tuple[str, T]]:
    """The stems of files that show one each: `sweep`, `sweep_2`, `sweep_3`."""
    for number, one in enumerate(several, 1):
        yield stem if number == 1 else f"{stem}_{number}", one
