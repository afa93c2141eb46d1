"""The variants of a run, of a sweep, and of two runs beside each other."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..report.load import busy
from ..store.run import Run
from .bars import screen

WIDEST = 64  # characters of an id on one line; one with many options goes on below


def show(finished: Run) -> None:
    """The variants, the recommendation and the criteria."""
    console, results = screen(), finished.results
    table = Table(title=results["study"]["title"] or results["study"]["name"], title_justify="left")
    for name in ("variant", "top-1", "drop", "bytes", "smaller", "ms (1 thread)", "parity", "status"):
        table.add_column(
            name,
            justify="left" if name in ("variant", "status") else "right",
            overflow="fold",
            no_wrap=name in ("top-1", "drop", "smaller", "parity", "status"),
            max_width=WIDEST if name == "variant" else None,
        )
    for variant in results["variants"]:
        table.add_row(*_row(variant, results["recommended"]))
    console.print(table)
    _say_why(console, results)
    best = next((v for v in results["variants"] if v["id"] == results["recommended"]), None)
    why = escape(results["recommendation_reason"])
    if best:
        console.print(f"Ship [bold]{escape(str(best['file']))}[/bold] ({escape(best['id'])}). {why}", soft_wrap=True)
    else:
        console.print(f"[bold]No file is recommended.[/bold] {why}", soft_wrap=True, highlight=False)
    if warning := busy(finished):
        console.print(f"[yellow]{escape(warning)}[/yellow]", soft_wrap=True, highlight=False)
    failed = {v["id"] for v in results["variants"] if v["status"] == "failed"}
    for criterion in results["criteria"]:
        mark = "[green]met[/green]  " if criterion["met"] else "[red]UNMET[/red]"
        got = "nothing" if criterion["got"] is None else _figure(criterion["got"])
        about = f"{criterion['variant']}, which failed" if criterion["variant"] in failed else criterion["variant"]
        note = f"; {criterion['note']}" if criterion.get("note") else ""
        line = f"{criterion['name']}: {criterion['want']}, got {got} ({about}){note}"
        console.print(f"{mark} {escape(line)}", soft_wrap=True)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _row(variant: dict[str, Any], best: str | None) -> tuple[str, ...]:
    name = f"[bold]{variant['id']}[/bold] <" if variant["id"] == best else variant["id"]
    if variant["status"] != "ok":
        return (name, "", "", "", "", "", "", variant["status"])
    size = f"{variant['bytes']:,}" if variant["bytes"] is not None else f"~{variant['bytes_estimated']:,} (simulated)"
    return (
        name,
        "" if variant["top1"] is None else f"{variant['top1']:.2%}",
        "" if variant["drop"] is None else f"{variant['drop']:+.2f}",
        size,
        "" if variant["size_ratio"] is None else f"{variant['size_ratio']:.2f}x",
        "" if not variant["latency_ms"] else f"{variant['latency_ms']['p50']:.3f}",
        "" if not variant["parity"] else variant["parity"]["gate"],
        variant["status"],
    )


def _say_why(console: Console, results: dict[str, Any]) -> None:
    """A line for each variant that was not made, or missed its gate: too long for a column of the table."""
    for variant in results["variants"]:
        if variant["status"] != "ok":
            console.print(f"{variant['id']} {variant['status']}: {variant['reason']}", soft_wrap=True, markup=False)


def show_sweep(finished: Run) -> None:
    """One table of every combination of bits, and where the rest lies."""
    console, results = screen(), finished.results
    table = Table(title=results["study"]["title"], title_justify="left", caption="Simulated: sizes are estimates.")
    for name in ("weights", "activations", "smaller", "weights smaller", "activations smaller", "MB", "top-1", "drop"):
        table.add_column(name, justify="right")
    for row in results["sweep"]["rows"]:
        table.add_row(*_sweep_row(row))
    console.print(table)
    _say_why(console, results)
    console.print(f"Table: {finished.folder / 'sweep.csv'}", soft_wrap=True)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def _sweep_row(row: dict[str, Any]) -> tuple[str, ...]:
    ratios = (row["compression_ratio"], row["weight_compression"], row["activation_compression"])
    return (
        f"{row['weight_bits']} bit",
        f"{row['activation_bits']} bit",
        *("" if ratio is None else f"{ratio:.2f}x" for ratio in ratios),
        f"~{row['size_mb']:.4f}",
        "" if row["top1"] is None else f"{row['top1']:.2%}",
        "" if row["drop"] is None else f"{row['drop']:+.2f}",
    )


def show_changes(changes: list[Any]) -> None:
    """Two runs, variant by variant."""
    console = screen()
    colours = {"worse": "red", "gone": "red", "better": "green"}
    for change in changes:
        colour = colours.get(change.verdict, "default")
        console.print(
            f"[{colour}]{change.verdict:6s}[/{colour}] {escape(change.id)}: {escape(change.why)}", soft_wrap=True
        )
