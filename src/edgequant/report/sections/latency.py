"""Time, memory, and which kernels ran; in words where quantizing made a file slower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import load
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

if TYPE_CHECKING:
    import altair

HEADER = (
    *("Variant", "Target", "Device", "p50", "p90", "p99", "Mean", "Runs", "Threads"),
    *("p50, all threads", "Threads (all)", "Peak memory", "Kernels delegated"),
)


@final
@dataclass(frozen=True)
class Latency(AbstractSection):
    title: ClassVar[str] = "Latency, memory and kernels"

    def text(self, run: Run) -> str:
        timed = [v for v in look.measured(run) if look.latency(v) is not None]
        if not timed:
            return "No variant was timed."
        slower = [line for line in (_slower(run, v) for v in timed) if line]
        head = "Batch 1, the input already in place. A file is compared with float32 in the same runtime only."
        head = " ".join(part for part in (load.busy(run) or load.conditions(run), head) if part)
        if not slower:
            return f"{head} No quantized file was found to be slower than its float32."
        return f"{head} Quantizing made these slower:\n\n" + "\n".join(slower)

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        timed = [v for v in look.measured(run) if look.latency(v) is not None]
        if not any(look.arena(v) is not None for v in timed):
            return [HEADER, *(_row(run, v) for v in timed)] if timed else []
        return [(*HEADER, "Arena"), *((*_row(run, v), fmt.size(look.arena(v))) for v in timed)]

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:
        rows = [_bar(run, v) for v in look.measured(run) if (look.latency(v) or 0) > 0]
        if not rows:
            return {}
        from ..charts.charts import latencies

        return {"latency_chart": latencies(rows, "Latency of every file")}


def _row(run: Run, variant: look.Variant) -> tuple[str, ...]:
    one, all_threads = (look.mapping(variant.get(key)) for key in ("latency_ms", "latency_ms_all_threads"))
    return (
        look.starred(run, variant),
        look.runtime(variant),
        fmt.plain(variant.get("device")),
        *(fmt.milliseconds(one.get(figure)) for figure in ("p50", "p90", "p99", "mean")),
        fmt.count(one.get("runs")),
        fmt.count(one.get("threads")),
        fmt.milliseconds(all_threads.get("p50")),
        fmt.count(all_threads.get("threads")),
        fmt.size_short(variant.get("peak_memory_bytes")),
        look.delegated(variant),
    )


def _slower(run: Run, variant: look.Variant) -> str:
    """The bullet for a file that is slower than its float32; empty for any other."""
    base, ms = look.baseline(run, variant), look.latency(variant)
    reference = None if base is None else look.latency(base)
    if base is None or ms is None or reference is None:
        return ""
    words = look.speed(variant, base)
    if "slower" not in words:
        return ""
    figures = f"{fmt.milliseconds(ms)} against {fmt.milliseconds(reference)}"
    who = f"{md.code(look.identity(variant))} is {words} float32 in {md.code(look.runtime(variant))}"
    return f"- {who} ({figures}). {_cause(variant, base)}"


def _cause(variant: look.Variant, base: look.Variant) -> str:
    """What the kernel counts say, and no more than that."""
    own, floats = look.kernels(variant), look.kernels(base)
    if own is None:
        return "Which kernels ran was not recorded."
    outside, total = own[1] - own[0], own[1]
    before = "" if floats is None else f" (float32: {floats[1] - floats[0]} of {floats[1]})"
    if outside > (0 if floats is None else floats[1] - floats[0]):
        return f"{outside} of its {total} operators were not delegated{before}: no fast kernel took them.{_by(variant)}"
    return f"{outside} of its {total} operators were not delegated{before}, so the kernels themselves take longer here."


def _by(variant: look.Variant) -> str:
    by = look.mapping(look.mapping(variant.get("kernels")).get("by"))
    counts = sorted(((fmt.number(n) or 0, str(name)) for name, n in by.items()), key=lambda item: (-item[0], item[1]))
    shown = ", ".join(f"{n:.0f} {md.code(name)}" for n, name in counts[:5])
    return f" Where its operators ran: {shown}." if shown else ""


def _bar(run: Run, variant: look.Variant) -> dict[str, Any]:
    p50, p90, p99 = (look.latency(variant, figure) for figure in ("p50", "p90", "p99"))
    place = look.runtime(variant)
    return {
        "id": look.identity(variant),
        "recommended": variant is look.recommended(run),
        "group": f"{place}, {md.line(variant.get('device'))}" if look.several(run, "device") else place,
        "p50": p50,
        "p99": p50 if p99 is None else p99,
        "short": fmt.milliseconds(p50),
        "text": ", ".join(fmt.milliseconds(value) for value in (p50, p90, p99)),
    }
