"""`run`, `train`, `quantize`, `advise`: what makes files and measures them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import Data, Fresh, Mlflow, Pixels, Quick, Target, Weights, Where, Workers
from .terminal import finish, progress


def run(
    study: Annotated[str, typer.Argument(help="A shipped study's name, or a .toml file.")] = "digits",
    *,
    where: Where,
    fresh: Fresh = False,
    quick: Quick = 0,
    workers: Workers = 0,
    mlflow: Mlflow = "",
) -> None:
    """Run a study: quantize, lower, measure in the runtime, report. Resumes by default."""
    from .. import api
    from ..report import tracking

    if mlflow:
        tracking.client(mlflow)  # a missing package is told before hours of work, not behind them
    asked = {"quick": quick, "workers": workers}
    overrides = [*where.overrides, *(f"{name}={value}" for name, value in asked.items() if value)]
    with progress() as bars:
        finished = api.run(study, where.out, overrides=overrides, fresh=fresh, progress=bars)
    if mlflow:
        tracking.log(finished, mlflow)
    finish(finished)


def train(
    study: Annotated[str, typer.Argument(help="A study with a [network.train] table.")],
    *,
    where: Where,
) -> None:
    """Train only the float networks of a study, resuming where it stopped."""
    from .. import api

    with progress() as bars:
        for line in api.train(study, where.out, where.overrides, bars):
            bars.say(line)


def quantize(
    model: Annotated[str, typer.Argument(help="A model's name (edgequant list models) or path/to/file.py:factory.")],
    data: Data,
    *,
    recipe: Annotated[
        str, typer.Option("--recipe", help="w8a8, w4a8+adaround, dynamic-w8 … (edgequant list recipes), or a .toml.")
    ] = "w8a8",
    target: Target = "litert",
    out: Annotated[Path, typer.Option("--out", help="The run folder.")] = Path("runs/quantize"),
    weights: Weights = "",
    pixels: Pixels,
    calibrate: Annotated[
        str, typer.Option("--calibrate", help="The range method: minmax, percentile:q=99.9, mse, entropy …")
    ] = "minmax",
    samples: Annotated[
        int | None,
        typer.Option("--samples", help="Calibration images, drawn class-balanced from train. Default: 500, or all."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the calibration draw.")] = 0,
    allow_few: Annotated[
        bool, typer.Option("--allow-few", help="Accept fewer than 100 calibration images, marked.")
    ] = False,
    input_: Annotated[
        str, typer.Option("--input", help="Of the file: uint8 or int8 (raw pixels), float32 (normalised ones).")
    ] = "",
    output: Annotated[
        str, typer.Option("--output", help="Of the file: uint8, int8 or float32 scores; logits: before the softmax.")
    ] = "",
    layout: Annotated[str, typer.Option("--layout", help="Of the file's input: nhwc or nchw.")] = "",
    fresh: Fresh = False,
    quick: Quick = 0,
) -> None:
    """One network to one file, measured against its float32."""
    from .. import api
    from ..core.image import Deployment
    from ..study.study import Calibration

    with progress() as bars:
        result = api.quantize(
            model, data, recipe, target, out, weights=weights, calibration=Calibration(calibrate, samples, seed),
            quick=quick, allow_few=allow_few, deployed=Deployment(input_, output, layout), fresh=fresh, progress=bars,
            **asdict(pixels),
        )  # fmt: skip
    finish(result.run)


def advise(
    source: Annotated[str, typer.Argument(metavar="RUN_DIR|STUDY", help="A finished run, or a study to run.")],
    *,
    where: Where,
) -> None:
    """PTQ or QAT? Calibration first; training where it loses too much. With the minutes of each on this machine."""
    from .. import api

    with progress() as bars:
        for line in api.advise(source, where.out, overrides=where.overrides, progress=bars):
            bars.say(line)
