"""Which file to ship, and why in words; or that none is, and what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..report.format import SAME_SPEED
from ..report.lookup import latency
from ..report.loss import SHOWN, Loss, changed, loss, noise, points
from .criteria import judged
from .study import Study

Measured = dict[str, Any]  # a variant in results.json: `Record.to_json`


def recommend(variants: list[Measured], study: Study) -> tuple[str | None, str]:
    """The file to ship, and why. What it loses is judged on the validation split, never on test.

    Nothing, where float32 is missing or its answers mean nothing ("unfit"). Of the files of the first network that
    kept their promise (parity) and lost at most `max_drop` points on validation (without labels: changed at most so
    many percent of float32's answers): those that meet the study's criteria for the recommended file, if any does; of
    these the smallest that is not slower than float32 in its runtime, or the fastest where all are slower. The choice
    goes by the figures; the words by their intervals.
    """
    done = [v for v in variants if v["status"] == "ok" and v["bytes"]]
    if not done:
        simulated = any(v["status"] == "ok" for v in variants)
        return None, "Every variant is simulated, so there is no file." if simulated else "No variant could be made."
    first = [v for v in done if _network(v) == _network(done[0])]
    floats = [v for v in first if v["recipe"] == "float32"]
    faults = [v["unfit"] for v in floats if v.get("unfit")]
    if not floats:
        failed = next((v for v in variants if _network(v) == _network(done[0]) and v["recipe"] == "float32"), None)
        lacks = failed["reason"] if failed and failed["reason"] else "no float32 variant was asked for."
        return None, f"What a file loses is measured against float32, and there is none. float32: {lacks}"
    if len(faults) == len(floats):
        return None, faults[0]
    fitting = [v for v in first if _fits(v, first, study.max_drop)]
    if not fitting:
        plain = next(v for v in floats if not v.get("unfit"))
        return plain["id"], _none_fits(first, study.max_drop)
    asked = [c for c in study.criteria if c.variant == "recommended" and c.metric in ("size_ratio", "bytes")]
    meeting = [v for v in fitting if all(judged(c, v)["met"] for c in asked)]
    pool = meeting or fitting
    quick = [v for v in pool if not slower(v)]
    # of files equally large, as with and without learned rounding, the one that loses less on validation
    best = (
        min(quick, key=lambda v: (v["bytes"], _lost(v, first), -_sqnr(v), v["id"]))
        if quick
        else min(pool, key=lambda v: (latency(v) or 0.0, v["id"]))
    )
    return best["id"], _reason(best, first, study.max_drop, bool(quick), bool(meeting) and bool(asked))


def slower(v: Measured) -> bool:
    """Whether it is known to be slower than float32, by more than two runs of one file may differ.

    A ratio whose interval holds 1, and one that has none, decide nothing.
    """
    found = v.get("against_float32")
    return found is not None and found["value"] > SAME_SPEED and found["ci95"][0] > 1


def _network(v: Measured) -> tuple[str, str]:
    return v["model"], v["data"]


def _base(v: Measured, variants: Sequence[Measured]) -> Measured | None:
    return next((b for b in variants if b["id"] == v["baseline_id"]), None)


def _fits(v: Measured, variants: Sequence[Measured], max_drop: float) -> bool:
    base = _base(v, variants)
    if base is None or base is v or base.get("unfit") or not _kept(v) or v["bytes"] >= base["bytes"]:
        return False
    found = loss(v, base)
    return found is not None and found.within(max_drop)


def _kept(v: Measured) -> bool:
    return v["parity"] is None or v["parity"]["gate"] == "passed"


def _lost(v: Measured, variants: Sequence[Measured]) -> float:
    found = loss(v, _base(v, variants))
    return float("inf") if found is None else found.points


def _sqnr(v: Measured) -> float:
    """Decibels of the worst output; without any noise, beyond all."""
    levels = [one["sqnr_db"] for one in (v.get("fidelity") or {}).values()]
    return min((float("inf") if level is None else level for level in levels), default=0.0)


def _none_fits(variants: Sequence[Measured], limit: float) -> str:
    """Why it is float32: the nearest miss with its figures, or that there was none."""
    smaller = [(v, _base(v, variants)) for v in variants]
    held = [
        (found, v)
        for v, base in smaller
        if base and base is not v and _kept(v) and v["bytes"] < base["bytes"] and (found := loss(v, base))
    ]
    if not held:
        return "It is float32: no smaller file was made that kept its promise (parity) and could be compared with it."
    nearest, v = min(held, key=lambda pair: (pair[0].points, pair[1]["id"]))
    end = f"The nearest, {v['id']}, {_said(nearest, v, limit)}."
    if nearest.changed:
        return (
            f"There are no labels, so accuracy was not measured. No smaller file left at least {100 - limit:g}% of"
            f" float32's answers as they were. {end}"
        )
    return f"No smaller file stayed within {points(limit)} of float32 on the validation images. {end}"


def _said(found: Loss, v: Measured, limit: float) -> str:
    """The loss in words, with the noise of the output where that is all there is."""
    told = noise(v) if found.changed else ""
    return found.sentence(limit) + (f"; {told}" if told else "")


def _reason(best: Measured, variants: Sequence[Measured], limit: float, quick: bool, criteria: bool) -> str:
    found = loss(best, _base(best, variants))
    assert found is not None
    wanted = " and meets the size that was asked for" if criteria else ""
    among = f"of those that kept their promise (parity) and {_within(found, limit)}{wanted}"
    head = (
        f"The smallest file {among}{_speed(best)}."
        if quick
        else f"The fastest file {among}; every such file is slower than float32 in its runtime."
    )
    return " ".join(part for part in (head, *_evidence(best, found, limit)) if part)


def _within(found: Loss, limit: float) -> str:
    if found.changed:
        return f"changed at most {limit:g}% of float32's answers"
    return f"lost at most {points(limit)} on the validation images"


def _evidence(best: Measured, found: Loss, limit: float) -> list[str]:
    """What it lost and what that shows, what else is known of its answers, and what flatters them."""
    lines = ["There are no labels, so accuracy was not measured."] if found.changed else []
    lines.append(f"It {_said(found, best, limit)}.")
    if not found.changed and found.verdict(limit) != SHOWN and (other := changed(best)):
        lines.append(f"It {other.figure()}.")
    return [*lines, best.get("caution") or ""]


def _speed(best: Measured) -> str:
    """How it compares with float32, after "smallest file …"; by the interval of the ratio."""
    found = best.get("against_float32")
    if not best["latency_ms"]:
        return ""
    if not found:
        return "; its latency could not be told from float32's"
    low, high = found["ci95"]
    if high < 1:
        return ", and is faster than float32 in its runtime"
    if low <= 1:
        return ", and is as fast as float32 in its runtime, within the noise"
    return f", and takes at most {SAME_SPEED - 1:.0%} longer than float32 in its runtime"
