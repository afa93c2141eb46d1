"""Layer by layer: what `sensitivity` and `search` found, in the tables of the report."""

from __future__ import annotations

from ..questions.search.section import front_rows
from ..questions.sensitivity.section import layer_rows
from ..report.mix import verdict
from ..store.run import Run
from .tables import screen, table


def show_sensitivity(finished: Run) -> None:
    """For each network the layers that its narrowest width hurts most, and what to do."""
    console = screen()
    for record in finished.results["sensitivity"]:
        lowest = min(record["weight_bits"])
        title = f"{record['network']} on {record['data']}: each layer alone at w{lowest}a{record['activation_bits']}"
        caption = f"Simulated, {record['n']} validation images."
        console.print(table(title, layer_rows(record, lowest), caption))
        console.print(record["advice"]["text"], soft_wrap=True, markup=False)
    console.print(f"Table: {finished.folder / 'sensitivity.csv'}", soft_wrap=True, markup=False)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True, markup=False)


def show_search(finished: Run) -> None:
    """For each network what the chosen mix costs and gives, the mixes that were measured, and what to type next."""
    console = screen()
    for record in finished.results["search"]:
        title = f"{record['network']} on {record['data']}, {record['target']}"
        caption = f"Simulated on {record['n']} validation images; bytes and ms predicted from measured layers."
        console.print(table(title, front_rows(record), caption))
        console.print(verdict(record), soft_wrap=True, markup=False)
        console.print(f"Recipe: {finished.folder / record['chosen']['recipe']}", soft_wrap=True, markup=False)
        console.print(f"Next: {record['next']}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True, markup=False)
