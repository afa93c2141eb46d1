"""Which answers quantizing changed: the confusion matrix's differences, and the images themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...core.interfaces import AbstractSection
from ...core.records import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md

if TYPE_CHECKING:
    import altair

LISTED = 20  # pairs in the table
DRAWN = 20  # classes on a side of the chart


@final
@dataclass(frozen=True)
class Changes(AbstractSection):
    """Of the recommended variant against its float32. Left out where no answers were compared."""

    title: ClassVar[str] = "What changed: answers against float32"

    def text(self, run: Run) -> str:
        best, changes = _found(run)
        moved = fmt.number(changes.get("moved"))
        if best is None or moved is None:
            return ""
        base = md.code(best.get("baseline_id") or "float32")
        head = f"{md.code(look.identity(best))} and {base} answered the same {fmt.count(changes.get('n'))} images."
        if not moved:
            return f"{head} Every top-1 class is the same."
        return f"{head} They name another class on **{fmt.count(moved)}**{_split(changes)}. {_hint(run)}".rstrip()

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        best, changes = _found(run)
        pairs = _pairs(changes)[:LISTED]
        names = _classes(run, best)
        header = ("True class", "Answered", "Images, float32", "Images, quantized", "Change")
        return [header, *(_row(names, *pair) for pair in pairs)] if pairs else []

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        from ..confusion_chart import confusion

        best, changes = _found(run)
        pairs, names = _pairs(changes), _classes(run, best)
        kept = list(dict.fromkeys(c for true, said, _, _ in pairs for c in (true, said)))[:DRAWN]
        cells = [
            {"true": _name(names, t), "said": _name(names, s), "before": b, "after": a, "change": a - b}
            for t, s, b, a in pairs
            if t in kept and s in kept
        ]
        order = [_name(names, c) for c in sorted(kept)]
        return {"confusion_change": confusion(cells, order, "Confusion matrix, change from float32")} if cells else {}

    def images(self, run: Run) -> list[tuple[str, str]]:
        best, changes = _found(run)
        names = _classes(run, best)
        every = [one for one in look.mappings(changes.get("images")) if one.get("file")]
        return [(str(one["file"]), _caption(names, one)) for one in every]


def _found(run: Run) -> tuple[look.Variant | None, look.Variant]:
    best = look.recommended(run)
    return best, look.mapping(None if best is None else best.get("changes"))


def _split(changes: look.Variant) -> str:
    """`: 3 were right and are wrong now, 2 the other way, 1 is wrong both times`"""
    lost, won, moved = (fmt.number(changes.get(key)) for key in ("lost", "won", "moved"))
    if lost is None or won is None or moved is None:
        return " (the images have no labels, so which is right is unknown)"
    return (
        f": {lost:.0f} from right to wrong, {won:.0f} from wrong to right, {moved - lost - won:.0f} from wrong to wrong"
    )


def _hint(run: Run) -> str:
    shown = [file for file, _ in Changes().images(run)]
    return f"{len(shown)} of them are shown; ✗ was right before, ✓ is right now." if shown else ""


def _pairs(changes: look.Variant) -> list[tuple[int, int, int, int]]:
    """(true, answered, before, after), the ones that are whole."""
    listed = changes.get("confusion")
    rows = listed if isinstance(listed, list | tuple) else []
    whole = [row for row in rows if isinstance(row, list | tuple) and all(fmt.number(cell) is not None for cell in row)]
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in whole if len(row) == 4]


def _classes(run: Run, best: look.Variant | None) -> list[str]:
    names = look.mapping(run.results.get("classes")).get("" if best is None else str(best.get("data")))
    return [md.line(name) for name in names] if isinstance(names, list | tuple) else []


def _name(names: list[str], at: Any) -> str:
    place = fmt.number(at)
    if place is None:
        return "unknown"
    return names[int(place)] if 0 <= place < len(names) else f"class {place:.0f}"


def _row(names: list[str], true: int, said: int, before: int, after: int) -> tuple[str, ...]:
    right = " (right)" if true == said else ""
    change = after - before
    sign = "+" if change > 0 else "−"
    return _name(names, true), _name(names, said) + right, str(before), str(after), f"{sign}{abs(change)}"


def _caption(names: list[str], one: look.Variant) -> str:
    """`✗ 8 → 3, true 8 (image 1532)`"""
    label, before, after = (one.get(key) for key in ("label", "before", "after"))
    mark = "" if label is None else "✗ " if before == label else "✓ " if after == label else "· "
    true = "" if label is None else f", true {_name(names, label)}"
    return f"{mark}{_name(names, before)} → {_name(names, after)}{true} (image {fmt.plain(one.get('index'))})"
