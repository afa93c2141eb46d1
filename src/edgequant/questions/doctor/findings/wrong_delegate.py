"""The fast kernels do not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ..evidence import Evidence, Speed
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class WrongDelegate(AbstractFinding):
    symptom: ClassVar[str] = "int8 is slower than float32 on the same machine"
    figure: ClassVar[str] = (
        "operators that the delegate took, as the file is opened and as it is by default; the medians of both "
        "runs, whose 95% intervals must not overlap"
    )
    why: ClassVar[str] = (
        "The runtime runs the file without its fast integer kernels: the delegate is off, or it refuses the "
        "operators (16-bit activations, 4-bit convolutions)."
    )
    fix: ClassVar[str] = "edgequant doctor MODEL FILE --data DATA --target litert, or make the file again as w8a8"

    def look(self, evidence: Evidence) -> Found | None:
        running = evidence.running
        if running is None:
            return None
        if running.delegated < running.delegated_usually and _slower(running.file, running.file_usually):
            seen = (
                f"opened as {running.target}, {running.delegated} of {running.total} operators run in the delegate; as"
                f" {running.usual}, {running.delegated_usually}; {_times(running.file, running.file_usually)}"
            )
            return Found(seen, (f"open the file as {running.usual}: --target {running.usual}",))
        if not running.builtin or not running.slower:
            return None
        kinds = ", ".join(dict.fromkeys(running.builtin))
        seen = f"the delegate refuses {len(running.builtin)} of {running.total} operators ({kinds}); {running.times}"
        return Found(seen, (evidence.remedies.again(recipe="w8a8"),))


def _slower(one: Speed | None, other: Speed | None) -> bool:
    return one is not None and other is not None and one.low > other.high


def _times(one: Speed | None, other: Speed | None) -> str:
    return "" if one is None or other is None else f"{one.p50:.3g} ms an image against {other.p50:.3g} ms"
