"""Layer by layer: what `sensitivity` and `search` found."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from ..report.mix import verdict
from ..store.run import Run
from .bars import screen


def show_sensitivity(finished: Run) -> None:
    """For each network the layers that its narrowest width hurts most, and what to do."""
    console = screen()
    for record in finished.results["sensitivity"]:
        lowest = min(record["weight_bits"])
        rows = [r for r in record["rows"] if r["kind"] == "alone" and r["weight_bits"] == lowest]
        title = f"{record['network']} on {record['data']}: each layer alone at w{lowest}a{record['activation_bits']}"
        table = Table(title=title, title_justify="left", caption=f"Simulated, {record['n']} validation images.")
        for name in ("layer", "op", "weights", "drop", "95%", "KL", "SQNR", "images", "mark"):
            table.add_column(name, justify="left" if name in ("layer", "op", "mark") else "right")
        for row in sorted(rows, key=lambda r: (-(r["drop"] or 0.0), -r["kl"])):
            table.add_row(*_layer_row(row))
        console.print(table)
        console.print(record["advice"]["text"], soft_wrap=True, markup=False)
    console.print(f"Table: {finished.folder / 'sensitivity.csv'}", soft_wrap=True)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def _layer_row(row: dict[str, Any]) -> tuple[str, ...]:
    low, high = row["drop_ci95"] or (None, None)
    return (
        escape(row["layer"]),
        row["op"],
        f"{row['parameters']:,}",
        "" if row["drop"] is None else f"{row['drop']:+.2f}",
        "" if low is None or high is None else f"{low:.2f} to {high:.2f}",
        f"{row['kl']:.3g}",
        "" if row["sqnr_db"] is None else f"{row['sqnr_db']:.1f} dB",
        str(row["images"]),
        f"[bold]{row['mark']}[/bold]" if row["mark"] else "",
    )


def show_search(finished: Run) -> None:
    """For each network what the chosen mix costs and gives, the mixes that were measured, and what to type next."""
    console = screen()
    for record in finished.results["search"]:
        table = Table(title=f"{record['network']} on {record['data']}, {record['target']}", title_justify="left")
        for name in ("layers narrower", "bytes", "ms (1 thread)", "KL", "top-1", "drop", ""):
            table.add_column(name, justify="right")
        for point in record["front"]:
            table.add_row(*_front_row(point, point["choice"] == record["chosen"]["choice"]))
        console.print(table)
        console.print(f"Simulated on {record['n']} validation images; bytes and ms predicted from measured layers.")
        console.print(verdict(record), soft_wrap=True, markup=False)
        console.print(f"Recipe: {finished.folder / record['chosen']['recipe']}", soft_wrap=True, markup=False)
        console.print(f"Next: {record['next']}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def _front_row(point: dict[str, Any], chosen: bool) -> tuple[str, ...]:
    return (
        str(point["narrow"]),
        f"{point['bytes']:,.0f}",
        "" if point["ms"] is None else f"{point['ms']:.3f}",
        f"{point['kl']:.3g}",
        "" if point["top1"] is None else f"{point['top1']:.2%}",
        "" if point["drop"] is None else f"{point['drop']:+.2f}",
        "[bold]<[/bold]" if chosen else "",
    )
