"""All combinations of weight and activation bits: which recipes they are, and what came of each, as rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import BadOption
from ..store.belongings import claim
from ..store.disk import csv_text, write_bytes

FILE = "sweep.csv"

WORTH_A_SECTION = 3  # simulated static variants of a study that nobody called a sweep
TARGET = "simulation"
COLUMNS = {  # of sweep.csv -> key of a row
    "Variant": "variant",
    "Model": "model",
    "Data": "data",
    "WeightBits": "weight_bits",
    "ActBits": "activation_bits",
    "CompressionRatio": "compression_ratio",
    "WeightCompression": "weight_compression",
    "ActCompression": "activation_compression",
    "ModelSizeMB": "size_mb",
    "QuantAcc": "top1",
    "Drop": "drop",
    "Images": "n",
    "Source": "source",
}

Row = dict[str, Any]


def parse_bits(text: str, option: str, allowed: Collection[int]) -> tuple[int, ...]:
    """`8,6,4` as widths, each once, in the order given. Raises BadOption.

    >>> parse_bits("8,6,4", "--weight-bits", range(2, 9))
    (8, 6, 4)
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if not word.isdigit() or int(word) not in allowed:
            raise BadOption(f"{option} takes widths from {min(allowed)} to {max(allowed)}. Got {word!r}. Write 8,6,4.")
    if not words:
        raise BadOption(f"{option} names no width. Write {option} 8,6,4.")
    return tuple(dict.fromkeys(int(word) for word in words))


def recipes(weight_bits: Sequence[int], activation_bits: Sequence[int], all_layers: bool = False) -> tuple[str, ...]:
    """The recipe of every combination; below 8 bits the first and last layer keep 8, unless `all_layers`.

    >>> recipes((8, 4), (8,))
    ('w8a8', 'w4a8')
    """
    ending = "-all" if all_layers else ""
    return tuple(f"w{weight}a{activation}{ending}" for weight in weight_bits for activation in activation_bits)


def rows(variants: Iterable[Mapping[str, Any]]) -> list[Row]:
    """A row for each simulated `wXaY` that ran: its widths, its compression, its estimated size and its accuracy.

    Compressions are 32-bit bits over its own bits, of the model with everything counted (against the float32
    estimate), of weights with their scales, and of activation tensors; sizes are decimal megabytes.
    """
    found = [
        (variant, widths(str(variant.get("recipe") or "")))
        for variant in variants
        if variant.get("status") == "ok" and str(variant.get("target") or "").partition(":")[0] == TARGET
    ]
    return [_row(variant, bits) for variant, bits in found if bits is not None]


def widths(recipe: str) -> tuple[int, int] | None:
    """(weight bits, activation bits) of a recipe's name; None for another kind.

    >>> widths("w4a8-all"), widths("w4")
    ((4, 8), None)
    """
    match = re.match(r"w(\d+)a(\d+)(?:-|$)", recipe)
    return (int(match[1]), int(match[2])) if match else None


def record(variants: Iterable[Mapping[str, Any]], asked: bool = False) -> dict[str, Any]:
    """{"sweep": {"rows": [...]}} for results.json; empty for a study with fewer than three rows, unless `asked`."""
    found = rows(variants)
    return {"sweep": {"rows": found}} if asked or len(found) >= WORTH_A_SECTION else {}


def as_csv(found: Sequence[Mapping[str, Any]]) -> str:
    """The rows as comma-separated values, header first; a missing figure is an empty field."""
    return csv_text([[*COLUMNS], *([row.get(key) for key in COLUMNS.values()] for row in found)])


def _row(variant: Mapping[str, Any], bits: tuple[int, int]) -> Row:
    compression = variant.get("compression") or {}
    size = variant.get("bytes_estimated")
    return {
        "variant": variant.get("id"),
        "name": variant.get("name"),
        "model": variant.get("model"),
        "data": variant.get("data"),
        "weight_bits": bits[0],
        "activation_bits": bits[1],
        "compression_ratio": compression.get("model"),
        "weight_compression": compression.get("weights"),
        "activation_compression": compression.get("activations"),
        "size_mb": None if size is None else size / 1e6,
        "top1": variant.get("top1"),
        "drop": variant.get("drop"),
        "n": variant.get("n"),
        "source": "simulated",
    }


def write_csv(folder: Path, results: dict[str, Any]) -> Path:
    """`sweep.csv`: a line for each combination. Raises RunFolderError."""
    claim(folder / FILE)
    write_bytes(folder / FILE, as_csv(results["sweep"]["rows"]).encode())
    return folder / FILE
