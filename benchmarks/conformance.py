"""What the conformance scripts and their random cases share: draws, and what is counted and printed of verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

KINDS = ("right", "refused", "wrong", "crashed")
Verdicts = list[tuple[str, str, str]]  # name, kind, why


@dataclass
class Draws:
    rng: np.random.Generator

    def any(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def chance(self, p: float = 0.5) -> bool:
        return bool(self.rng.random() < p)

    def int(self, low: int, high: int) -> int:
        """Both ends included."""
        return int(self.rng.integers(low, high + 1))


def tally(verdicts: Verdicts, reason: Callable[[str], str], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """How many of each kind, one in `optional` only where it is found. `reason` shortens a refusal."""
    found = Counter(kind for _, kind, _ in verdicts)
    reasons = Counter(reason(why) for _, kind, why in verdicts if kind == "refused")
    failed = [f"{name}: {why}" for name, kind, why in verdicts if kind in ("wrong", "crashed")]
    counts = {kind: found[kind] for kind in KINDS if found[kind] or kind not in optional}
    return {"tried": len(verdicts), **counts, "refused_by": dict(reasons.most_common()), "failed": failed}


def shown(title: str, found: dict[str, Any]) -> None:
    print(f"\n{title}: {', '.join(f'{found[k]:,} {k}' for k in ('tried', *KINDS) if k in found)}")
    for why, count in found["refused_by"].items():
        print(f"  {count:5} refused: {why}")
    for line in found["failed"]:
        print(f"  FAILED {line}")
