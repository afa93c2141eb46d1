"""What each network is fed, and what was tried of it, in a line: for the first screen of the report and the card."""

from __future__ import annotations

from ..store.run import Run
from . import format as fmt
from . import lookup as look

SHOWN = 4  # networks


def contract(run: Run) -> list[str]:
    """A line for each network; none for a run of before they were recorded."""
    found = look.mappings(run.results.get("preprocessing"))
    named = len(found) > 1
    lines = [_line(one, named) for one in found if one.get("stated")]
    more = [f"{len(lines) - SHOWN} more networks: see results.json."] if len(lines) > SHOWN else []
    return list(dict.fromkeys(lines[:SHOWN])) + more


def _line(fed: look.Variant, named: bool) -> str:
    name = f" of {fmt.plain(fed.get('network'))}" if named else ""
    return f"Input{name}: {fmt.plain(fed.get('stated'))}. {_evidence(fed)}"


def _evidence(fed: look.Variant) -> str:
    """What is known of it besides that it was said."""
    if fmt.number(fed.get("top1")) is None:
        return "Other preprocessings were not tried: that needs labels, and weights that were given."
    seen = f"So fed, float32 answers {fmt.percent(fed.get('top1'))} of {fmt.count(fed.get('images'))} validation images"
    others = [way for way in look.mappings(fed.get("tried")) if fmt.number(way.get("top1")) is not None]
    if not others:
        return f"{seen}; no other preprocessing could be far better."
    best = max(others, key=lambda way: fmt.number(way.get("top1")) or 0.0)
    return (
        f"{seen}; of {len(others)} other usual preprocessings, tried on {fmt.count(best.get('images'))} images or more,"
        f" none is far better (the best: {fmt.percent(best.get('top1'))} with {fmt.plain(best.get('name'))})."
    )
