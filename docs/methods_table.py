"""Writes the table of methods.md from benchmarks/results: `python docs/methods_table.py`. A test compares."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "methods.md"
BEGIN, END = "<!-- methods: begin -->", "<!-- methods: end -->"
UNMEASURED = "not measured"
FLOATS = "float-methods-mobilenetv2-cifar10.json"
HEAD = ("Method", "Recipe", "Smaller", "Faster", "Top-1", "Points lost (95%)", "Calibration needed", "Best for")


class Method(NamedTuple):
    """A row. `recipe` is what one types; the variant's name is the same with hyphens, unless `name` says it."""

    title: str
    recipe: str
    calibration: str
    best_for: str
    file: str = "mobilenetv2-cifar10.json"  # the results of which run
    name: str = ""


METHODS = (
    Method("float", "float32", "none", "the baseline"),
    Method("half floats", "float16", "none", "half the download, float arithmetic", FLOATS),
    Method("integer weights", "w8", "none", "a small download, float arithmetic", FLOATS),
    Method("dynamic", "dynamic-w8", "none", "no calibration images at hand", FLOATS),
    Method("full integer", "w8a8", "100 to 1,000 images", "the first thing to try; every integer accelerator"),
    Method("16-bit activations", "w8a16", "100 to 1,000 images", "networks that int8 activations hurt"),
    Method("4-bit weights", "w4a8", "100 to 1,000 images", "flash is short, time is not"),
    Method("4-bit, 8-bit depthwise", "w4a8-pointwise", "100 to 1,000 images", "depthwise networks at 4 bits"),
    Method("4-bit, learned rounding", "w4a8+adaround", "500 images, minutes", "4 bits without training"),
    Method(
        "QAT with a teacher",
        "w8a8+qat+distill",
        "training images, minutes to hours",
        "calibration alone loses too much",
    ),
    Method(
        "QAT at 4 bits", "w4a8+adaround+qat+distill", "training images, minutes to hours", "4 bits, nothing to lose"
    ),
    Method(
        "mixed precision",
        "mixed.toml",
        "100 to 1,000 images; 320 validation images for the choice",
        "a size limit that w8a8 just misses",
        "mixed-kept-weights.json",
        "mixed-mobilenetv2-cifar10",
    ),
    Method(
        "pruning, 4 bits, QAT",
        "w4a8-pointwise+prune+qat+distill",
        "training images, an hour and more",
        "the smallest file",
        "smallest-mobilenetv2-cifar10.json",
    ),
)


def table() -> str:
    """The whole table, in markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *map(_row, METHODS)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(method: Method) -> tuple[str, ...]:
    found, learned = variant(method.name or method.recipe, method.file), trained(method.recipe)
    whole = variant("float32", method.file)
    figures = _means(learned) if learned else _figures(found, whole) if found else (UNMEASURED,) * 4
    return (method.title, f"`{method.recipe}`", *figures, method.calibration, method.best_for)


def variant(recipe: str, file: str) -> dict[str, Any] | None:
    """MobileNetV2's in LiteRT, with the first calibration of a run; the more accurate on validation, where several
    have the name. None where the results do not hold it."""
    record = json.loads((RESULTS / file).read_text(encoding="utf-8"))
    wanted = ("mobilenet_v2", "cifar10", "litert", recipe.replace("+", "-"), "ok")
    keys = ("model", "data", "target", "name", "status")
    found = [v for v in record["variants"] if tuple(v[key] for key in keys) == wanted]
    return max(found, key=lambda v: v["validation_top1"], default=None)


def trained(recipe: str) -> dict[str, Any] | None:
    """The same network trained with rounding, several seeds; None where the results do not hold it."""
    record = json.loads((RESULTS / "qat-mobilenetv2-cifar10.json").read_text(encoding="utf-8"))
    plain = {re.sub(r":[^+]*", "", found["recipe"]): found for found in record["recipes"]}
    return plain.get(recipe) if "+qat" in recipe else None


def _means(found: dict[str, Any]) -> tuple[str, ...]:
    """Of the seeds, with Student's interval of the mean. The graph is that of the recipe without training: as fast."""
    low, high = found["drop"]["ci95"]
    lost = f"{found['drop']['mean']:.2f} ({low:.2f} to {high:.2f}), mean of {len(found['seeds'])} seeds"
    size = f"{found['seeds'][0]['size_ratio']:.2f}x"
    return size, "as without training", f"{found['top1']['mean']:.2%}", lost


def _figures(one: dict[str, Any], float32: dict[str, Any] | None) -> tuple[str, ...]:
    assert float32 is not None
    faster = float32["latency_ms"]["p50"] / one["latency_ms"]["p50"]
    low, high = one["drop_ci95"]
    lost = "" if one["recipe"] == "float32" else f"{one['drop']:.2f} ({low:.2f} to {high:.2f})"
    return f"{one['size_ratio']:.2f}x", f"{faster:.2f}x", f"{one['top1']:.2%}", lost


def split(page: str) -> tuple[str, str, str]:
    """What stands before, in and after the table."""
    before, _, rest = page.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside.strip(), after


if __name__ == "__main__":
    before, _, after = split(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")
