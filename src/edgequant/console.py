"""What a run looks like on a terminal: bars while it works, a table when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .core.interfaces import Tick
from .core.progress import AbstractProgress
from .core.records import Run


@final
class Bars(AbstractProgress):
    """Progress bars with the time that is left; lines that stay above them."""

    def __init__(self) -> None:
        self.console = Console()
        self.bars = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_interactive,  # it would end a log with an empty line
        )

    def __enter__(self) -> Bars:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    @contextmanager
    def _task(self, text: str) -> Iterator[Tick]:
        bar = self.bars.add_task(text, total=None)
        try:
            yield lambda done, total: self.bars.update(bar, completed=done, total=total)
        finally:
            self.bars.remove_task(bar)

    def task(self, text: str) -> AbstractContextManager[Tick]:
        return self._task(text)

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)


WIDEST = 64  # characters of an id on one line; one with many options goes on below


def _console() -> Console:
    """As wide as the terminal; wide enough for the table where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 140))


def show(finished: Run) -> None:
    """The variants, the recommendation and the criteria."""
    console, results = _console(), finished.results
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
    best = next((v for v in results["variants"] if v["id"] == results["recommended"]), None)
    if best:
        console.print(
            f"Ship [bold]{best['file']}[/bold] ({best['id']}). {results['recommendation_reason']}", soft_wrap=True
        )
    for criterion in results["criteria"]:
        mark = "[green]met[/green]  " if criterion["met"] else "[red]UNMET[/red]"
        got = "nothing" if criterion["got"] is None else f"{criterion['got']:.4g}"
        console.print(
            f"{mark} {criterion['name']}: {criterion['want']}, got {got} ({criterion['variant']})", soft_wrap=True
        )
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def show_sweep(finished: Run) -> None:
    """One table of every combination of bits, and where the rest lies."""
    console, results = _console(), finished.results
    table = Table(title=results["study"]["title"], title_justify="left", caption="Simulated: sizes are estimates.")
    for name in ("weights", "activations", "smaller", "weights smaller", "activations smaller", "MB", "top-1", "drop"):
        table.add_column(name, justify="right")
    for row in results["sweep"]["rows"]:
        table.add_row(*_sweep_row(row))
    console.print(table)
    for variant in results["variants"]:
        if variant["status"] != "ok":
            console.print(f"{variant['id']} {variant['status']}: {variant['reason']}", soft_wrap=True, markup=False)
    console.print(f"Table: {finished.folder / 'sweep.csv'}", soft_wrap=True)
    console.print(f"Report: {finished.folder / 'report.html'}", soft_wrap=True)


def show_changes(changes: list[Any]) -> None:
    """Two runs, variant by variant."""
    console = _console()
    colours = {"worse": "red", "gone": "red", "better": "green"}
    for change in changes:
        colour = colours.get(change.verdict, "default")
        console.print(
            f"[{colour}]{change.verdict:6s}[/{colour}] {escape(change.id)}: {escape(change.why)}", soft_wrap=True
        )


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


def show_sensitivity(finished: Run) -> None:
    """For each network the layers that its narrowest width hurts most, and what to do."""
    console = _console()
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
    """For each network the mixes that were measured, the chosen one, and what to type next."""
    console = _console()
    for record in finished.results["search"]:
        table = Table(title=f"{record['network']} on {record['data']}, {record['target']}", title_justify="left")
        for name in ("layers narrower", "bytes", "ms (1 thread)", "KL", "top-1", "drop", ""):
            table.add_column(name, justify="right")
        for point in record["front"]:
            table.add_row(*_front_row(point, point["choice"] == record["chosen"]["choice"]))
        console.print(table)
        console.print(f"Simulated on {record['n']} validation images; bytes and ms predicted from measured layers.")
        made = record["chosen"]["measured"]
        times = "" if not made["ms"] else f", {made['ms']['p50']:.3f} ms"
        recipe = finished.folder / record["chosen"]["recipe"]
        console.print(f"Recipe: {recipe} ({made['bytes']:,} bytes{times})", soft_wrap=True)
        console.print(f"Next: edgequant quantize MODEL --data DATA --recipe {recipe}", soft_wrap=True)
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


def _row(variant: dict[str, Any], best: str | None) -> tuple[str, ...]:
    name = f"[bold]{variant['id']}[/bold] <" if variant["id"] == best else variant["id"]
    if variant["status"] != "ok":
        return (name, "", "", "", "", "", "", f"{variant['status']}: {variant['reason']}")
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


