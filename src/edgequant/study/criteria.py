"""What was asked of a run's variants, and whether it was met."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from .study import Criterion

UNITS = {"drop": " points", "size_ratio": "x", "bytes": " bytes"}
INTERVALS = {"drop": ("drop_ci95", 1.0, "points"), "top1": ("top1_ci95", 100.0, "percent")}


def judge_criterion(criterion: Criterion, variants: list[dict[str, Any]], best: str | None) -> list[dict[str, Any]]:
    """One line for each variant the criterion is about; an unmet one where there is none."""
    wanted = best or "" if criterion.variant == "recommended" else criterion.variant
    about = [v for v in variants if fnmatchcase(v["id"], wanted)]
    if not about:
        absent = {"name": criterion.name, "variant": wanted or None, "want": _want(criterion), "got": None}
        return [absent | {"met": False, "note": ""}]
    return [judged(criterion, v) for v in about]


def judged(criterion: Criterion, variant: dict[str, Any]) -> dict[str, Any]:
    """By the figure itself; `note` says where its interval reaches beyond the bound. What failed meets nothing."""
    got: Any = variant
    for part in criterion.metric.split("."):
        got = got.get(part) if isinstance(got, dict) else None
    met = variant["status"] == "ok" and isinstance(got, int | float)
    met = bool(met and _inside(criterion, got))
    note = _note(criterion, variant) if met else ""
    want = _want(criterion)
    return {"name": criterion.name, "variant": variant["id"], "want": want, "got": got, "met": met, "note": note}


def _inside(criterion: Criterion, value: float) -> bool:
    low, high = criterion.at_least, criterion.at_most
    return (high is None or value <= high) and (low is None or value >= low)


def _note(criterion: Criterion, variant: dict[str, Any]) -> str:
    """For a figure of a sample that is met: how far its 95% interval reaches, where that is beyond the bound."""
    key, factor, unit = INTERVALS.get(criterion.metric, ("", 1.0, ""))
    ends = variant.get(key)
    beyond = [end for end in ends or () if not _inside(criterion, end)]
    if not beyond:
        return ""
    n = f" on {variant['n']:,} images" if variant.get("n") else ""
    reaches = " and ".join(f"{factor * end:.2f}" for end in beyond)
    return f"its 95% interval{n} reaches {reaches} {unit}, so it may not hold on others"


def _want(criterion: Criterion) -> str:
    bounds = (("at least", criterion.at_least), ("at most", criterion.at_most))
    wanted = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    return f"{criterion.metric} {wanted}{UNITS.get(criterion.metric, '')}"
