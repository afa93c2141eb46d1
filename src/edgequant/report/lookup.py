"""Reading results.json: keys may be missing or null, and nothing here invents what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ..store.run import Run
from . import format as fmt

Variant = Mapping[str, Any]
STAR = "★"  # marks the recommended variant in tables


def variants(run: Run) -> list[Variant]:
    """Every variant, in the order of the study."""
    return mappings(run.results.get("variants"))


def measured(run: Run) -> list[Variant]:
    """The variants that ran."""
    return [v for v in variants(run) if v.get("status") == "ok"]


def mappings(value: Any) -> list[Variant]:
    """The mappings in a list; an empty list for anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def mapping(value: Any) -> Variant:
    return value if isinstance(value, Mapping) else {}


def find(run: Run, name: Any) -> Variant | None:
    """The variant with this id."""
    return next((v for v in variants(run) if name and v.get("id") == name), None)


def max_drop(run: Run) -> float:
    """Points that may be lost."""
    limit = fmt.number(mapping(run.results.get("study")).get("max_drop"))
    return 1.0 if limit is None else limit


def recommended(run: Run) -> Variant | None:
    return find(run, run.results.get("recommended"))


def baseline(run: Run, variant: Variant) -> Variant | None:
    """The float32 variant of the same network, data and target; None for a variant that is its own."""
    base = find(run, variant.get("baseline_id"))
    return None if base is None or base.get("id") == variant.get("id") else base


def identity(variant: Variant) -> str:
    return str(variant.get("id") or variant.get("name") or "unnamed")


def starred(run: Run, variant: Variant) -> str:
    """The id, with a star before the recommended one."""
    best = recommended(run)
    return f"{STAR} {identity(variant)}" if best is not None and best is variant else identity(variant)


def file_name(variant: Variant) -> str | None:
    return PurePath(str(variant["file"])).name if variant.get("file") else None


def shipped(variant: Variant) -> str:
    """What there is to ship: the file's name, or where there is none the variant's."""
    return file_name(variant) or identity(variant)


def latency(variant: Variant, figure: str = "p50", all_threads: bool = False) -> float | None:
    """Milliseconds per image, batch 1."""
    return fmt.number(mapping(variant.get("latency_ms_all_threads" if all_threads else "latency_ms")).get(figure))


def eager_latency(variant: Variant) -> float | None:
    """p50 of the framework itself, in ms: a figure of its own, never one side of a ratio."""
    value = variant.get("eager_latency_ms")
    return fmt.number(value.get("p50") if isinstance(value, Mapping) else value)


def runtime(variant: Variant) -> str:
    return str(variant.get("target") or "unknown target")


def speed(variant: Variant, base: Variant | None) -> str:
    """`4.35× faster than`, to stand before "float32"; empty where one of the two was not timed.

    A ratio whose 95% interval holds 1 says nothing but that; so does one that has none. Records of earlier versions
    do not know the key, and are compared by their medians.
    """
    ms, reference = latency(variant), None if base is None else latency(base)
    if ms is None or reference is None:
        return ""
    if "against_float32" not in variant:
        return fmt.speed(ms, reference)
    low, high = fmt.ends(mapping(variant["against_float32"]).get("ci95"))
    if low is None or high is None:
        return "timed in too few turns to be told from"
    return "within the noise as fast as" if low <= 1 <= high else fmt.speed(ms, reference)


def simulated(variant: Variant) -> bool:
    """Whether it was only computed, and has no file."""
    return variant.get("bytes") is None and variant.get("bytes_estimated") is not None


def download(variant: Variant, compressor: str) -> float | None:
    """Bytes on the way to a device, by `gzip` or `zstd`: never the file's own size."""
    return fmt.number(mapping(variant.get("bytes_compressed")).get(compressor))


def arena(variant: Variant) -> float | None:
    """Bytes of memory that a microcontroller's runtime plans for it."""
    return fmt.number(mapping(variant.get("arena_bytes")).get("total"))


def several(run: Run, key: str) -> bool:
    """Whether the variants differ in this key."""
    return len({str(v.get(key)) for v in variants(run)}) > 1


def delegated(variant: Variant) -> str:
    """`12 / 14` operators"""
    counts = kernels(variant)
    return fmt.ABSENT if counts is None else f"{counts[0]} / {counts[1]}"


def kernels(variant: Variant) -> tuple[int, int] | None:
    """(delegated, total) operators of the file."""
    counts = mapping(variant.get("kernels"))
    delegated, total = fmt.number(counts.get("delegated")), fmt.number(counts.get("total"))
    return None if delegated is None or total is None else (int(delegated), int(total))


def size_ratio(run: Run, variant: Variant) -> float | None:
    """As recorded; absent for the float32 that is its own baseline."""
    return fmt.number(variant.get("size_ratio")) if baseline(run, variant) is not None else None
