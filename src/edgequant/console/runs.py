"""The variants of a run, of a sweep, and of two runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..questions.compare import Change
from ..report import format as fmt
from ..report import headline
from ..report import lookup as look
from ..report.load import busy
from ..report.sections.sweep import Sweep
from ..store.run import Run
from .tables import screen, table

WIDEST = 64  # characters of an id on one line; one with many options goes on below
COLOURS = {"worse": "red", "gone": "red", "better": "green"}


def show(finished: Run) -> None:
    """The variants, the recommendation and the criteria."""
    console, results = screen(), finished.results
    shown = Table(title=escape(results["study"]["title"] or results["study"]["name"]), title_justify="left")
    for name in ("variant", "top-1", "drop", "bytes", "smaller", "p50 (1 thread)", "parity", "status"):
        shown.add_column(
            name,
            justify="left" if name in ("variant", "status") else "right",
            overflow="fold",
            no_wrap=name in ("top-1", "drop", "smaller", "parity", "status"),
            max_width=WIDEST if name == "variant" else None,
        )
    for variant in results["variants"]:
        shown.add_row(*map(escape, _row(finished, variant)))
    console.print(shown)
    _say_why(console, finished)
    best = look.recommended(finished)
    of = f" ({escape(str(best['file']))})" if best else ""
    console.print(f"[bold]{escape(headline.answer(finished))}[/bold]{of}.", soft_wrap=True, highlight=False, end=" ")
    console.print(results["recommendation_reason"], soft_wrap=True, markup=False, highlight=False)
    if warning := busy(finished):
        console.print(f"[yellow]{escape(warning)}[/yellow]", soft_wrap=True, highlight=False)
    failed = {v["id"] for v in results["variants"] if v["status"] == "failed"}
    for criterion in results["criteria"]:
        mark = "[green]met[/green]  " if criterion["met"] else "[red]UNMET[/red]"
        got = "nothing" if criterion["got"] is None else fmt.plain(criterion["got"])
        about = f"{criterion['variant']}, which failed" if criterion["variant"] in failed else criterion["variant"]
        note = f"; {criterion['note']}" if criterion.get("note") else ""
        line = f"{criterion['name']}: {criterion['want']}, got {got} ({about}){note}"
        console.print(f"{mark} {escape(line)}", soft_wrap=True)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True, markup=False)


def _row(run: Run, variant: look.Variant) -> tuple[str, ...]:
    name = look.starred(run, variant)
    if variant["status"] != "ok":
        return (name, "", "", "", "", "", "", variant["status"])
    estimated = f"~{fmt.count(variant.get('bytes_estimated'))} (simulated)"
    return (
        name,
        fmt.percent(variant["top1"]),
        fmt.points(variant["drop"]),
        estimated if look.simulated(variant) else fmt.count(variant["bytes"]),
        fmt.ratio(variant["size_ratio"]),
        fmt.milliseconds(look.latency(variant)),
        str(look.mapping(variant["parity"]).get("gate") or fmt.ABSENT),
        variant["status"],
    )


def _say_why(console: Console, run: Run) -> None:
    """A line for each variant that was not made, or missed its gate: too long for a column of the table."""
    for variant in look.variants(run):
        if variant["status"] != "ok":
            console.print(f"{variant['id']} {variant['status']}: {variant['reason']}", soft_wrap=True, markup=False)


def show_sweep(finished: Run) -> None:
    """One table of every combination of bits, and where the rest lies."""
    console = screen()
    if rows := Sweep().rows(finished):
        console.print(table(finished.results["study"]["title"], rows, "Simulated: sizes are estimates."))
    _say_why(console, finished)
    console.print(f"Table: {finished.folder / 'sweep.csv'}", soft_wrap=True, markup=False)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True, markup=False)


def show_changes(changes: Sequence[Change]) -> None:
    """Two runs, variant by variant."""
    console = screen()
    for change in changes:
        colour = COLOURS.get(change.verdict, "default")
        console.print(
            f"[{colour}]{change.verdict:6s}[/{colour}] {escape(change.id)}: {escape(change.why)}", soft_wrap=True
        )
