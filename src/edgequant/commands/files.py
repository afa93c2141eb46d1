"""`evaluate`, `predict`, `parity`, `benchmark`, `inspect`, `doctor`: commands on a finished file, of anyone's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.pixels import Stated
from .options import Data, Device, File, Json, Pixels, Quick
from .terminal import progress, refused


def evaluate(
    file: File,
    data: Data,
    *,
    pixels: Pixels,
    quick: Quick = 0,
    device: Device = "local",
    json: Json = False,
) -> None:
    """Accuracy of a file on the full test split, in its runtime; on another device, also how its scores differ."""
    from ..console.records import show_record
    from ..files import files

    with progress() as bars:
        record = files.evaluate_file(file, data, pixels.stated, quick, bars, device)
    show_record(record, json)


def predict(
    file: File,
    images: Annotated[list[Path], typer.Argument(help="Image files, and folders of them.")],
    *,
    pixels: Pixels,
) -> None:
    """The five likeliest classes of each image, as an app would use the file. Exit 2 where an image cannot be read."""
    from ..files import files

    found = files.predict_files(file, images, pixels.stated)
    for one in found:
        if one.fault:
            refused(one.fault)
        else:
            typer.echo(f"{one.image}: " + ", ".join(f"{label} {share:.1%}" for label, share in one.top))
    raise typer.Exit(2 if any(one.fault for one in found) else 0)


def parity(
    file: File,
    *,
    data: Annotated[
        str, typer.Option("--data", help="A data set; without one, seeded random bytes are compared.")
    ] = "",
    images: Annotated[int, typer.Option("--images", help="How many images to compare.")] = 200,
    pixels: Pixels,
    json: Json = False,
) -> None:
    """The file against the integer executor, tensor by tensor. Exit 1 where the gate is missed."""
    from ..console.records import show_record
    from ..files import files

    with progress() as bars:
        record = files.parity_file(file, data or None, images, pixels.stated, bars)
    show_record(record, json)
    raise typer.Exit(int(record["gate"] != "passed"))


def benchmark(
    file: File,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Another file, timed in turns with this one.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", help="Of the runtime.")] = 1,
    device: Device = "local",
    delegate: Annotated[
        str, typer.Option("--delegate", help="A LiteRT delegate's shared library on the device, as libedgetpu.so.1.")
    ] = "",
    profile: Annotated[
        bool, typer.Option("--profile", help="The time of each operator, where the runtime tells.")
    ] = False,
    json: Json = False,
) -> None:
    """Latency of a file, with warm-up and files interleaved; kernels and memory."""
    from ..console.records import show_latencies
    from ..files import files

    with progress() as bars:
        record = files.benchmark_file(
            file, threads, against or [], bars, device=device, profile=profile, library=delegate
        )
    show_latencies(record, json)


def inspect(
    file: File,
    edgetpu: Annotated[
        bool, typer.Option("--edgetpu", help="Which operators Coral's Edge TPU would take, and why not the others.")
    ] = False,
    json: Json = False,
) -> None:
    """What is in the file: per tensor type, bits and bytes; where the bytes go."""
    from ..console.records import show_inspection
    from ..files import files

    show_inspection(files.inspect_file(file, edgetpu), json)


def doctor(
    source: Annotated[
        str, typer.Argument(metavar="MODEL|STUDY|FLOAT", help="The float network: a model, a study, or its float file.")
    ],
    file: File,
    *,
    data: Annotated[str, typer.Option("--data", help="The data set; a study has its own.")] = "",
    weights: Annotated[str, typer.Option("--weights", help="Of the model: a .safetensors or .pt file.")] = "",
    calibration: Annotated[
        str, typer.Option("--calibration", help="What calibrated the file: a data set, or FILE.npz / .npy of arrays.")
    ] = "",
    samples: Annotated[
        int, typer.Option("--samples", help="Calibration images, where the file was calibrated on the data's own.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of that draw, and of the images that are looked at.")] = 0,
    target: Annotated[str, typer.Option("--target", help="How the app opens the file, as litert:delegate=false.")] = "",
    images: Annotated[int, typer.Option("--images", help="Validation images that are looked at.")] = 500,
    network: Annotated[int, typer.Option("--network", help="Which of a study's networks, from 0.")] = 0,
    pixels: Pixels,
    float_mean: Annotated[str, typer.Option("--float-mean", help="Of FLOAT, where the file is fed otherwise.")] = "",
    float_std: Annotated[str, typer.Option("--float-std", help="Of FLOAT, where the file is fed otherwise.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Where doctor.json goes.")] = Path("runs/doctor"),
    json: Json = False,
) -> None:
    """What is wrong with a quantized file, why, and what to type. Exit 0: healthy, 1: findings."""
    from ..console.records import show_diagnosis
    from ..questions.doctor.case import Case
    from ..questions.doctor.examination.examine import examine

    case = Case(
        source, file, data, weights, calibration, samples, seed, target, images, network,
        pixels.stated, Stated(mean=float_mean, std=float_std),
    )  # fmt: skip
    with progress() as bars:
        record = examine(case, out, bars)
    show_diagnosis(record, json)
    raise typer.Exit(int(not record["healthy"]))
