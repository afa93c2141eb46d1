"""Whether calibration is enough, recipe by recipe, or training pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...report import format as fmt
from ...report.loss import points
from ...report.section import AbstractSection
from ...store.run import Run
from .advise import Advice, Way, advise

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
            f"Calibration (PTQ) comes first; training (QAT) where it loses more than {points(found[0].limit)}. Points"
            " are lost on the validation split, with their 95% intervals; without labels they are the percentage of"
            " float32's answers that changed. Minutes are of calibration and refinement, on this machine. A choice"
            " goes by the figure; where the interval reaches beyond what may be lost, it says may."
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
        advice.choice if advice.settled else f"{advice.choice}, which may lose more",
    )


def _way(way: Way | None) -> tuple[str, str]:
    if way is None:
        return NONE, NONE
    return fmt.with_interval(f"{way.drop:.2f}", [way.loss.low, way.loss.high]), f"{way.minutes:.1f}"
