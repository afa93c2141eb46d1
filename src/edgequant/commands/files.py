"""`evaluate`, `predict`, `parity`, `benchmark`, `inspect`, `doctor`: commands on a finished file, of anyone's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.help import Help
from ..core.pixels import Stated
from ..questions.doctor.case import Case
from ..questions.source import File, Quick
from .options import Data, Device, Json
from .terminal import progress, refused


def evaluate(
    file: File,
    data: Data,
    *,
    pixels: Stated,
    quick: Quick = 0,
    device: Device = "local",
    json: Json = False,
) -> None:
    """Accuracy of a file on the full test split, in its runtime; on another device, also how its scores differ."""
    from ..console.records import show_record
    from ..files import files

    with progress() as bars:
        record = files.evaluate_file(file, data, pixels, quick, bars, device)
    show_record(record, json)


def predict(
    file: File,
    images: Annotated[list[Path], Help("Image files, and folders of them.")],
    *,
    pixels: Stated,
) -> None:
    """The five likeliest classes of each image, as an app would use the file. Exit 2 where an image cannot be read."""
    from ..files import files

    found = files.predict_files(file, images, pixels)
    for one in found:
        if one.fault:
            refused(one.fault)
        else:
            typer.echo(f"{one.image}: " + ", ".join(f"{label} {share:.1%}" for label, share in one.top))
    raise typer.Exit(2 if any(one.fault for one in found) else 0)


def parity(
    file: File,
    *,
    data: Annotated[str, Help("A data set; without one, seeded random bytes are compared.")] = "",
    images: Annotated[int, Help("How many images to compare.")] = 200,
    pixels: Stated,
    json: Json = False,
) -> None:
    """The file against the integer executor, tensor by tensor. Exit 1 where the gate is missed."""
    from ..console.records import show_record
    from ..files import files

    with progress() as bars:
        record = files.parity_file(file, data or None, images, pixels, bars)
    show_record(record, json)
    raise typer.Exit(int(record["gate"] != "passed"))


def benchmark(
    file: File,
    against: Annotated[list[Path] | None, Help("Another file, timed in turns with this one.")] = None,
    threads: Annotated[int, Help("Of the runtime.")] = 1,
    device: Device = "local",
    delegate: Annotated[str, Help("A LiteRT delegate's shared library on the device, as libedgetpu.so.1.")] = "",
    profile: Annotated[bool, Help("The time of each operator, where the runtime tells.")] = False,
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
    edgetpu: Annotated[bool, Help("Which operators Coral's Edge TPU would take, and why not the others.")] = False,
    json: Json = False,
) -> None:
    """What is in the file: per tensor type, bits and bytes; where the bytes go."""
    from ..console.records import show_inspection
    from ..files import files

    show_inspection(files.inspect_file(file, edgetpu), json)


def doctor(
    case: Case, out: Annotated[Path, Help("Where doctor.json goes.")] = Path("runs/doctor"), json: Json = False
) -> None:
    """What is wrong with a quantized file, why, and what to type. Exit 0: healthy, 1: findings."""
    from ..console.records import show_diagnosis
    from ..questions.doctor.examination.examine import examine

    with progress() as bars:
        record = examine(case, out, bars)
    show_diagnosis(record, json)
    raise typer.Exit(int(not record["healthy"]))
