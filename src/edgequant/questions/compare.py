"""Two runs side by side: what became worse beyond noise. A regression check for continuous integration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ..core.arrays import Array
from ..core.errors import BadFile, BadOption
from ..core.foreign import foreign
from ..host.guest import guest
from ..report.lookup import latency
from ..store.disk import read_results
from ..tasks.classify import unpack_hits
from ..tasks.statistics import mcnemar, paired_drop, wilson

SLOWER = 1.10  # p50 over p50: more than SAME_SPEED, for these were not timed in turns but on two days of a machine
LARGER = 1.01  # bytes over bytes: metadata may change, weights may not


@final
@dataclass(frozen=True)
class Change:
    """One variant in both runs. `verdict` is "same", "better", "worse", "gone" or "new"; `why` is one line of figures.

    `drop` is in percentage points, positive where the second run is worse, and None where there are no labels.
    """

    id: str
    verdict: str
    why: str
    drop: float | None = None
    interval: tuple[float, float] | None = None


@guest
def compare(first: Path, second: Path, seed: int = 0) -> list[Change]:
    """Every variant of either run, in the order of the first. Raises BadFile, and BadOption for runs of nothing alike.

    A loss of accuracy counts where the 95% interval of the paired drop lies above zero (the same images, answered
    twice; McNemar's exact test beside it). Where a run does not hold its answers image by image, Wilson's intervals of
    the two accuracies must not overlap. Bytes count above 1% and latency above 10%, the latter on one processor only.
    """
    with foreign(f"{first} or {second}", "the record of a run"):
        return _compared(first, second, seed)


def _compared(first: Path, second: Path, seed: int) -> list[Change]:
    old, new = _variants(first), _variants(second)
    shared = [name for name in old if name in new]
    if not shared:
        raise BadOption(f"{first} and {second} have no variant in common. Expected two runs of one study.")
    timed = _processor(first) == _processor(second)
    changes = [_change(old[name], new[name], timed, seed) if name in new else _gone(name) for name in old]
    return changes + [Change(name, "new", "only in the second run") for name in new if name not in old]


def worse(changes: list[Change]) -> bool:
    """Whether a check should fail."""
    return any(change.verdict in ("worse", "gone") for change in changes)


def _gone(name: str) -> Change:
    return Change(name, "gone", "only in the first run")


def _record(folder: Path) -> dict[str, Any]:
    if folder.is_file() and folder.suffix != ".json":
        raise BadFile(f"{folder} is no record of a run. Expected a run folder, or its results.json.")
    return read_results(folder)[1]


def _variants(folder: Path) -> dict[str, dict[str, Any]]:
    return {str(v["id"]): v for v in _record(folder)["variants"]}


def _processor(folder: Path) -> Any:
    environment = _record(folder).get("environment") or {}
    return environment.get("cpu"), environment.get("threads")


def _change(old: dict[str, Any], new: dict[str, Any], timed: bool, seed: int) -> Change:
    if old["status"] != new["status"]:
        verdict = "worse" if old["status"] == "ok" else "better" if new["status"] == "ok" else "same"
        return Change(
            old["id"], verdict, f"status {old['status']} -> {new['status']}: {new['reason'] or old['reason']}"
        )
    drop, interval, bad, good, text = _accuracy(old, new, seed)
    findings = [(bad, good, text), _gate(old, new), _ratio(old.get("bytes"), new.get("bytes"), LARGER, "bytes")]
    if timed:
        findings.append(_ratio(latency(old), latency(new), SLOWER, "ms"))
    verdict = "worse" if any(f[0] for f in findings) else "better" if any(f[1] for f in findings) else "same"
    return Change(old["id"], verdict, "; ".join(f[2] for f in findings if f[2]), drop, interval)


Finding = tuple[bool, bool, str]  # worse, better, the figures


def _accuracy(
    old: dict[str, Any], new: dict[str, Any], seed: int
) -> tuple[float | None, tuple[float, float] | None, bool, bool, str]:
    if old.get("top1") is None or new.get("top1") is None:
        return None, None, False, False, ""
    text = f"top-1 {old['top1']:.2%} -> {new['top1']:.2%}"
    before, after = unpack_hits(old.get("hits"), old["n"]), unpack_hits(new.get("hits"), new["n"])
    if before is None or after is None or len(before) != len(after):
        return _unpaired(old, new, text)
    return _paired(before, after, seed, text)


def _paired(before: Array, after: Array, seed: int, text: str) -> tuple[float, tuple[float, float], bool, bool, str]:
    drop, (low, high) = paired_drop(before, after, seed)
    figures = f"{text} (drop {drop:+.2f} points, {low:+.2f} to {high:+.2f}, p = {mcnemar(before, after):.3g})"
    return drop, (low, high), low > 0, high < 0, figures


def _unpaired(old: dict[str, Any], new: dict[str, Any], text: str) -> tuple[float, None, bool, bool, str]:
    a, b = (wilson(round(v["top1"] * v["n"]), v["n"]) for v in (old, new))
    figures = f"{text} (unpaired: the answers are not on the same images, or not in both records)"
    return 100 * (old["top1"] - new["top1"]), None, b[1] < a[0], b[0] > a[1], figures


def _gate(old: dict[str, Any], new: dict[str, Any]) -> Finding:
    before, after = (((v.get("parity") or {}).get("gate")) for v in (old, new))
    if before == after:
        return False, False, ""
    return after == "failed", before == "failed" and after == "passed", f"parity gate {before} -> {after}"


def _ratio(before: float | None, after: float | None, limit: float, unit: str) -> Finding:
    """Worse where `after` is more than `limit` times `before`."""
    if not before or not after:
        return False, False, ""
    text = f"{before:,.4g} -> {after:,.4g} {unit}" if unit == "ms" else f"{before:,.0f} -> {after:,.0f} {unit}"
    return after > limit * before, before > limit * after, text
