"""`run`, `train`, `quantize`, `advise`: what makes files and measures them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..core.help import Help
from ..core.image import Deployment
from ..core.pixels import Stated
from ..questions.source import Quick, Target, Weights
from .options import Data, Fresh, Mlflow, Where
from .terminal import finish, progress


def run(
    study: Annotated[str, typer.Argument(help="A shipped study's name, or a .toml file.")] = "digits",
    *,
    where: Where,
    fresh: Fresh = False,
    quick: Quick = 0,
    workers: Annotated[int, Help("Variants made at a time, in processes. Default: the study's.", metavar="N")] = 0,
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


def train(study: Annotated[str, Help("A study with a [network.train] table.")], *, where: Where) -> None:
    """Train only the float networks of a study, resuming where it stopped."""
    from .. import api

    with progress() as bars:
        for line in api.train(study, where.out, where.overrides, bars):
            bars.say(line)


def quantize(
    model: Annotated[str, Help("A model's name (edgequant list models) or path/to/file.py:factory.")],
    data: Data,
    *,
    recipe: Annotated[str, Help("w8a8, w4a8+adaround, dynamic-w8 … (edgequant list recipes), or a .toml.")] = "w8a8",
    target: Target = "litert",
    out: Annotated[Path, Help("The run folder.")] = Path("runs/quantize"),
    weights: Weights = "",
    pixels: Stated,
    calibrate: Annotated[str, Help("The range method: minmax, percentile:q=99.9, mse, entropy …")] = "minmax",
    samples: Annotated[
        int | None, Help("Calibration images, drawn class-balanced from train. Default: 500, or all.")
    ] = None,
    seed: Annotated[int, Help("Of the calibration draw.")] = 0,
    allow_few: Annotated[bool, Help("Accept fewer than 100 calibration images, marked.")] = False,
    deployed: Deployment,
    fresh: Fresh = False,
    quick: Quick = 0,
) -> None:
    """One network to one file, measured against its float32."""
    from .. import api
    from ..study.study import Calibration

    with progress() as bars:
        result = api.quantize(
            model, data, recipe, target, out, weights=weights, calibration=Calibration(calibrate, samples, seed),
            quick=quick, allow_few=allow_few, deployed=deployed, fresh=fresh, progress=bars, **asdict(pixels),
        )  # fmt: skip
    finish(result.run)


def advise(
    source: Annotated[str, Help("A finished run, or a study to run.", metavar="RUN_DIR|STUDY")], *, where: Where
) -> None:
    """PTQ or QAT? Calibration first; training where it loses too much. With the minutes of each on this machine."""
    from .. import api

    with progress() as bars:
        for line in api.advise(source, where.out, overrides=where.overrides, progress=bars):
            bars.say(line)