def show_record(record: dict[str, Any], as_json: bool) -> None:
    """A flat record, a line a key; lists of records as tables."""
    if as_json:
        _print_json(record)
        return
    console = _console()
    for key, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            console.print(_records(key, value))
        else:
            console.print(f"[bold]{key}[/bold] {escape(_text(value))}", soft_wrap=True, highlight=False)


def show_inspection(record: dict[str, Any], as_json: bool) -> None:
    """Where the bytes go, the operators, and every tensor that is stored."""
    if as_json:
        _print_json(record)
        return
    stored = [t for t in record["tensors"] if t.get("bytes")]
    rest = {k: v for k, v in record.items() if k not in ("tensors", "edgetpu")}
    show_record({**rest, "tensors": stored, **record.get("edgetpu", {})}, as_json=False)


def show_latencies(record: dict[str, Any], as_json: bool) -> None:
    """A row a file: percentiles in milliseconds, where the operators ran, and memory."""
    if as_json:
        _print_json(record)
        return
    title = f"ms an image on {record['device']}, {record['threads']} thread(s), files timed in turns"
    table = Table(title=title, title_justify="left", caption=_conditions(record), caption_justify="left")
    for name in ("file", "p50 (95% CI)", "p90", "p99", "mean", "runs (far out)", "kernels", "peak memory", "bytes"):
        table.add_column(name, overflow="fold", justify="left" if name in ("file", "kernels") else "right")
    for one in record["files"]:
        table.add_row(*_latency_row(one))
    console = _console()
    console.print(table)
    for one in record["files"]:
        if one.get("profile"):
            console.print(_records(f"{Path(one['file']).name}: microseconds an operator", one["profile"]))
        elif "profile" in one:
            console.print(f"{one['file']}: its runtime does not tell the time of single operators.", soft_wrap=True)


def _latency_row(one: dict[str, Any]) -> tuple[str, ...]:
    ms = one["latency_ms"]
    low, high = ms["p50_ci95"]
    figures = (f"{ms['p50']:.4f} ({low:.4f}–{high:.4f})", *(f"{ms[k]:.4f}" for k in ("p90", "p99", "mean")))
    memory = one["peak_memory_reason"] or f"{one['peak_memory_bytes']:,}"
    runs = f"{ms['runs']} ({ms['outliers']})"
    return (escape(one["file"]), *figures, runs, _text(one["kernels"]), memory, f"{one['bytes']:,}")


def _conditions(record: dict[str, Any]) -> str:
    """The machine and its state before and after, as far as it tells."""
    before, after = record["conditions"]["before"], record["conditions"]["after"]
    words = [record["machine"]["cpu"]]
    for key, unit in (("mhz", "MHz"), ("celsius", "°C")):
        if before[key]:
            words.append(f"{max(before[key].values()):.0f} → {max(after[key].values() or [0]):.0f} {unit}")
    words.append(f"governor {before['governor'] or 'not told'}, load {before['load']} → {after['load']}")
    return escape("; ".join(words))


def show_diagnosis(record: dict[str, Any], as_json: bool) -> None:
    """The findings, the root cause first; the raw outputs side by side; what a confidence threshold means."""
    if as_json:
        _print_json(record)
        return
    console = _console()
    for number, found in enumerate(record["findings"], 1):
        console.print(
            f"[bold]{number}. {found['name']}[/bold]: {escape(found['seen'])}.", soft_wrap=True, highlight=False
        )
        console.print(f"   {escape(found['why'])}", soft_wrap=True, highlight=False)
        for fix in found["fixes"]:
            console.print(f"   > {escape(fix)}", soft_wrap=True, highlight=False)
    if record["healthy"]:
        console.print(f"Healthy: nothing found on {record['images']} {record['split']} images.", soft_wrap=True)
    for line in record["unseen"]:
        console.print(f"Not looked at: {escape(line)}", soft_wrap=True, highlight=False)
    show_record({k: v for k, v in record["outputs"].items() if v is not None}, as_json=False)
    console.print(record["confidence"]["words"], soft_wrap=True, highlight=False)
    console.print(_records("confidence thresholds", record["confidence"]["rows"]))


def _print_json(record: dict[str, Any]) -> None:
    import json

    from .core.disk import clean

    print(json.dumps(clean(record), indent=1))


def _records(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for key in rows[0]:
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*(escape(_text(row.get(key))) for key in rows[0]))
    return table


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return "x".join(map(str, value)) if all(isinstance(v, int) for v in value) else ", ".join(map(_text, value))
    return (
        "" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    )
