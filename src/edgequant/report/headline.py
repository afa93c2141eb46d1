"""The answer in one line and four figures: what a reader sees first, in every format."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.run import Run
from . import format as fmt
from . import lookup as look
from . import markup as md
from .loss import MAY, loss, noise, points


@dataclass(frozen=True)
class Figure:
    """One big number. `tone` is good, bad or plain."""

    label: str
    value: str
    note: str
    tone: str = "plain"


def title(run: Run) -> str:
    """The name of the study."""
    return str(look.mapping(run.results.get("study")).get("name") or "edgequant run")


def answer(run: Run) -> str:
    """Which file to ship, as plain text; with the word "may" where what it loses is not shown to be what is allowed."""
    best = look.recommended(run)
    if best is None:
        return "No file to ship" if not look.measured(run) else "No file is recommended"
    ship, limit = f"Ship {look.shipped(best)}", look.max_drop(run)
    base = look.baseline(run, best)
    found = None if base is None else loss(best, base)
    if found is None or found.high is None or found.verdict(limit) != MAY:
        return ship
    if found.changed:
        return f"{ship}, which may change more than {limit:g}% of float32's answers"
    return f"{ship}, which may lose more than {points(limit)}"


def reason(run: Run) -> str:
    """Why that one, or why none, as it was recorded: Markdown, whole sentences; empty where nothing was."""
    given = run.results.get("recommendation_reason")
    return md.sentence(given) if given else ""


def figures(run: Run) -> list[Figure]:
    """Accuracy, or without labels agreement, then size, latency and parity of the recommended variant; none where
    nothing is recommended."""
    best = look.recommended(run)
    if best is None:
        return []
    answers = _accuracy(best) if fmt.number(best.get("top1")) is not None else _agreement(best)
    shown = (answers, _size(run, best), _latency(run, best), _parity(best))
    return [figure for figure in shown if figure.value != fmt.ABSENT]


def _accuracy(best: look.Variant) -> Figure:
    drop = fmt.number(best.get("drop"))
    note = f"of {fmt.count(best.get('n'))} test images" if best.get("n") else "of the test images"
    if drop is not None:
        spread = fmt.interval(best.get("drop_ci95"))
        note = f"drop from float32: {fmt.points(drop)}" + (f" (95% CI {spread})" if spread else "")
    return Figure("Top-1 accuracy", fmt.percent(best.get("top1")), note)


def _agreement(best: look.Variant) -> Figure:
    found = look.mapping(best.get("agreement"))
    spread = fmt.interval(found.get("ci95"), 100)
    parts = ["no labels, so no accuracy", f"{fmt.count(found.get('n'))} images", f"95% CI {spread}" if spread else ""]
    parts.append(noise(best))
    return Figure("Answers as float32's", fmt.percent(found.get("value")), "; ".join(part for part in parts if part))


def _size(run: Run, best: look.Variant) -> Figure:
    times = look.size_ratio(run, best)
    note = "" if times is None else f"{fmt.smaller(times)} float32 in the same format"
    tone = "plain" if times is None else "bad" if times < 1 else "good"
    return Figure("File size", fmt.size_short(best.get("bytes")), note, tone)


def _latency(run: Run, best: look.Variant) -> Figure:
    ms, words = look.latency(best), look.speed(best, look.baseline(run, best))
    threads = fmt.number(look.mapping(best.get("latency_ms")).get("threads"))
    label = "Latency, p50" + ("" if threads is None else f", {threads:.0f} thread{'s' if threads != 1 else ''}")
    if not words:
        return Figure(label, fmt.milliseconds(ms), f"in {look.runtime(best)}")
    tone = "bad" if "slower" in words else "good" if "faster" in words else "plain"
    return Figure(label, fmt.milliseconds(ms), f"{words} float32 in {look.runtime(best)}", tone)


def _parity(best: look.Variant) -> Figure:
    parity = look.mapping(best.get("parity"))
    gate = str(parity.get("gate") or "not run")
    tone = {"passed": "good", "failed": "bad"}.get(gate, "plain")
    exact = fmt.percent(parity.get("exact_fraction"))
    if exact != fmt.ABSENT:
        return Figure("Integers equal to the simulation", exact, f"parity gate {gate}", tone)
    agreement = fmt.percent(parity.get("top1_agreement"))
    return Figure("Top-1 agreement with the simulation", agreement, f"parity gate {gate}", tone)
