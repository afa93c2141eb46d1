"""One part of the report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..store.run import Run

if TYPE_CHECKING:
    import altair


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
