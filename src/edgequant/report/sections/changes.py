"""Which answers quantizing changed: the confusion matrix's differences, and the images themselves."""

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

DRAWN = 20  # classes on a side of the chart


@final
@dataclass(frozen=True)
class Changes(AbstractSection):
    """Every variant's counts; chart and images of the recommended one, or of the one that changed most where it
    changed nothing. Left out where no answers were compared."""

    title: ClassVar[str] = "What changed: answers against float32"

    def text(self, run: Run) -> str:
        if not _compared(run):
            return ""
        shown = _shown(run)
        head = "Each file and its float32 answered the same images; a changed answer is another top-1 class."
        if shown is None:
            return f"{head} None changed."
        images = len(self.images(run))
        words = f" {images} of them are shown: ✗ was right before, ✓ is right now." if images else ""
        return f"{head} {_which(run, shown)}{words}"

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        header = ("Variant", "Images", "Changed answers", "Right to wrong", "Wrong to right", "Wrong to wrong")
        body = [(look.starred(run, v), *_counts(changes)) for v, changes in _compared(run)]
        return [header, *body] if body else []

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        from ..charts.confusion import confusion

        shown = _shown(run)
        pairs, names = _pairs(shown), _classes(run, shown)
        kept = _drawn(pairs, len(names))
        cells = [
            {"true": _name(names, t), "said": _name(names, s), "before": b, "after": a, "change": a - b}
            for t, s, b, a in pairs
            if t in kept and s in kept
        ]
        if shown is None or not any(cell["change"] for cell in cells):
            return {}
        order = [_name(names, c) for c in sorted(kept)]
        return {"confusion_change": confusion(cells, order, f"Confusion matrix, {look.identity(shown)}")}

    def images(self, run: Run) -> list[tuple[str, str]]:
        shown = _shown(run)
        names = _classes(run, shown)
        every = [one for one in look.mappings(_changes(shown).get("images")) if one.get("file")]
        return [(str(one["file"]), _caption(names, one)) for one in every]


def _changes(variant: look.Variant | None) -> look.Variant:
    return look.mapping(None if variant is None else variant.get("changes"))


def _moved(variant: look.Variant) -> float:
    return fmt.number(_changes(variant).get("moved")) or 0.0


def _compared(run: Run) -> list[tuple[look.Variant, look.Variant]]:
    return [(v, _changes(v)) for v in look.variants(run) if fmt.number(_changes(v).get("moved")) is not None]


def _shown(run: Run) -> look.Variant | None:
    """As the pipeline chose whose images to keep; None where nothing changed."""
    best = look.recommended(run)
    if best is not None and _moved(best):
        return best
    most = max(look.variants(run), key=_moved, default=None)
    return most if most is not None and _moved(most) else None


def _which(run: Run, shown: look.Variant) -> str:
    same = (
        "" if shown is look.recommended(run) or look.recommended(run) is None else "The recommended file changed none. "
    )
    return f"{same}Below is {md.code(look.identity(shown))}, which changed {fmt.count(_moved(shown))}."


def _counts(changes: look.Variant) -> tuple[str, ...]:
    lost, won, moved = (fmt.number(changes.get(key)) for key in ("lost", "won", "moved"))
    other = None if lost is None or won is None or moved is None else moved - lost - won
    return fmt.count(changes.get("n")), *(fmt.count(value) for value in (moved, lost, won, other))


def _pairs(shown: look.Variant | None) -> list[tuple[int, int, int, int]]:
    """(true, answered, before, after), the ones that are whole."""
    listed = _changes(shown).get("confusion")
    rows = listed if isinstance(listed, list | tuple) else []
    whole = [row for row in rows if isinstance(row, list | tuple) and all(fmt.number(cell) is not None for cell in row)]
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in whole if len(row) == 4]


def _drawn(pairs: list[tuple[int, int, int, int]], classes: int) -> list[int]:
    """The classes of the chart: all where they are few, else those that changed most."""
    moved = list(dict.fromkeys(c for true, said, _, _ in pairs for c in (true, said)))[:DRAWN]
    return list(range(classes)) if moved and max(moved) < classes <= DRAWN else moved


def _classes(run: Run, best: look.Variant | None) -> list[str]:
    names = look.mapping(run.results.get("classes")).get("" if best is None else str(best.get("data")))
    return [md.line(name) for name in names] if isinstance(names, list | tuple) else []


def _name(names: list[str], at: Any) -> str:
    place = fmt.number(at)
    if place is None:
        return "unknown"
    return names[int(place)] if 0 <= place < len(names) else f"class {place:.0f}"


def _caption(names: list[str], image: look.Variant) -> str:
    """`✗ 8 → 3, true 8 (image 1532)`"""
    label, before, after = (image.get(key) for key in ("label", "before", "after"))
    mark = "" if label is None else "✗ " if before == label else "✓ " if after == label else "· "
    true = "" if label is None else f", true {_name(names, label)}"
    return f"{mark}{_name(names, before)} → {_name(names, after)}{true} (image {fmt.plain(image.get('index'))})"
