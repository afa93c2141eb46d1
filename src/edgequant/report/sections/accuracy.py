"""Accuracy against what it costs: time, and bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..charts.pareto import front
from ..section import AbstractSection

if TYPE_CHECKING:
    import altair

    from ..charts.charts import Point

Cost = Callable[[look.Variant], float | None]
Group = tuple[str, list[look.Variant]]  # what tells it from other groups ("" where there is one), its variants


def _bytes(variant: look.Variant) -> float | None:
    return fmt.number(variant.get("bytes"))


@final
@dataclass(frozen=True)
class Accuracy(AbstractSection):
    title: ClassVar[str] = "Accuracy against latency and size"

    def text(self, run: Run) -> str:
        if not _groups(run, _bytes, ("data",)) and not _groups(run, look.latency, ("data", "device")):
            return "No variant has both an accuracy and a cost, so there is nothing to weigh."
        return (
            "A variant is on a front when nothing measured is at least as good in both and better in one."
            " Only figures of the same data, and times of the same device, are compared."
            " Error bars are 95% confidence intervals. The table names the fronts."
        )

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        """The variants on a front."""
        fast, small = _best(run, look.latency, ("data", "device")), _best(run, _bytes, ("data",))
        on = [v for v in look.measured(run) if id(v) in fast or id(v) in small]
        header = ("Variant", "Target", "Top-1", "Latency p50", "File", "Nothing beats it on accuracy and")
        return [header, *(_row(run, v, id(v) in fast, id(v) in small) for v in on)] if on else []

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        """One chart a group; where that holds several networks, another of the recommended one's alone."""
        from ..charts.charts import pareto

        charts: dict[str, altair.TopLevelMixin] = {}
        for stem, label, group in _views(run, "pareto_chart", look.latency, ("data", "device")):
            points = [_point(run, v, look.latency(v) or 0.0) for v in group]
            charts[stem] = pareto(points, "Latency p50, one image, one thread (ms)", f"Accuracy against latency{label}")
        for stem, label, group in _views(run, "pareto_size", _bytes, ("data",)):
            unit, factor = ("MB", 1e6) if max(_bytes(v) or 0 for v in group) >= 1e6 else ("kB", 1e3)
            points = [_point(run, v, (_bytes(v) or 0.0) / factor) for v in group]
            charts[stem] = pareto(points, f"File size ({unit})", f"Accuracy against file size{label}")
        return charts


def _views(run: Run, stem: str, cost: Cost, keys: tuple[str, ...]) -> Iterator[tuple[str, str, list[look.Variant]]]:
    """(file stem, what to add to the title, variants) of each chart."""
    best = look.recommended(run)
    for k, (label, group) in enumerate(_groups(run, cost, keys)):
        yield stem if k == 0 else f"{stem}_{k + 1}", label, group
        alone = [v for v in group if best is not None and v.get("model") == best.get("model")]
        if any(v is best for v in alone) and len(alone) < len(group):
            yield f"{stem}_recommended", f", {md.line(alone[0].get('model'))} alone{label}", alone


def _groups(run: Run, cost: Cost, keys: tuple[str, ...]) -> list[Group]:
    """The measured variants that may be compared with each other, group by group."""
    groups: dict[tuple[str, ...], list[look.Variant]] = {}
    for variant in look.measured(run):
        if fmt.number(variant.get("top1")) is not None and (cost(variant) or 0) > 0:
            groups.setdefault(tuple(str(variant.get(key)) for key in keys), []).append(variant)
    if len(groups) == 1:
        return [("", next(iter(groups.values())))]
    return [(f" ({', '.join(key)})", members) for key, members in groups.items()]


def _best(run: Run, cost: Cost, keys: tuple[str, ...]) -> set[int]:
    """`id()`s of the variants on the front of their group."""
    best = set()
    for _, group in _groups(run, cost, keys):
        at = front([(cost(v) or 0.0, float(v["top1"])) for v in group])
        best |= {id(group[i]) for i in at}
    return best


def _row(run: Run, variant: look.Variant, fast: bool, small: bool) -> tuple[str, ...]:
    return (
        look.starred(run, variant),
        look.runtime(variant),
        fmt.percent(variant.get("top1")),
        fmt.milliseconds(look.latency(variant)),
        fmt.size(variant.get("bytes")),
        "latency, size" if fast and small else "latency" if fast else "size",
    )


def _point(run: Run, variant: look.Variant, cost: float) -> Point:
    from ..charts.charts import Point

    top1, chosen = float(variant["top1"]), look.recommended(run) is variant
    low, high = fmt.ends(variant.get("top1_ci95"))
    return Point(
        id=look.identity(variant),
        label=_label(variant),
        network=md.line(variant.get("model") or "unnamed network"),
        target=look.runtime(variant),
        recipe=md.line(variant.get("name") or variant.get("recipe") or "unnamed"),
        cost=cost,
        top1=top1,
        low=top1 if low is None else low,
        high=top1 if high is None else high,
        recommended=chosen,
        accuracy=fmt.with_interval(fmt.percent(top1), variant.get("top1_ci95"), 100),
        latency=fmt.milliseconds(look.latency(variant)),
        size=fmt.size(variant.get("bytes")),
    )


def _label(variant: look.Variant) -> str:
    """Colour and fill tell network and runtime; the label need only name the recipe."""
    text = md.line(variant.get("name") or look.identity(variant))
    return text if len(text) <= 28 else text[:27] + "…"
