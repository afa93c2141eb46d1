"""The same files on several devices: their time there, and whether they answer as they do here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

HEADER = (
    *("Variant", "Device", "Processor", "p50", "p90", "p99", "Peak memory", "Kernels delegated"),
    *("Top-1 (%)", "Images", "Same top-1 as here (%)", "Furthest integers"),
)


@final
@dataclass(frozen=True)
class Devices(AbstractSection):
    title: ClassVar[str] = "Devices"

    def text(self, run: Run) -> str:
        found = list(_measured(run))
        if not found:
            return ""
        head = (
            "Every device measures by the same protocol: files in turns, warm-up, the input already in place. Accuracy"
            " is that of a subset, and its answers are compared with this machine's on the same images."
        )
        failed = {str(one.get("device")): str(one.get("reason")) for _, one in found if one.get("status") != "ok"}
        lines = [f"- {md.code(device)} was not measured: {md.sentence(reason)}" for device, reason in failed.items()]
        return head + ("\n\n" + "\n".join(lines) if lines else "")

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        found = [(variant, one) for variant, one in _measured(run) if one.get("status") == "ok"]
        return [HEADER, *(_row(run, variant, one) for variant, one in found)] if found else []


def _measured(run: Run) -> Iterator[tuple[look.Variant, dict[str, Any]]]:
    for variant in look.variants(run):
        for one in look.mappings(variant.get("devices")):
            yield variant, dict(one)


def _row(run: Run, variant: look.Variant, record: dict[str, Any]) -> tuple[str, ...]:
    ms, against = look.mapping(record.get("latency_ms")), look.mapping(record.get("against_local"))
    apart = against.get("max_lsb")
    return (
        look.starred(run, variant),
        md.code(record.get("device")),
        fmt.plain(look.mapping(record.get("machine")).get("cpu")),
        *(fmt.milliseconds(ms.get(figure)) for figure in ("p50", "p90", "p99")),
        fmt.size_short(record.get("peak_memory_bytes")),
        look.delegated(record),
        fmt.percent(record.get("top1")),
        fmt.count(record.get("n")),
        fmt.percent(against.get("top1_agreement")),
        fmt.ABSENT if apart is None else f"{apart} steps",
    )
