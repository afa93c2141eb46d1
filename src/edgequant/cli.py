"""The command line: the table of commands, and what a mistake or an interruption ends in."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, Any

import typer

from . import __version__
from .commands import env, files, listing, reports, runs, widths
from .commands.grouped import Command, grouped
from .commands.mistyped import check_words, mistyped
from .commands.terminal import refused
from .core.errors import EdgequantError, cause
from .host.process import open_standard_streams

app = typer.Typer(
    name="edgequant",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A trained vision network in; the smallest, fastest file that keeps its accuracy out, with the evidence."
    "\n\nStart with [bold]edgequant run[/bold] (handwritten digits, no download, about a minute), then open"
    " runs/digits/report.html.",
)

COMMANDS: dict[str, Command] = {  # as `--help` lists them
    "list": listing.list_,
    "run": runs.run,
    "train": runs.train,
    "quantize": runs.quantize,
    "sweep": widths.sweep,
    "sensitivity": widths.sensitivity,
    "search": widths.search,
    "advise": runs.advise,
    "report": reports.report,
    "compare": reports.compare,
    "evaluate": files.evaluate,
    "predict": files.predict,
    "parity": files.parity,
    "benchmark": files.benchmark,
    "inspect": files.inspect,
    "doctor": files.doctor,
    "env": env.env,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(grouped(_command))

# click's, or that of the copy of click which newer versions of typer carry
USAGE: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
INTERRUPTED = 130
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # of what standard output was sent to


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
    open_standard_streams()
    words = sys.argv[1:] if argv is None else argv
    try:
        check_words(words)
        status = app(words, standalone_mode=False)  # what a command raised as Exit comes back as a number
    except EdgequantError as error:
        return refused(str(error))
    except USAGE as error:
        command = words[0] if words[:1] and words[0] in COMMANDS else ""
        return refused(mistyped(error, words, command))
    except OSError as error:
        if error.filename is not None or error.errno not in FULL:
            raise
        return refused(f"Standard output cannot be written: {cause(error)}. Expected a terminal, or room for a file.")
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:
        print("edgequant: stopped; run the same command again to resume.", file=sys.stderr)
    return status if isinstance(status, int) else 0
