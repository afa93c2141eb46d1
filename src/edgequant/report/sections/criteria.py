"""What was asked for, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

VERDICTS = {True: "✓ met", False: "✗ not met"}


@final
@dataclass(frozen=True)
class Criteria(AbstractSection):
    title: ClassVar[str] = "Criteria"

    def text(self, run: Run) -> str:
        criteria = look.mappings(run.results.get("criteria"))
        if not criteria:
            return "The study sets no criteria."
        met = sum(c.get("met") is True for c in criteria)
        return f"{met} of {len(criteria)} criteria are met. One that names no variant is asked of the recommended one."

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        criteria = look.mappings(run.results.get("criteria"))
        best = run.results.get("recommended")
        header = ("Criterion", "Variant", "Wanted", "Got", "Verdict")
        return [header, *(_row(c, best) for c in criteria)] if criteria else []


def _row(criterion: look.Variant, best: object) -> tuple[str, ...]:
    met, note = criterion.get("met"), criterion.get("note")
    verdict = VERDICTS[met] if isinstance(met, bool) else "not judged"
    return (
        str(criterion.get("name") or "unnamed"),
        fmt.plain(criterion.get("variant") or best),
        fmt.plain(criterion.get("want")),
        fmt.plain(criterion.get("got")),
        f"{verdict}; {md.line(note)}" if note else verdict,
    )
