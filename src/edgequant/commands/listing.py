"""`list`: everything that has a name."""

from __future__ import annotations

from typing import Annotated

import typer

from ..catalog import KINDS
from ..core.errors import UnknownName
from ..core.registry import unknown

RECIPES = {
    "float32": "the baseline",
    "float16": "half-size weights, float arithmetic",
    "dynamic-w8": "8-bit weights, activations quantized on the fly",
    "w8": "8-bit weights, float arithmetic",
    "w8a8": "full integer: 8-bit weights, activations, input and output",
    "w8a8-conv-dense": "w8a8 for convolutions and dense layers; the rest stays float",
    "w8a16": "8-bit weights, 16-bit activations",
    "w4": "4-bit weights, float arithmetic",
    "w4a8": "packed 4-bit weights, 8-bit activations (first and last layer 8-bit)",
    "w4a8-pointwise": "w4a8, with 8-bit depthwise kernels: as small, and fast where 4-bit depthwise is slow",
    "wXaY[-all]": "any X in 2..8 and Y in 2..16, simulated where the target has no kernel; +adaround … refines",
}


def list_(
    kind: Annotated[
        str, typer.Argument(help="data, models, calibrators, refiners, targets, findings, recipes, studies, ops …")
    ] = "",
) -> None:
    """Everything in the catalog, one line each. `ops` is the op table: what stands where for each operation."""
    if kind == "ops":
        from ..graph.ops.table import matrix

        typer.echo(matrix())
        return
    tables: dict[str, dict[str, str]] = {k: {n: r.summary(n) for n in r} for k, r in KINDS.items()}
    tables |= {"recipes": RECIPES, "studies": _studies()}
    if kind and kind not in tables:
        raise UnknownName(unknown("kind", kind, (*tables, "ops")))
    for title, entries in tables.items():
        if kind in ("", title):
            typer.echo(title)
            for name, text in entries.items():
                typer.echo(f"  {name:22s} {text}")


def _studies() -> dict[str, str]:
    import tomllib
    from importlib import resources

    found = {}
    for entry in sorted(resources.files("edgequant.studies").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            found[entry.name.removesuffix(".toml")] = str(tomllib.loads(entry.read_text())["title"])
    return found
