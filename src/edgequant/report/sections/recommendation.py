"""The answer: which file to ship, what it costs, why, what it misses, and how to use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import headline
from .. import lookup as look
from .. import markup as md
from ..load import busy
from ..loss import changed, noise
from ..section import AbstractSection
from ..snippets.snippet import snippet

Figure = Callable[[look.Variant], float | None]


@final
@dataclass(frozen=True)
class Recommendation(AbstractSection):
    title: ClassVar[str] = "Recommendation"

    def text(self, run: Run) -> str:
        best = look.recommended(run)
        if best is None:
            return _nothing(run)
        parts = [_cost(run, best), busy(run), _why(run, best), _unmet(run), snippet(run, best)]
        return "\n\n".join(part for part in parts if part)

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        """The recommended file beside the float32 file of the same runtime."""
        best = look.recommended(run)
        base = None if best is None else look.baseline(run, best)
        if best is None or base is None:
            return []
        header = ("Figure", look.identity(best), look.identity(base), "Difference")
        drop = fmt.with_interval(fmt.points(best.get("drop")), best.get("drop_ci95"))
        peak, base_peak = (fmt.number(v.get("peak_memory_bytes")) for v in (best, base))
        rows = [
            ("Top-1", fmt.percent(best.get("top1")), fmt.percent(base.get("top1")), drop),
            ("File", fmt.size(best.get("bytes")), fmt.size(base.get("bytes")), fmt.ratio(look.size_ratio(run, best))),
            _bytes("Download, gzip", look.download(best, "gzip"), look.download(base, "gzip")),
            _bytes("Download, zstd", look.download(best, "zstd"), look.download(base, "zstd")),
            _ms("Latency p50, one thread", look.latency(best), look.latency(base)),
            _ms("Latency p99, one thread", look.latency(best, "p99"), look.latency(base, "p99")),
            _ms("Latency p50, all threads", *(look.latency(v, all_threads=True) for v in (best, base))),
            _bytes("Peak memory", peak, base_peak),
            _bytes("Arena", look.arena(best), look.arena(base)),
        ]
        return [header, *(row for row in rows if row[1] != fmt.ABSENT)]


def _nothing(run: Run) -> str:
    every = look.variants(run)
    if look.measured(run):
        return f"No variant is recommended. {headline.reason(run) or 'The figures of all are below.'}"
    if not every:
        return "The run holds no variants yet, so there is nothing to recommend."
    reasons = [f"- {md.code(look.identity(v))}: {md.sentence(v.get('reason'))}" for v in every]
    return f"None of the {len(every)} variants ran, so there is nothing to recommend.\n\n" + "\n".join(reasons)


def _cost(run: Run, best: look.Variant) -> str:
    base = look.baseline(run, best)
    clauses = [_accuracy(best), _size(run, best), _latency(best, base)]
    return f"Ship {md.code(look.shipped(best))}. " + " ".join(clause for clause in clauses if clause)


def _accuracy(best: look.Variant) -> str:
    if fmt.number(best.get("top1")) is None:
        return _agreement(best)
    spread = fmt.interval(best.get("top1_ci95"), 100)
    text = f"Its top-1 accuracy is **{fmt.percent(best.get('top1'))}**" + (f" (95% CI {spread})" if spread else "")
    text += f" on {fmt.count(best.get('n'))} test images" if best.get("n") else ""
    drop = fmt.number(best.get("drop"))
    if drop is None:
        return text + "."
    margin = fmt.interval(best.get("drop_ci95"))
    detail = "; ".join(
        part
        for part in (
            f"95% CI {margin}" if margin else "",
            f"paired p {_equals(fmt.probability(best.get('p_value')))}" if best.get("p_value") is not None else "",
        )
        if part
    )
    words = f"a drop of **{fmt.points(drop)}**" if drop >= 0 else f"a gain of **{fmt.points(-drop)}**"
    return f"{text}: {words} against float32" + (f" ({detail})." if detail else ".")


def _agreement(best: look.Variant) -> str:
    """What is known without labels."""
    text = "Its accuracy was not measured: the data has no labels."
    found, told = changed(best), noise(best)
    if found is not None:
        text += f" It {found.figure()}."
    return f"{text} {md.sentence(told)}" if told else text


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _size(run: Run, best: look.Variant) -> str:
    if fmt.number(best.get("bytes")) is None:
        return ""
    times = look.size_ratio(run, best)
    words = "" if times is None else f", {fmt.smaller(times)} the float32 file in the same format"
    return f"It weighs **{fmt.size(best.get('bytes'))}**{words}."


def _latency(best: look.Variant, base: look.Variant | None) -> str:
    ms = look.latency(best)
    if ms is None:
        return ""
    target, told = md.code(look.runtime(best)), look.speed(best, base)
    words = f", {told} float32 in the same runtime" if told else ""
    return f"An image takes **{fmt.milliseconds(ms)}** in {target} (p50, one at a time){words}."


def _why(run: Run, best: look.Variant) -> str:
    """The rank among what it competes with: variants of the same network and data that ran."""
    files = [v for v in look.measured(run) if not look.simulated(v)]
    rivals = [v for v in files if all(v.get(k) == best.get(k) for k in ("model", "data", "device"))]
    figures: tuple[tuple[Figure, str], ...] = (
        (lambda v: fmt.number(v.get("bytes")), "smallest"),
        (look.latency, "fastest"),
        (_inaccuracy, "most accurate"),
    )
    ranks = [rank for figure, word in figures if (rank := _rank(best, rivals, figure, word))]
    text = "It was chosen on the validation images"
    text += "; the test split had no part in it." if fmt.number(best.get("top1")) is not None else "."
    if given := headline.reason(run):
        text += f" {given}"
    if len(rivals) > 1 and ranks:
        text += f" Of the {len(rivals)} variants of its network that ran it is {_and(ranks)}."
    return f"**Why this one.** {text} {_parity(best)}".rstrip()


def _inaccuracy(variant: look.Variant) -> float | None:
    """Less is better of it, as of every figure that is ranked."""
    top1 = fmt.number(variant.get("top1"))
    return None if top1 is None else -top1


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _rank(best: look.Variant, rivals: list[look.Variant], figure: Figure, word: str) -> str:
    """`the 2nd smallest`, of the figure that less is better of; empty where it was not measured."""
    values, own = [figure(v) for v in rivals], figure(best)
    if own is None:
        return ""
    place = 1 + sum(value < own for value in values if value is not None)
    tied = "joint " if values.count(own) > 1 else ""
    return f"the {tied}{word}" if place == 1 else f"the {tied}{_ordinal(place)} {word}"


def _ordinal(n: int) -> str:
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def _parity(best: look.Variant) -> str:
    gate = look.mapping(best.get("parity")).get("gate")
    if gate == "passed":
        return "Its parity gate passed: the runtime computes what the simulation promised."
    return "**Its parity gate failed: do not ship it before the parity section is explained.**" if gate else ""


def _unmet(run: Run) -> str:
    """Each criterion that is not met, with the variants that do meet one of the same name."""
    criteria = look.mappings(run.results.get("criteria"))
    missed = [c for c in criteria if c.get("met") is not True]
    if not criteria:
        return ""
    if not missed:
        unsure = sum(bool(c.get("note")) for c in criteria)
        some = f", {unsure} of them by a figure whose interval reaches beyond (see Criteria)" if unsure else ""
        return f"**What is not met.** Nothing: all {len(criteria)} criteria are met{some}."
    lines = [_missed(c, criteria, run) for c in missed]
    return f"**What is not met**, of {len(criteria)} criteria:\n\n" + "\n".join(lines)


def _missed(criterion: look.Variant, criteria: list[look.Variant], run: Run) -> str:
    name = criterion.get("name")
    who = criterion.get("variant") or run.results.get("recommended") or "no variant"
    others = [str(c.get("variant")) for c in criteria if c.get("name") == name and c.get("met") is True]
    met = f" {md.listed(others)} meet{'s' if len(others) == 1 else ''} it." if others else ""
    want, got = md.escape(fmt.plain(criterion.get("want"))), md.escape(fmt.plain(criterion.get("got")))
    return f"- {md.escape(name or 'unnamed')}: wanted {want}, got {got} from {md.code(who)}.{met}"


def _bytes(name: str, ours: float | None, theirs: float | None) -> tuple[str, ...]:
    return name, fmt.size_short(ours), fmt.size_short(theirs), _times(ours, theirs)


def _ms(name: str, ours: float | None, theirs: float | None) -> tuple[str, ...]:
    return name, fmt.milliseconds(ours), fmt.milliseconds(theirs), _times(ours, theirs)


def _times(ours: float | None, theirs: float | None) -> str:
    return fmt.ABSENT if not ours or theirs is None else fmt.ratio(theirs / ours)
