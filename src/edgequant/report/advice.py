"""PTQ or QAT: what the measurements of a run say, recipe by recipe.

Calibration takes minutes and training hours, so PTQ comes first: QAT is worth its time where PTQ misses what may be
lost. Drops are those on the validation split, for this is a choice; the test split has no part in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..core.records import Run
from ..study import Study
from . import format as fmt
from . import lookup as look

STATIC = re.compile(r"w\d+a\d+(-all)?")
TRAINED = "qat"


@dataclass(frozen=True)
class Way:
    """The best variant of one kind: its id, points lost on validation, minutes of calibration and refinement."""

    variant: str
    drop: float
    minutes: float


@dataclass(frozen=True)
class Advice:
    """One recipe of one network on one target. `limit`: the points that may be lost."""

    network: str
    target: str
    recipe: str
    limit: float
    ptq: Way | None
    qat: Way | None

    @property
    def choice(self) -> str:
        """`PTQ`, `QAT`, `try QAT` where nobody has, or `neither`."""
        if self.ptq is not None and self.ptq.drop <= self.limit:
            return "PTQ"
        if self.qat is None:
            return "try QAT"
        return "QAT" if self.qat.drop <= self.limit else "neither"

    @property
    def line(self) -> str:
        """The decision, what it rests on, and what to do."""
        ptq = _said("PTQ", self.ptq)
        reasons = {
            "PTQ": f"{ptq}, within {self.limit:g}: QAT is not needed",
            "QAT": f"{ptq}, more than {self.limit:g}; {_said('QAT', self.qat)}: train",
            "try QAT": f"{ptq}, more than {self.limit:g}: try {self.recipe}+qat, which was not measured here",
            "neither": f"{ptq} and {_said('QAT', self.qat)}, both more than {self.limit:g}: give it more bits",
        }
        return f"{self.network}, {self.target}, {self.recipe}: {self.choice}. {reasons[self.choice]}."


def _said(name: str, way: Way | None) -> str:
    return f"{name} was not measured" if way is None else f"{name} loses {way.drop:.2f} points in {way.minutes:.1f} min"


def advise(run: Run) -> list[Advice]:
    """A decision for every integer recipe that was measured, in the order of the study."""
    limit = fmt.number(look.mapping(run.results.get("study")).get("max_drop"))
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
        Advice(*key, 1.0 if limit is None else limit, _best(run, found, False), _best(run, found, True))
        for key, found in groups.items()
    ]


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
    ours, theirs = (fmt.number((v or {}).get("validation_top1")) for v in (variant, base))
    if ours is None or theirs is None:
        return None
    seconds = look.mapping(variant.get("seconds"))
    spent = sum(fmt.number(seconds.get(part)) or 0.0 for part in ("calibrate", "refine"))
    return Way(look.identity(variant), 100 * (theirs - ours), spent / 60)
