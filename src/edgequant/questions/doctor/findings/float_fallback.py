"""Layers of an integer file that compute in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class FloatFallback(AbstractFinding):
    symptom: ClassVar[str] = "int8 is slower than float32 on the same machine"
    figure: ClassVar[str] = (
        "operators of an integer file whose kernels are float ones, where the file's median time is above "
        "that of float32 and their 95% intervals do not overlap"
    )
    why: ClassVar[str] = (
        "Some operators fell back to float. Each costs a dequantize before it and a quantize behind it, on "
        "top of the float time."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe w8a8 --target TARGET --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        running = evidence.running
        if running is None or not running.floats or not running.slower:
            return None
        kinds = ", ".join(dict.fromkeys(running.floats))
        seen = f"{len(running.floats)} operators compute in float inside an integer file ({kinds}); {running.times}"
        return Found(seen, (evidence.remedies.again(recipe="w8a8"),))
