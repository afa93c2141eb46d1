"""Mixed precision: the mixes that were measured, the chosen one, and what each layer costs in each scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...report import format as fmt
from ...report import lookup as look
from ...report import markup as md
from ...report.mix import verdict
from ...report.section import AbstractSection, by_network, stems
from ...store.run import Run

if TYPE_CHECKING:
    import altair

HEADER = ("Layers narrower", "Bytes", "ms, one thread", "KL from float", "Top-1", "Drop", "Chosen")
Record = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Search(AbstractSection):
    """Empty, and so left out of the report, where the results hold no search."""

    title: ClassVar[str] = "Mixed precision"

    def text(self, run: Run) -> str:
        return "\n\n".join(_words(record) for record in _records(run))

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        return by_network(_records(run), front_rows)

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        """The front of each network."""
        from ..charts import front

        drawn = {}
        for stem, record in stems("search", _records(run)):
            if dots := [_dot(record, point) for point in _points(record)]:
                drawn[stem] = front(dots, f"Mixes of {md.network(record)}")
        return drawn


def _records(run: Run) -> list[Record]:
    return look.mappings(run.results.get("search"))


def _points(record: Record) -> list[Record]:
    return look.mappings(record.get("front"))


def front_rows(record: Record) -> list[tuple[str, ...]]:
    """The table of one network, header first: the mixes that were measured, the smallest first."""
    return [HEADER, *(_row(record, point) for point in _points(record))]


def _words(record: Record) -> str:
    recipe = look.mapping(record.get("chosen")).get("recipe") or "nothing"
    schemes = record.get("schemes")
    names = [md.line(name) for name in schemes] if isinstance(schemes, list) and schemes else ["unknown"]
    return (
        f"**{md.escape(verdict(record))}** {md.escape(md.network(record))}, target"
        f" {md.code(record.get('target') or 'unknown')}: each layer takes one of {md.listed(names)}. Bytes and"
        f" milliseconds of a mix are sums over layers, each measured; accuracy is simulated on"
        f" {fmt.count(record.get('n'))} {md.escape(record.get('split') or '')} images. Chosen: {md.code(recipe)}."
        f"{_slower(record)}"
    )


def _slower(record: Record) -> str:
    """How many layers a narrower scheme slows down, by their own measurement."""
    pairs = [look.mappings(layer.get("options")) for layer in look.mappings(record.get("layers"))]
    timed = [[fmt.number(o.get("ms")) or 0.0 for o in options[:2]] for options in pairs if len(options) > 1]
    slower = sum(narrow > fmt.SAME_SPEED * wide for wide, narrow in timed if wide > 0)
    known = sum(wide > 0 for wide, _ in timed)
    margin = f"more than {fmt.SAME_SPEED - 1:.0%} slower"
    return f" The second scheme is {margin} than the first in {slower} of {known} layers." if known else ""


def _row(record: Record, point: Record) -> tuple[str, ...]:
    ms = fmt.number(point.get("ms"))
    return (
        fmt.count(point.get("narrow")),
        fmt.count(point.get("bytes")),
        fmt.ABSENT if ms is None else fmt.milliseconds(ms),
        fmt.significant(point.get("kl")),
        fmt.percent(point.get("top1")),
        fmt.with_interval(fmt.points(point.get("drop")), point.get("drop_ci95")),
        "chosen" if _chosen(record, point) else "",
    )


def _chosen(record: Record, point: Record) -> bool:
    choice = point.get("choice")
    return bool(choice) and choice == look.mapping(record.get("chosen")).get("choice")


def _dot(record: Record, point: Record) -> dict[str, Any]:
    return {
        "bytes": (fmt.number(point.get("bytes")) or 0.0) / 1e6,
        "kl": fmt.number(point.get("kl")) or 0.0,
        "top1": fmt.percent(point.get("top1")),
        "chosen": _chosen(record, point),
    }
