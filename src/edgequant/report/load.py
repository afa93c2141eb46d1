"""Whether the machine had other work while files were timed, in words."""

from __future__ import annotations

from ..host.machine import others
from ..store.run import Run
from . import format as fmt
from . import lookup as look

BUSY = 0.10  # of the cores had by other processes
LOADED = 1.25  # a core, where that is not told: this process alone makes at most 1


def busy(run: Run) -> str:
    """One sentence where it was busy, as it was at its busiest; else empty."""
    found = _busiest(run)
    if found is None:
        return ""
    had, after = _others(found), _loads(found)[1]
    if had < BUSY if had is not None else after is None or after < LOADED:
        return ""
    return f"The machine was busy while files were timed ({_told(run, found)}): trust no small difference in latency."


def conditions(run: Run) -> str:
    """The load a core before and after, what others had of the cores, and the spread; empty where nothing was told."""
    found = _busiest(run)
    told = "" if found is None else _told(run, found)
    return f"While files were timed: {told}." if told else ""


def _busiest(run: Run) -> look.Variant | None:
    """The conditions, of those of all networks, under which others had most of the cores."""
    every = [look.mapping(v.get("conditions")) for v in look.measured(run) if look.mapping(v.get("conditions"))]
    return max(every, key=lambda c: (_others(c) or 0.0, _loads(c)[1] or 0.0), default=None)


def _others(found: look.Variant) -> float | None:
    return others(found.get("before"), found.get("after"))


def _loads(found: look.Variant) -> tuple[float | None, float | None]:
    """Load a core before and after."""
    before, after = (look.mapping(found.get(side)) for side in ("before", "after"))
    cores = fmt.number(after.get("cores"))
    loads = (fmt.number(side.get("load")) for side in (before, after))
    first, last = (None if load is None or not cores else load / cores for load in loads)
    return first, last


def _told(run: Run, found: look.Variant) -> str:
    had, (before, after) = _others(found), _loads(found)
    pairs = [(look.latency(v, "p90"), look.latency(v)) for v in look.measured(run)]
    spread = max((p90 / p50 for p90, p50 in pairs if p90 is not None and p50), default=None)  # the widest of any file
    cores = fmt.number(look.mapping(found.get("after")).get("cores"))
    parts = [
        "" if had is None or cores is None else f"other processes had {had:.0%} of its {cores:.0f} cores",
        "" if before is None or after is None else f"load a core {before:.2f} before and {after:.2f} after",
        "" if spread is None else f"p90 up to {spread:.2f} times p50",
    ]
    return "; ".join(part for part in parts if part)
