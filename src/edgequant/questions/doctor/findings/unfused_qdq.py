"""Quantize and dequantize operators that were not fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class UnfusedQdq(AbstractFinding):
    symptom: ClassVar[str] = "int8 is slower than float32 on the same machine"
    figure: ClassVar[str] = (
        "quantize and dequantize operators in the graph that runs, but for the file's ends, where its median "
        "time is above that of float32 and their 95% intervals do not overlap"
    )
    why: ClassVar[str] = (
        "The runtime could not fuse Q/DQ pairs into integer kernels: pairs without an operator between them, "
        "or with other parameters than its pattern wants."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe w8a8 --target TARGET --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        running = evidence.running
        if running is None or not running.loose or not running.slower:
            return None
        seen = f"{running.loose} quantize and dequantize operators are left between the others; {running.times}"
        return Found(seen, (evidence.remedies.again(recipe="w8a8"),))
