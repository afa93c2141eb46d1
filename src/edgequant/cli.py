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
from .core.errors import EdgequantError, UnknownName
from .core.registry import unknown

app = typer.Typer(
    name="edgequant",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A trained vision network in; the smallest, fastest file that keeps its accuracy out, with the evidence."
    "\n\nStart with [bold]edgequant run[/bold] (handwritten digits, no download, about a minute), then open"
    " runs/digits/report.html.",
)

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


@app.command("list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="data, models, calibrators, refiners, targets, sections, recipes or studies.")
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
    "w8a16": "8-bit weights, 16-bit activations",
    "w4": "4-bit weights, float arithmetic",
    "w4a8": "packed 4-bit weights, 8-bit activations (first and last layer 8-bit)",
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
) -> None:
    """Run a study: quantize, lower, measure in the runtime, report. Resumes by default."""
    from . import api

    overrides = [*(set_ or []), *([f"quick={quick}"] if quick else [])]
    with _progress() as progress:
        finished = api.run(study, out, overrides=overrides, fresh=fresh, progress=progress)
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
    fresh: Fresh = False,
    quick: Quick = 0,
) -> None:
    """One network to one file, measured against its float32."""
    from . import api
    from .study import Calibration

    with _progress() as progress:
        result = api.quantize(
            model, data, recipe, target, out, weights=weights, calibration=Calibration(calibrate, samples, seed),
            quick=quick, allow_few=allow_few, fresh=fresh, progress=progress,
        )  # fmt: skip
    _finish(result.run)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A run folder with a results.json.")]) -> None:
    """Render the report again from what is on disk."""
    from . import api

    for path in api.report(folder):
        typer.echo(path)


def _finish(finished: Any) -> None:
    """The table, the recommendation, the criteria; then the exit status."""
    from .console import show
    from .pipeline.results import exit_status

    show(finished)
    raise typer.Exit(exit_status(finished.results))


def _progress() -> Any:
    from .console import Bars

    return Bars()


@app.callback()
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"edgequant {__version__}")
        raise typer.Exit


def main(argv: list[str] | None = None) -> int:
    """Run one command; a user's mistake is one line and status 2."""
    import click

    try:
        app(argv, standalone_mode=False)
    except EdgequantError as error:
        print(f"edgequant: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.ClickException as error:
        print(f"edgequant: {error.format_message()} Try: edgequant --help", file=sys.stderr)
        return 2
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("edgequant: stopped; run the same command again to resume.", file=sys.stderr)
        return 130
    return 0
