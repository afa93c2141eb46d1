"""The command line. It reads words, calls one function, and prints what came back.

Nothing heavy is imported before a command runs: `--help` and `list` must answer at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .catalog import KINDS
from .core.errors import BadOption, EdgequantError, UnknownName
from .core.registry import unknown

app = typer.Typer(
    name="edgequant",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A trained vision network in; the smallest, fastest file that keeps its accuracy out, with the evidence."
    "\n\nStart with [bold]edgequant run[/bold] (handwritten digits, no download, about a minute), then open"
    " runs/digits/report.html.",
)

# click's, or that of the copy of click which newer versions of typer carry
USAGE: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
INTERRUPTED = 130

Out = Annotated[Path | None, typer.Option("--out", help="The run folder. Default: runs/NAME.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override the study, as calibration.n=200 or network.train.epochs=5."
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over: nothing cached, kept weights trained again.")]
Data = Annotated[
    str, typer.Option("--data", help="A data set: cifar10, imagefolder:PATH, arrays:FILE.npz … (edgequant list data).")
]
Quick = Annotated[
    int, typer.Option("--quick", metavar="N", help="Only the first N images of each split; every figure is marked.")
]

Mlflow = Annotated[
    str, typer.Option("--mlflow", metavar="URI", help="Send the finished run to this MLflow server (an extra).")
]


@app.command("list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="data, models, calibrators, refiners, targets, findings, recipes, studies …")
    ] = "",
) -> None:
    """Everything in the catalog, one line each."""
    tables: dict[str, dict[str, str]] = {k: {n: r.summary(n) for n in r} for k, r in KINDS.items()}
    tables |= {"recipes": RECIPES, "studies": _studies()}
    if kind and kind not in tables:
        raise UnknownName(unknown("kind", kind, tables))
    for title, entries in tables.items():
        if kind in ("", title):
            typer.echo(title)
            for name, text in entries.items():
                typer.echo(f"  {name:22s} {text}")


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


def _studies() -> dict[str, str]:
    import tomllib
    from importlib import resources

    found = {}
    for entry in sorted(resources.files("edgequant.studies").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            found[entry.name.removesuffix(".toml")] = str(tomllib.loads(entry.read_text())["title"])
    return found


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="A shipped study's name, or a .toml file.")] = "digits",
    out: Out = None,
    set_: Set = None,
    fresh: Fresh = False,
    quick: Quick = 0,
    mlflow: Mlflow = "",
) -> None:
    """Run a study: quantize, lower, measure in the runtime, report. Resumes by default."""
    from . import api
    from .report import tracking

    if mlflow:
        tracking.client(mlflow)  # a missing package is told before hours of work, not behind them
    overrides = [*(set_ or []), *([f"quick={quick}"] if quick else [])]
    with _progress() as progress:
        finished = api.run(study, out, overrides=overrides, fresh=fresh, progress=progress)
    if mlflow:
        tracking.log(finished, mlflow)
    _finish(finished)


@app.command()
def train(
    study: Annotated[str, typer.Argument(help="A study with a [network.train] table.")],
    out: Out = None,
    set_: Set = None,
) -> None:
    """Train only the float networks of a study, resuming where it stopped."""
    from . import api

    with _progress() as progress:
        for line in api.train(study, out, set_ or [], progress):
            progress.say(line)


@app.command()
def quantize(
    model: Annotated[str, typer.Argument(help="A model's name (edgequant list models) or path/to/file.py:factory.")],
    data: Data,
    recipe: Annotated[
        str, typer.Option("--recipe", help="w8a8, w4a8+adaround, dynamic-w8 … (edgequant list recipes), or a .toml.")
    ] = "w8a8",
    target: Annotated[str, typer.Option("--target", help="Where the file runs (edgequant list targets).")] = "litert",
    out: Annotated[Path, typer.Option("--out", help="The run folder.")] = Path("runs/quantize"),
    weights: Annotated[str, typer.Option("--weights", help="A .safetensors or .pt file, or 'random'.")] = "",
    calibrate: Annotated[
        str, typer.Option("--calibrate", help="The range method: minmax, percentile:q=99.9, mse, entropy …")
    ] = "minmax",
    samples: Annotated[
        int, typer.Option("--samples", help="Calibration images, drawn class-balanced from train.")
    ] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Of the calibration draw.")] = 0,
    allow_few: Annotated[
        bool, typer.Option("--allow-few", help="Accept fewer than 100 calibration images, marked.")
    ] = False,
    input_: Annotated[
        str, typer.Option("--input", help="Of the file: uint8 or int8 (raw pixels), float32 (normalised ones).")
    ] = "",
    output: Annotated[str, typer.Option("--output", help="Of the file: uint8, int8 or float32 scores.")] = "",
    layout: Annotated[str, typer.Option("--layout", help="Of the file's input: nhwc or nchw.")] = "",
    fresh: Fresh = False,
    quick: Quick = 0,
) -> None:
    """One network to one file, measured against its float32."""
    from . import api
    from .core.records import Deployment
    from .study import Calibration

    with _progress() as progress:
        result = api.quantize(
            model, data, recipe, target, out, weights=weights, calibration=Calibration(calibrate, samples, seed),
            quick=quick, allow_few=allow_few, deployed=Deployment(input_, output, layout), fresh=fresh,
            progress=progress,
        )  # fmt: skip
    _finish(result.run)


@app.command()
def sweep(
    source: Annotated[str, typer.Argument(metavar="MODEL|STUDY", help="A model's name, or a study's name or .toml.")],
    data: Annotated[str, typer.Option("--data", help="A data set; a study has its own.")] = "",
    weight_bits: Annotated[str, typer.Option("--weight-bits", help="Of weights, 2 to 8.")] = "8,6,4",
    activation_bits: Annotated[str, typer.Option("--activation-bits", help="Of activations, 2 to 16.")] = "8,6,4",
    weights: Annotated[str, typer.Option("--weights", help="A .safetensors or .pt file, or 'random'.")] = "",
    calibrate: Annotated[str, typer.Option("--calibrate", help="The range method. Default: the study's; minmax.")] = "",
    samples: Annotated[int, typer.Option("--samples", help="Calibration images. Default: the study's; 500.")] = 0,
    all_layers: Annotated[bool, typer.Option("--all-layers", help="Spare no layer: the first and last too.")] = False,
    allow_few: Annotated[bool, typer.Option("--allow-few", help="Accept fewer than 100 calibration images.")] = False,
    out: Out = None,
    set_: Set = None,
    fresh: Fresh = False,
    quick: Quick = 0,
) -> None:
    """Every combination of weight and activation bits, simulated: accuracy against compression."""
    from . import api
    from .console import show_sweep
    from .pipeline.results import exit_status

    asked = api.Asked(
        source, weight_bits, activation_bits, data=data, weights=weights, calibrate=calibrate, samples=samples,
        all_layers=all_layers, quick=quick, allow_few=allow_few,
    )  # fmt: skip
    with _progress() as progress:
        finished = api.sweep(asked, out, overrides=set_ or [], fresh=fresh, progress=progress)
    show_sweep(finished)
    raise typer.Exit(exit_status(finished.results))


Source = Annotated[str, typer.Argument(metavar="MODEL|STUDY", help="A model's name, or a study's name or .toml.")]
OfData = Annotated[str, typer.Option("--data", help="A data set; a study has its own.")]
Weights = Annotated[str, typer.Option("--weights", help="A .safetensors or .pt file, or 'random'.")]
Calibrate = Annotated[str, typer.Option("--calibrate", help="The range method. Default: the study's; minmax.")]
Samples = Annotated[int, typer.Option("--samples", help="Calibration images. Default: the study's; 500.")]
AllowFew = Annotated[bool, typer.Option("--allow-few", help="Accept fewer than 100 calibration images.")]
Images = Annotated[int, typer.Option("--images", help="Validation images to judge by, drawn once.")]


@app.command()
def sensitivity(
    source: Source,
    mode: Annotated[
        str, typer.Option("--mode", help="exact; screened (the ten worst, sooner); fast (predicted, soonest).")
    ] = "exact",
    bits: Annotated[str, typer.Option("--bits", help="Of weights, 2 to 8.")] = "8,4",
    activation_bits: Annotated[int, typer.Option("--activation-bits", help="Of activations, 2 to 16.")] = 8,
    images: Images = 512,
    threshold: Annotated[float, typer.Option("--threshold", help="Points lost that make a layer SENSITIVE.")] = 0.5,
    data: OfData = "",
    weights: Weights = "",
    calibrate: Calibrate = "",
    samples: Samples = 0,
    allow_few: AllowFew = False,
    out: Out = None,
    set_: Set = None,
    fresh: Fresh = False,
) -> None:
    """Which layers hurt when they are quantized, and what to keep wider: a table, a chart, an overlay. Simulated."""
    from . import api
    from .console import show_sensitivity

    asked = api.AskedSensitivity(
        source, bits, activation_bits, mode, images, threshold, data=data, weights=weights, calibrate=calibrate,
        samples=samples, allow_few=allow_few,
    )  # fmt: skip
    with _progress() as progress:
        finished = api.sensitivity(asked, out, overrides=set_ or [], fresh=fresh, progress=progress)
    show_sensitivity(finished)


@app.command()
def search(
    source: Source,
    target: Annotated[str, typer.Option("--target", help="Where the file runs (edgequant list targets).")] = "litert",
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
    weights: Weights = "",
    calibrate: Calibrate = "",
    samples: Samples = 0,
    allow_few: AllowFew = False,
    out: Out = None,
    set_: Set = None,
    fresh: Fresh = False,
) -> None:
    """Mixed precision: the scheme of each layer under a budget, from measured costs. Writes a recipe file."""
    import math

    from . import api
    from .console import show_search

    asked = api.AskedSearch(
        source, target, schemes, max_bytes, max_ms, math.nan if max_drop is None else max_drop, sensitivity, images,
        name, data=data, weights=weights, calibrate=calibrate, samples=samples, allow_few=allow_few,
    )  # fmt: skip
    with _progress() as progress:
        finished = api.search(asked, out, overrides=set_ or [], fresh=fresh, progress=progress)
    show_search(finished)


@app.command()
def advise(
    source: Annotated[str, typer.Argument(metavar="RUN_DIR|STUDY", help="A finished run, or a study to run.")],
    out: Out = None,
    set_: Set = None,
) -> None:
    """PTQ or QAT? Calibration first; training where it loses too much. With the minutes of each on this machine."""
    from . import api

    with _progress() as progress:
        for line in api.advise(source, out, overrides=set_ or [], progress=progress):
            progress.say(line)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A run folder with a results.json.")], mlflow: Mlflow = ""
) -> None:
    """Render the report again from what is on disk."""
    from . import api

    for path in api.report(folder):
        typer.echo(path)
    if mlflow:
        from .core.disk import read_json
        from .core.records import Run
        from .report import tracking

        typer.echo(f"MLflow run {tracking.log(Run(read_json(folder / 'results.json'), folder), mlflow)}")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder, or its results.json: how it was.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another run of the same study: how it is.")],
) -> None:
    """What became worse from one run to another, beyond noise. Exit 1 where something did."""
    from .console import show_changes
    from .pipeline.compare import compare as compared
    from .pipeline.compare import worse

    changes = compared(first, second)
    show_changes(changes)
    raise typer.Exit(int(worse(changes)))


Device = Annotated[
    str, typer.Option("--device", help="Where it runs: local, ssh:USER@HOST[:PORT], adb:SERIAL (`list devices`).")
]
File = Annotated[Path, typer.Argument(help="A .tflite or .onnx, of this tool or of anyone.")]
Mean = Annotated[str, typer.Option("--mean", help="Of pixels / 255, one number or one a channel: 0.485,0.456,0.406.")]
Std = Annotated[str, typer.Option("--std", help="Of pixels / 255. For files that do not carry it themselves.")]
Json = Annotated[bool, typer.Option("--json", help="The whole record as JSON.")]


@app.command()
def evaluate(
    file: File,
    data: Data,
    mean: Mean = "",
    std: Std = "",
    quick: Quick = 0,
    device: Device = "local",
    json: Json = False,
) -> None:
    """Accuracy of a file on the full test split, in its runtime; on another device, also how its scores differ."""
    from .console import show_record
    from .pipeline import files

    with _progress() as progress:
        record = files.evaluate_file(file, data, _numbers(mean), _numbers(std), quick, progress, device)
    show_record(record, json)


@app.command()
def predict(
    file: File,
    images: Annotated[list[Path], typer.Argument(help="Image files, and folders of them.")],
    mean: Mean = "",
    std: Std = "",
) -> None:
    """The five likeliest classes of each image, as an app would use the file. Exit 2 where an image cannot be read."""
    from .pipeline import files

    found = files.predict_files(file, images, _numbers(mean), _numbers(std))
    for one in found:
        if one.fault:
            _refused(one.fault)
        else:
            typer.echo(f"{one.image}: " + ", ".join(f"{label} {share:.1%}" for label, share in one.top))
    raise typer.Exit(2 if any(one.fault for one in found) else 0)


@app.command()
def parity(
    file: File,
    data: Annotated[
        str, typer.Option("--data", help="A data set; without one, seeded random bytes are compared.")
    ] = "",
    images: Annotated[int, typer.Option("--images", help="How many images to compare.")] = 200,
    mean: Mean = "",
    std: Std = "",
    json: Json = False,
) -> None:
    """The file against the integer executor, tensor by tensor. Exit 1 where the gate is missed."""
    from .console import show_record
    from .pipeline import files

    with _progress() as progress:
        record = files.parity_file(file, data or None, images, _numbers(mean), _numbers(std), progress)
    show_record(record, json)
    raise typer.Exit(int(record["gate"] != "passed"))


@app.command()
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
    from .console import show_latencies
    from .pipeline import files

    with _progress() as progress:
        record = files.benchmark_file(
            file, threads, against or [], progress, device=device, profile=profile, library=delegate
        )
    show_latencies(record, json)


@app.command()
def inspect(
    file: File,
    edgetpu: Annotated[
        bool, typer.Option("--edgetpu", help="Which operators Coral's Edge TPU would take, and why not the others.")
    ] = False,
    json: Json = False,
) -> None:
    """What is in the file: per tensor type, bits and bytes; where the bytes go."""
    from .console import show_inspection
    from .pipeline import files

    show_inspection(files.inspect_file(file, edgetpu), json)


@app.command()
def doctor(
    source: Annotated[
        str, typer.Argument(metavar="MODEL|STUDY|FLOAT", help="The float network: a model, a study, or its float file.")
    ],
    file: File,
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
    mean: Mean = "",
    std: Std = "",
    float_mean: Annotated[str, typer.Option("--float-mean", help="Of a float file that does not carry it.")] = "",
    float_std: Annotated[str, typer.Option("--float-std", help="Of a float file that does not carry it.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Where doctor.json goes.")] = Path("runs/doctor"),
    json: Json = False,
) -> None:
    """What is wrong with a quantized file, why, and what to type. Exit 0: healthy, 1: findings."""
    from .console import show_diagnosis
    from .pipeline.doctor import Case, examine

    case = Case(
        source, file, data, weights, calibration, samples, seed, target, images, network,
        (_numbers(mean), _numbers(std)), (_numbers(float_mean), _numbers(float_std)),
    )  # fmt: skip
    with _progress() as progress:
        record = examine(case, out, progress)
    show_diagnosis(record, json)
    raise typer.Exit(int(not record["healthy"]))


def _numbers(text: str) -> tuple[float, ...] | None:
    """`0.485,0.456,0.406` as numbers; None for nothing. Raises BadOption."""
    if not text:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise BadOption(f"--mean and --std take numbers, as 0.5 or 0.485,0.456,0.406. Got {text!r}.") from error


def _finish(finished: Any) -> None:
    """The table, the recommendation, the criteria; then the exit status."""
    from .console import show
    from .pipeline.results import exit_status

    show(finished)
    raise typer.Exit(exit_status(finished.results))


def _progress() -> Any:
    from .console import Bars

    return Bars()


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"edgequant {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(argv: list[str] | None = None) -> int:
    """Run one command; a user's mistake is one line and status 2."""
    try:
        status = app(argv, standalone_mode=False)  # what a command raised as Exit comes back as a number
    except EdgequantError as error:
        return _refused(str(error))
    except USAGE as error:
        return _refused(f"{error.format_message()} Try: edgequant --help")
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:
        print("edgequant: stopped; run the same command again to resume.", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _refused(message: str) -> int:
    print(f"edgequant: {' '.join(message.split())}", file=sys.stderr)
    return 2
