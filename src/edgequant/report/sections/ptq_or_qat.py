"""Whether calibration is enough, recipe by recipe, or training pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...core.interfaces import AbstractSection
from ...core.records import Run
from ..advice import Advice, Way, advise

NONE = "–"


@final
@dataclass(frozen=True)
class PTQOrQAT(AbstractSection):
    title: ClassVar[str] = "PTQ or QAT?"

    def text(self, run: Run) -> str:
        found = advise(run)
        if not found:
            return ""
        return (
            f"Calibration (PTQ) comes first; training (QAT) where it loses more than {found[0].limit:g} points. Points"
            " are lost on the validation split; minutes are of calibration and refinement, on this machine."
        )

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        found = advise(run)
        header = ("Network", "Target", "Recipe", "PTQ loses", "Minutes", "QAT loses", "Minutes", "Choice")
        return [header, *(_row(advice) for advice in found)] if found else []


def _row(advice: Advice) -> tuple[str, ...]:
    return (
        advice.network,
        advice.target,
        advice.recipe,
        *_way(advice.ptq),
        *_way(advice.qat),
        advice.choice,
    )


def _way(way: Way | None) -> tuple[str, str]:
    return (NONE, NONE) if way is None else (f"{way.drop:.2f}", f"{way.minutes:.1f}")
