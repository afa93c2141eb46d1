"""Answers about layers as rows: figures, intervals, marks; and the recommendation in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ...core.arrays import Array
from ...graph.program import Step
from ...quantization.reference import Reference
from ...search import divergence
from ...search.engine import Answers
from ...search.screen import Screened, ranking
from ...tasks.statistics import paired_drop
from ..layers import Subject
from .asked import Asked

Row = dict[str, Any]
COLUMNS = (
    "network", "data", "layer", "op", "kind", "weight_bits", "activation_bits", "parameters", "drop", "drop_low",
    "drop_high", "kl", "sqnr_db", "images", "mark",
)  # fmt: skip
SENSITIVE = "SENSITIVE"  # the interval shows it
UNSURE = "may be sensitive"  # the figure says it, the interval does not
FEWEST = 2  # images lost: one alone may be chance, however few were looked at


def alone(asked: Asked, about: Subject, references: Mapping[int, Reference], answered: Answers) -> list[Row]:
    """Each layer quantized, the rest in float; against the float network."""
    found, least = [], limit(asked.threshold, len(about.images))
    for bits in references:
        for step in about.network.captured.program.layers:
            scores = answered.scores[f"{bits}:{step.name}"]
            row = _row(asked, about, step, bits, "alone") | _compared(about, answered.base, answered.base, scores)
            found.append(row | {"mark": _mark(row, asked.threshold, least)})
    return found


def _mark(row: Row, threshold: float, least: float) -> str:
    """By the figure, and by the lower end of its paired interval."""
    if _lost(row) < least:
        return ""
    return SENSITIVE if row["drop_ci95"][0] >= threshold and row["drop_ci95"][0] > 0 else UNSURE


def limit(threshold: float, images: int) -> float:
    """Points from which a layer is marked: the threshold, and two images at least."""
    return max(threshold, 100 * FEWEST / images - 1e-9)


def _lost(row: Row) -> float:
    """Points; a layer that lost nothing, or was not judged, is below any threshold."""
    return row["drop"] if row["drop"] is not None and row["drop"] > 0 else -1.0


def spared(asked: Asked, about: Subject, bits: int, base: torch.Tensor, answered: Answers) -> list[Row]:
    """Each layer left in float, the rest quantized. `drop` is against all quantized (negative: sparing it helps);
    `kl` from the float network, and `kl_saved` by how much that is less than with all quantized."""
    every = _kl(about, base, answered.base)
    found = []
    for step in about.network.captured.program.layers:
        row = _row(asked, about, step, bits, "spared")
        row |= _compared(about, base, answered.base, answered.scores[step.name])
        found.append(row | {"kl_saved": float(every.mean()) - row["kl"]})
    return found


def screened(asked: Asked, about: Subject, bits: int, result: Screened) -> list[Row]:
    """No accuracy: most layers saw too few images for one."""
    steps = {step.name: step for step in about.network.captured.program.layers}
    found = []
    for name in ranking(result.kl):
        row = _row(asked, about, steps[name], bits, "alone") | {"kl": float(result.kl[name].mean())}
        found.append(row | {"images": len(result.kl[name]), "mark": _top(name in result.top, result.top)})
    return found


def fast(asked: Asked, about: Subject, scores: Mapping[str, Mapping[str, float]], top: int, images: int) -> list[Row]:
    """The predicted divergence alone."""
    found = []
    for bits, one in scores.items():
        first = sorted(one, key=lambda name: -one[name])[:top]
        for step in about.network.captured.program.layers:
            row = _row(asked, about, step, int(bits), "alone") | {"kl": one[step.name]}
            found.append(row | {"images": images, "mark": _top(step.name in first, first)})
    return found


def _top(inside: bool, top: Sequence[str]) -> str:
    return f"top {len(top)}" if inside else ""


def _row(asked: Asked, about: Subject, step: Step, bits: int, kind: str) -> Row:
    layer = about.network.captured.network.layer(step.layer)
    return {
        "layer": step.layer,
        "op": "depthwise" if step.attrs.get("depthwise") else step.kind,
        "kind": kind,
        "weight_bits": bits,
        "activation_bits": asked.activation_bits,
        "parameters": layer.weight.numel(),
        "drop": None,
        "drop_ci95": None,
        "kl": None,
        "sqnr_db": None,
        "images": len(about.images),
        "mark": "",
    }


def _compared(about: Subject, truth: torch.Tensor, base: torch.Tensor, scores: torch.Tensor) -> Row:
    """`kl` and `sqnr_db` from `truth`; the drop in points, paired, from `base`."""
    found: Row = {"kl": float(_kl(about, truth, scores).mean()), "sqnr_db": divergence.sqnr_db(truth, scores)}
    if about.labels is not None:
        drop, interval = _drop(about, base, scores)
        found |= {"drop": drop, "drop_ci95": list(interval)}
    return found


def figures(about: Subject, truth: torch.Tensor, scores: torch.Tensor) -> Row:
    """`kl`, `sqnr_db`, `top1`, and the drop from `truth` with its interval; None without labels."""
    top1 = None if about.labels is None else float(divergence.hits(scores, about.labels).mean())
    return {"drop": None, "drop_ci95": None, "top1": top1} | _compared(about, truth, truth, scores)


def _kl(about: Subject, base: torch.Tensor, scores: torch.Tensor) -> Array:
    program = about.network.captured.program
    return divergence.kl(divergence.log_probabilities(base, program), divergence.log_probabilities(scores, program))


def _drop(about: Subject, base: torch.Tensor, scores: torch.Tensor) -> tuple[float, tuple[float, float]]:
    assert about.labels is not None
    return paired_drop(divergence.hits(base, about.labels), divergence.hits(scores, about.labels), seed=0)


def keep_wider(found: Sequence[Row], bits: int, mark: str = "") -> list[str]:
    """The layers at this width that are, or may be, sensitive, worst first: keeping one too many costs bytes
    only. `mark`: of these, the ones so marked."""
    marked = [row for row in found if row["weight_bits"] == bits and row["kind"] == "alone" and row["mark"]]
    marked = [row for row in marked if mark in ("", row["mark"])]
    return [row["layer"] for row in sorted(marked, key=lambda row: (-(row["drop"] or 0.0), -row["kl"]))]


def advice(
    about: Subject,
    narrow: Reference,
    wide: str,
    kept: Sequence[str],
    tried: Mapping[str, torch.Tensor],
    unsure: Sequence[str] = (),
) -> dict[str, Any]:
    """What to keep wider (in `wide`), of that what only may be sensitive, and what it gives: simulated on the same
    images."""
    kl = {name: float(_kl(about, tried["float"], tried[name]).mean()) for name in ("narrow", "mixed")}
    found: dict[str, Any] = {"keep_wider": list(kept), "unsure": list(unsure), "wider": wide, "kl": kl}
    found["recipe"] = narrow.recipe
    if about.labels is not None:
        top1 = {name: float(divergence.hits(s, about.labels).mean()) for name, s in tried.items()}
        drop, interval = _drop(about, tried["float"], tried["mixed"])
        found |= {"top1": top1, "drop": drop, "drop_ci95": list(interval)}
    return found | {"text": _words(found, len(about.images))}


def _words(found: Mapping[str, Any], images: int) -> str:
    kept, recipe = found["keep_wider"], found["recipe"]
    first = (
        f"Keep {len(kept)} layer{'s' * (len(kept) > 1)} {found['wider']} and the rest at {recipe}: {', '.join(kept)}."
        if kept
        else f"No layer stands out alone: {recipe} everywhere."
    )
    first += _sureness(kept, found["unsure"], images)
    if "top1" not in found:
        return f"{first} The images have no labels, so no accuracy is expected."
    top1, (low, high) = found["top1"], found["drop_ci95"]
    return (
        f"{first} Expected accuracy {top1['mixed']:.2%}, {found['drop']:.2f} points below float (95%: {low:.2f} to"
        f" {high:.2f}); without keeping any, {top1['narrow']:.2%}. Simulated on {images} validation images."
    )


def _sureness(kept: Sequence[str], unsure: Sequence[str], images: int) -> str:
    """How far the intervals bear the choice out."""
    if not unsure:
        return ""
    who = "None of them is" if len(unsure) == len(kept) else f"{len(kept) - len(unsure)} of them are"
    if len(kept) == 1:
        who = "It is not"
    return (
        f" {who} shown to be sensitive by the 95% interval on {images} images; {', '.join(unsure)} may be: try more"
        " --images."
    )


def csv(records: Sequence[Mapping[str, Any]]) -> str:
    """A line for each row of each network, header first; a missing figure is an empty field."""
    lines = [",".join(COLUMNS)]
    for record in records:
        for row in record["rows"]:
            low, high = row["drop_ci95"] or (None, None)
            full = row | {"network": record["network"], "data": record["data"], "drop_low": low, "drop_high": high}
            lines.append(",".join(_cell(full[column]) for column in COLUMNS))
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text
