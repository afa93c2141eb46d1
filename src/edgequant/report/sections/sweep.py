"""What each combination of weight and activation bits costs in accuracy, and saves in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

if TYPE_CHECKING:
    import altair

STEM = "parallel_coordinates"
HEADER = ("Weights", "Activations", "Model", "of weights", "of activations", "Size (estimated)", "Top-1", "Drop")


@final
@dataclass(frozen=True)
class Sweep(AbstractSection):
    """Empty, and so left out of the report, where the results hold no sweep."""

    title: ClassVar[str] = "Bit widths, simulated"

    def text(self, run: Run) -> str:
        groups = _groups(run)
        if not groups:
            return ""
        lines = [
            "Simulated in exact integer arithmetic: no file was made, so sizes are estimates (packed weights, a"
            " 32-bit scale for each channel, biases) and nothing was timed. Compressions are of the whole model"
            " against its float32 estimate, of the weights with their scales, and of the activations at batch 1.",
            *(line for line in (_best(label, rows) for label, rows in groups) if line),
        ]
        return "\n\n".join(lines)

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        groups = _groups(run)
        several = len(groups) > 1
        head = ("Network", *HEADER) if several else HEADER
        body = [(label, *_row(row)) if several else _row(row) for label, rows in groups for row in rows]
        return [head, *body] if body else []

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        """One for each network whose accuracy is known."""
        groups = _groups(run)
        lines = [(label, [line for line in map(_line, rows) if line]) for label, rows in groups]
        drawn = [(label, found) for label, found in lines if len(found) > 1]
        if not drawn:
            return {}
        from ..charts.parallel import parallel_coordinates

        title = "Accuracy against bits and size"
        return {
            STEM if k == 0 else f"{STEM}_{k + 1}": parallel_coordinates(
                found, title if len(groups) == 1 else f"{title}, {label}"
            )
            for k, (label, found) in enumerate(drawn)
        }


def _groups(run: Run) -> list[tuple[str, list[look.Variant]]]:
    """(network on data, its rows), in the order of the results."""
    found: dict[str, list[look.Variant]] = {}
    for row in look.mappings(look.mapping(run.results.get("sweep")).get("rows")):
        label = f"{md.line(row.get('model') or 'unnamed network')} on {md.line(row.get('data') or 'unnamed data')}"
        found.setdefault(label, []).append(row)
    return list(found.items())


def _best(label: str, rows: list[look.Variant]) -> str:
    """The smallest that loses at most a point; the figures are of the test images, so it is no choice."""
    close = [row for row in rows if _number(row, "drop") <= 1 and fmt.number(row.get("size_mb")) is not None]
    if not close:
        return ""
    best = min(close, key=lambda row: (_number(row, "size_mb"), _number(row, "drop")))
    return (
        f"On {md.escape(label)}, the smallest simulated combination that loses at most one point is"
        f" {md.code(best.get('variant'))}: {fmt.ratio(best.get('compression_ratio'))} smaller,"
        f" {fmt.percent(best.get('top1'))}."
    )


def _number(row: look.Variant, key: str) -> float:
    value = fmt.number(row.get(key))
    return float("inf") if value is None else value


def _row(row: look.Variant) -> tuple[str, ...]:
    return (
        _bits(row.get("weight_bits")),
        _bits(row.get("activation_bits")),
        fmt.ratio(row.get("compression_ratio")),
        fmt.ratio(row.get("weight_compression")),
        fmt.ratio(row.get("activation_compression")),
        _size(row),
        fmt.percent(row.get("top1")),
        fmt.points(row.get("drop")),
    )


def _bits(value: Any) -> str:
    bits = fmt.number(value)
    return fmt.ABSENT if bits is None else f"{bits:.0f} bit"


def _size(row: look.Variant) -> str:
    size = fmt.number(row.get("size_mb"))
    return fmt.ABSENT if size is None else fmt.size_short(size * 1e6)


def _line(row: look.Variant) -> dict[str, Any] | None:
    """What the chart takes; None where a figure is missing."""
    keys = ("activation_bits", "weight_bits", "compression_ratio", "size_mb", "top1")
    values = [fmt.number(row.get(key)) for key in keys]
    if any(value is None for value in values):
        return None
    from ..charts.parallel import AXES

    texts = {"ratio": fmt.ratio(values[2]), "size": _size(row), "accuracy": fmt.percent(values[4])}
    return {"id": md.line(row.get("variant") or "unnamed"), **dict(zip(AXES, values)), **texts}
