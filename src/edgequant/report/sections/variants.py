"""Every variant, with its figures; those that did not run, with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

COLLAPSED = 5.0  # points: a drop whose whole interval lies above has a cause, and wants a remedy
Column = tuple[str, Callable[[Run, look.Variant], str]]


@final
@dataclass(frozen=True)
class Variants(AbstractSection):
    title: ClassVar[str] = "Variants"

    def text(self, run: Run) -> str:
        every = look.variants(run)
        if not every:
            return "The run holds no variants."
        tally = Counter(str(v.get("status") or "unknown") for v in every)
        counts = ", ".join(f"{n} {md.escape(status)}" for status, n in tally.items())
        parts = [f"{len(every)} variants: {counts}.", *_legend(run)]
        return " ".join(parts) + _reasons(every) + _collapses(run)

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        every = look.variants(run)
        if not every:
            return []
        columns = _columns(run)
        return [tuple(head for head, _ in columns), *(tuple(cell(run, v) for _, cell in columns) for v in every)]


def _columns(run: Run) -> list[Column]:
    named = any(v.get("name") not in (None, v.get("id")) for v in look.variants(run))
    eager = any(look.eager_latency(v) is not None for v in look.variants(run))
    columns: list[Column] = [("Variant", look.starred)]
    columns += [("Recipe", lambda _, v: fmt.plain(v.get("name")))] if named else []
    columns += [
        ("Target", lambda _, v: fmt.plain(v.get("target"))),
        ("Top-1 (95% CI, %)", lambda _, v: fmt.with_interval(fmt.percent(v.get("top1")), v.get("top1_ci95"), 100)),
        ("Drop (95% CI)", lambda _, v: fmt.with_interval(fmt.points(v.get("drop")), v.get("drop_ci95"))),
        ("p", lambda _, v: fmt.probability(v.get("p_value"))),
        ("File", _size),
        ("Ratio", lambda run, v: fmt.ratio(look.size_ratio(run, v))),
        ("p50, 1 thread", lambda _, v: fmt.milliseconds(look.latency(v))),
        ("p50, all threads", lambda _, v: fmt.milliseconds(look.latency(v, all_threads=True))),
    ]
    sent = any(look.download(v, "zstd") is not None for v in look.variants(run))
    columns += [("Download, zstd", lambda _, v: fmt.size_short(look.download(v, "zstd")))] if sent else []
    columns += [("PyTorch eager, float32", lambda _, v: fmt.milliseconds(look.eager_latency(v)))] if eager else []
    return [*columns, ("Images", lambda _, v: fmt.count(v.get("n"))), ("Status", _status)]


def _size(_: Run, variant: look.Variant) -> str:
    if look.simulated(variant):
        return f"~{fmt.size(variant['bytes_estimated'])}"
    return fmt.size(variant.get("bytes"))


def _status(_: Run, variant: look.Variant) -> str:
    """One word; a file that ran and missed its parity gate is not simply ok."""
    gate = look.mapping(variant.get("parity")).get("gate")
    status = str(variant.get("status") or "unknown")
    if status == "ok" and look.simulated(variant):
        return "ok, simulated"
    return "ok, parity failed" if status == "ok" and gate == "failed" else status


def _legend(run: Run) -> list[str]:
    parts = []
    if look.recommended(run) is not None:
        parts.append(f"{look.STAR} marks the recommended one.")
    parts.append("Drops are percentage points against float32 in the same runtime, paired on the same images.")
    parts.append("A ratio is file bytes over file bytes, in the same format.")
    if any(look.download(v, "zstd") is not None for v in look.variants(run)):
        parts.append("Download is the file compressed for its way to the device, where it is as large as ever.")
    if any(look.simulated(v) for v in look.variants(run)):
        parts.append("What is marked simulated has no file: its size after ~ is an estimate, and nothing was timed.")
    if any(look.eager_latency(v) is not None for v in look.variants(run)):
        parts.append(
            "PyTorch's own time stands in a column of its own: it is another runtime, and no ratio is made of it."
        )
    return parts


def _reasons(every: list[look.Variant]) -> str:
    """Why each variant that did not run did not."""
    missing = [v for v in every if v.get("status") != "ok"]
    lines = [f"- {md.code(look.identity(v))}, {_word(v)}: {md.sentence(v.get('reason'))}" for v in missing]
    return "\n\n" + "\n".join(lines) if lines else ""


def _collapses(run: Run) -> str:
    """The variants that lost their accuracy, and what to try."""
    lines = []
    for variant in look.measured(run):
        if (fmt.ends(variant.get("drop_ci95"))[0] or 0.0) > COLLAPSED:
            lost = fmt.with_interval(fmt.points(variant.get("drop")), variant.get("drop_ci95"))
            lines.append(f"- {md.code(look.identity(variant))} collapsed: {lost} lost. {_way_out(variant)}")
    return "\n\n" + "\n".join(lines) if lines else ""


def _way_out(variant: look.Variant) -> str:
    recipe, refined = str(variant.get("recipe")), variant.get("refine") or []
    if recipe.startswith("dynamic"):
        return "Its scales are made anew for each image; `w8a8` measures them on calibration images."
    if re.match(r"w[2-7]", recipe) and not refined:
        ways = md.listed([f"{recipe}+adaround", f"{recipe}+qat"])
        return f"Learned rounding or training may mend it: {ways}."
    return "`edgequant sensitivity` names the layers that do it, `edgequant doctor` other causes."


def _word(variant: look.Variant) -> str:
    return md.escape(variant.get("status") or "unknown")
