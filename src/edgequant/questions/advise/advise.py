"""PTQ or QAT: what the measurements of a run say, recipe by recipe.

Calibration takes minutes and training hours, so PTQ comes first: QAT is worth its time where PTQ misses what may be
lost. Drops are those on the validation split, for this is a choice; the test split has no part in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ...report import format as fmt
from ...report import lookup as look
from ...report.loss import SHOWN, Loss, loss
from ...store.run import Run
from ...study.study import Study

STATIC = re.compile(r"w\d+a\d+(-all)?")
TRAINED = "qat"


@dataclass(frozen=True)
class Way:
    """The best variant of one kind: its id, what it lost on validation, minutes of calibration and refinement."""

    variant: str
    loss: Loss
    minutes: float

    @property
    def drop(self) -> float:
        """Points."""
        return self.loss.points


@dataclass(frozen=True)
class Advice:
    """One recipe of one network on one target. `limit`: the points that may be lost. `unfit`: why nothing can be said
    of this network, or ""."""

    network: str
    target: str
    recipe: str
    limit: float
    ptq: Way | None
    qat: Way | None
    unfit: str = ""

    @property
    def choice(self) -> str:
        """`PTQ`, `QAT`, `try QAT` where nobody has, `neither`; or `no advice`, where nothing was measured to go by."""
        if self.unfit or (self.ptq is None and self.qat is None):
            return "no advice"
        if self.ptq is not None and self.ptq.loss.within(self.limit):
            return "PTQ"
        if self.qat is None:
            return "try QAT"
        return "QAT" if self.qat.loss.within(self.limit) else "neither"

    @property
    def settled(self) -> bool:
        """Whether the interval of what is chosen shows that it loses no more than it may."""
        way = {"PTQ": self.ptq, "QAT": self.qat}.get(self.choice)
        return way is None or way.loss.high is None or way.loss.verdict(self.limit) == SHOWN

    @property
    def line(self) -> str:
        """The decision, what it rests on, and what to do."""
        ptq, qat = self._said("PTQ", self.ptq), self._said("QAT", self.qat)
        reasons = {
            "PTQ": f"{ptq}: {_ending(self.ptq, self.limit, 'QAT is not needed')}",
            "QAT": f"{ptq}; {qat}: {_ending(self.qat, self.limit, 'train')}",
            "try QAT": f"{ptq}: try {self.recipe}+qat, which was not measured here",
            "neither": f"{ptq}; {qat}: give it more bits",
            "no advice": self.unfit.rstrip(".") or "neither PTQ nor QAT was measured on validation images",
        }
        return f"{self.network}, {self.target}, {self.recipe}: {self.choice}. {reasons[self.choice]}."

    def _said(self, name: str, way: Way | None) -> str:
        if way is None:
            return f"{name} was not measured"
        return f"{name} in {way.minutes:.1f} min {way.loss.sentence(self.limit)}"


def _ending(way: Way | None, limit: float, settled: str) -> str:
    """What follows; where the interval does not show it, by what."""
    if way is None or way.loss.verdict(limit) == SHOWN:
        return settled
    return f"{settled} by the figure itself, and more validation images would settle it"


def advise(run: Run) -> list[Advice]:
    """A decision for every integer recipe that was measured, in the order of the study."""
    limit = look.max_drop(run)
    groups: dict[tuple[str, str, str], list[look.Variant]] = {}
    for variant in look.measured(run):
        if STATIC.fullmatch(str(variant.get("recipe"))) or TRAINED in (variant.get("refine") or []):
            key = (
                f"{variant.get('model')} on {variant.get('data')}",
                look.runtime(variant),
                str(variant.get("recipe")),
            )
            groups.setdefault(key, []).append(variant)
    return [
        Advice(*key, limit, _best(run, found, False), _best(run, found, True), _unfit(run, found))
        for key, found in groups.items()
    ]


def _unfit(run: Run, variants: list[look.Variant]) -> str:
    faults = [str((look.baseline(run, v) or {}).get("unfit") or "") for v in variants]
    return next((fault for fault in faults if fault), "")


def untrained(study: Study) -> Study:
    """The study without the recipes that train."""

    def plain(recipes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(r for r in recipes if TRAINED not in (part.partition(":")[0] for part in r.split("+")))

    networks = tuple(replace(spec, recipes=plain(spec.recipes)) for spec in study.network)
    return replace(study, recipes=plain(study.recipes), network=networks)


def _best(run: Run, variants: list[look.Variant], trained: bool) -> Way | None:
    """The one that loses least, the first of equals; None where none of the kind has a drop."""
    found = [_way(run, v) for v in variants if (TRAINED in (v.get("refine") or [])) is trained]
    known = [way for way in found if way is not None]
    return min(known, key=lambda way: way.drop) if known else None


def _way(run: Run, variant: look.Variant) -> Way | None:
    base = look.baseline(run, variant)
    found = None if base is None else loss(variant, base)
    if found is None:
        return None
    seconds = look.mapping(variant.get("seconds"))
    spent = sum(fmt.number(seconds.get(part)) or 0.0 for part in ("calibrate", "refine"))
    return Way(look.identity(variant), found, spent / 60)
