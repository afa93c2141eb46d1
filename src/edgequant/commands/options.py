"""Options that more than one command takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..core.pixels import Stated, stated_of

Fresh = Annotated[bool, typer.Option("--fresh", help="Start over: nothing cached, kept weights trained again.")]
Quick = Annotated[
    int,
    typer.Option(
        "--quick", metavar="N", help="Only N images of each split, drawn class-balanced; every figure is marked."
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", metavar="N", help="Variants made at a time, in processes. Default: the study's.")
]
Mlflow = Annotated[
    str, typer.Option("--mlflow", metavar="URI", help="Send the finished run to this MLflow server (an extra).")
]
Data = Annotated[
    str,
    typer.Option("--data", help="A folder of images, or a data set: cifar10, arrays:FILE.npz … (edgequant list data)."),
]
Target = Annotated[str, typer.Option("--target", help="Where the file runs (edgequant list targets).")]
Weights = Annotated[str, typer.Option("--weights", help="A .safetensors or .pt file, or 'random'.")]

Source = Annotated[str, typer.Argument(metavar="MODEL|STUDY", help="A model's name, or a study's name or .toml.")]
OfData = Annotated[str, typer.Option("--data", help="A data set; a study has its own.")]
Images = Annotated[int, typer.Option("--images", help="Validation images to judge by, drawn once.")]

File = Annotated[Path, typer.Argument(help="A .tflite or .onnx, of this tool or of anyone.")]
Device = Annotated[
    str, typer.Option("--device", help="Where it runs: local, ssh:USER@HOST[:PORT], adb:SERIAL (`list devices`).")
]
Json = Annotated[bool, typer.Option("--json", help="The whole record as JSON.")]


@dataclass(frozen=True)
class Where:
    """Of a study: the folder its run goes to, and what is changed in it."""

    out: Annotated[Path | None, typer.Option("--out", help="The run folder. Default: runs/NAME.")] = None
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override the study, as calibration.n=200 or network.train.epochs=5."
        ),
    ] = None

    @property
    def overrides(self) -> list[str]:
        return self.set_ or []


@dataclass(frozen=True)
class Drawn:
    """Of a model or a study: weights, and how ranges are calibrated."""

    weights: Weights = ""
    calibrate: Annotated[str, typer.Option("--calibrate", help="The range method. Default: the study's; minmax.")] = ""
    samples: Annotated[
        int, typer.Option("--samples", help="Calibration images. Default: the study's; 500, or all.")
    ] = 0
    allow_few: Annotated[bool, typer.Option("--allow-few", help="Accept fewer than 100 calibration images.")] = False


@dataclass(frozen=True)
class Pixels:
    """How pixels become the input of a network, or of a file, that does not say it itself."""

    size: Annotated[str, typer.Option("--size", help="Of the input, in pixels: 32, or width x height as 320x240.")] = ""
    mean: Annotated[
        str,
        typer.Option(
            "--mean",
            help="Of pixels / 255, one number or one a channel: 0.485,0.456,0.406; or, with its std: imagenet, 0..1,"
            " -1..1, 0..255, '(x-127)/128'.",
        ),
    ] = ""
    std: Annotated[str, typer.Option("--std", help="Of pixels / 255: 0.229,0.224,0.225.")] = ""
    channels: Annotated[str, typer.Option("--channels", help="rgb, bgr (blue first) or grey.")] = ""
    fit: Annotated[
        str,
        typer.Option(
            "--fit", help="Images of another size: stretch, crop, crop:256 (the shorter side first) or letterbox."
        ),
    ] = ""

    @property
    def stated(self) -> Stated:
        return stated_of(self)
