"""What is known of single files: records, latencies, findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from .tables import screen


def show_record(record: dict[str, Any], as_json: bool) -> None:
    """A flat record, a line a key; lists of records as tables."""
    if as_json:
        _print_json(record)
        return
    console = screen()
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
    console = screen()
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
    console = screen()
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

    from ..store.disk import clean

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
