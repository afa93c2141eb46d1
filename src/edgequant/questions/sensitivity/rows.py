"""Answers about layers as rows: what is known of each before anybody asks, marks, and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...store.disk import csv_text
from ..layers import Subject
from .asked import AskedSensitivity

Row = dict[str, Any]
COLUMNS = (
    "network", "data", "layer", "op", "kind", "weight_bits", "activation_bits", "parameters", "drop", "drop_low",
    "drop_high", "kl", "sqnr_db", "images", "mark",
)  # fmt: skip
SENSITIVE = "SENSITIVE"  # the interval shows it
UNSURE = "may be sensitive"  # the figure says it, the interval does not
FEWEST = 2  # images lost: one alone may be chance, however few were looked at


def blank(asked: AskedSensitivity, about: Subject, bits: int, kind: str = "alone") -> dict[str, Row]:
    """Step -> the row of its layer at these weight bits, without figures. `kind`: quantized "alone", or "spared"."""
    network, layers = about.captured.network, about.captured.program.layers
    return {
        step.name: {
            "layer": step.layer,
            "op": "depthwise" if step.attrs.get("depthwise") else step.kind,
            "kind": kind,
            "weight_bits": bits,
            "activation_bits": asked.activation_bits,
            "parameters": network.layer(step.layer).weight.numel(),
            "drop": None,
            "drop_ci95": None,
            "kl": None,
            "sqnr_db": None,
            "images": len(about.images),
            "mark": "",
        }
        for step in layers
    }


def mark(row: Row, threshold: float) -> str:
    """By the figure, and by the lower end of its paired interval. A layer that was not judged has none."""
    if row["drop"] is None or row["drop"] <= 0 or row["drop"] < limit(threshold, row["images"]):
        return ""
    return SENSITIVE if row["drop_ci95"][0] >= threshold and row["drop_ci95"][0] > 0 else UNSURE


def limit(threshold: float, images: int) -> float:
    """Points from which a layer is marked: the threshold, and two images at least."""
    return max(threshold, 100 * FEWEST / images - 1e-9)  # a drop of just two images may be a little less in floats


def top(name: str, first: Sequence[str]) -> str:
    """The mark where layers are ranked, not judged."""
    return f"top {len(first)}" if name in first else ""


def alone(found: Sequence[Row], bits: int) -> list[Row]:
    """The rows of layers that are quantized alone, at these weight bits."""
    return [row for row in found if row["kind"] == "alone" and row["weight_bits"] == bits]


def worst_first(found: Sequence[Row]) -> list[Row]:
    """By what they lose; of equal ones by their divergence."""
    return sorted(found, key=lambda row: (-(row["drop"] or 0.0), -row["kl"]))


def csv(records: Sequence[Mapping[str, Any]]) -> str:
    """A line for each row of each network, header first; a missing figure is an empty field."""
    lines: list[Sequence[Any]] = [COLUMNS]
    for record in records:
        for row in record["rows"]:
            low, high = row["drop_ci95"] or (None, None)
            full = row | {"network": record["network"], "data": record["data"], "drop_low": low, "drop_high": high}
            lines.append([full[column] for column in COLUMNS])
    return csv_text(lines)
