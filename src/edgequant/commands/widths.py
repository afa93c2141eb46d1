"""`sweep`, `sensitivity`, `search`: which bits, for the whole network and layer by layer."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated

import typer

from .options import Drawn, Fresh, Images, OfData, Pixels, Quick, Source, Target, Where
from .terminal import progress


def sweep(
    source: Source,
    *,
    data: OfData = "",
    weight_bits: Annotated[str, typer.Option("--weight-bits", help="Of weights, 2 to 8.")] = "8,6,4",
    activation_bits: Annotated[str, typer.Option("--activation-bits", help="Of activations, 2 to 16.")] = "8,6,4",
    drawn: Drawn,
    pixels: Pixels,
    all_layers: Annotated[bool, typer.Option("--all-layers", help="Spare no layer: the first and last too.")] = False,
    where: Where,
    fresh: Fresh = False,
    quick: Quick = 0,
) -> None:
    """Every combination of weight and activation bits, simulated: accuracy against compression."""
    from .. import api
    from ..console.runs import show_sweep
    from ..study.results import exit_status

    asked = api.Asked(
        source, weight_bits, activation_bits, data=data, all_layers=all_layers, quick=quick,
        pixels=pixels.stated, **asdict(drawn),
    )  # fmt: skip
    with progress() as bars:
        finished = api.sweep(asked, where.out, overrides=where.overrides, fresh=fresh, progress=bars)
    show_sweep(finished)
    raise typer.Exit(exit_status(finished.results))


def sensitivity(
    source: Source,
    *,
    mode: Annotated[
        str, typer.Option("--mode", help="exact; screened (the ten worst, sooner); fast (predicted, soonest).")
    ] = "exact",
    bits: Annotated[str, typer.Option("--bits", help="Of weights, 2 to 8.")] = "8,4",
    activation_bits: Annotated[int, typer.Option("--activation-bits", help="Of activations, 2 to 16.")] = 8,
    images: Images = 512,
    threshold: Annotated[float, typer.Option("--threshold", help="Points lost that make a layer SENSITIVE.")] = 0.5,
    data: OfData = "",
    drawn: Drawn,
    pixels: Pixels,
    where: Where,
    fresh: Fresh = False,
) -> None:
    """Which layers hurt when they are quantized, and what to keep wider: a table, a chart, an overlay. Simulated."""
    from .. import api
    from ..console.layers import show_sensitivity

    asked = api.AskedSensitivity(
        source, bits, activation_bits, mode, images, threshold, data=data, pixels=pixels.stated, **asdict(drawn)
    )
    with progress() as bars:
        finished = api.sensitivity(asked, where.out, overrides=where.overrides, fresh=fresh, progress=bars)
    show_sensitivity(finished)


def search(
    source: Source,
    *,
    target: Target = "litert",
    schemes: Annotated[
        str, typer.Option("--schemes", help="What a layer may have; budgets refer to the first everywhere.")
    ] = "w8a8,w4a8",
    max_bytes: Annotated[str, typer.Option("--max-bytes", help="Of the file: a number, or 75%.")] = "",
    max_ms: Annotated[str, typer.Option("--max-ms", help="Milliseconds an image, one thread: a number, or 100%.")] = "",
    max_drop: Annotated[
        float | None, typer.Option("--max-drop", help="Points below the first scheme. Default: 0.5 without a budget.")
    ] = None,
    sensitivity: Annotated[
        str, typer.Option("--sensitivity", metavar="DIR", help="Scores of a finished `edgequant sensitivity`.")
    ] = "",
    images: Images = 512,
    name: Annotated[str, typer.Option("--name", help="Of the recipe file.")] = "mixed",
    data: OfData = "",
    drawn: Drawn,
    pixels: Pixels,
    where: Where,
    fresh: Fresh = False,
) -> None:
    """Mixed precision: the scheme of each layer under a budget, from measured costs. Writes a recipe file."""
    from .. import api
    from ..console.layers import show_search

    drop = math.nan if max_drop is None else max_drop
    asked = api.AskedSearch(
        source, target, schemes, max_bytes, max_ms, drop, sensitivity, images, name, data=data,
        pixels=pixels.stated, **asdict(drawn),
    )  # fmt: skip
    with progress() as bars:
        finished = api.search(asked, where.out, overrides=where.overrides, fresh=fresh, progress=bars)
    show_search(finished)
