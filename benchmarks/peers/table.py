"""What the steps left in the work folder, as one record (peers.json) and as Markdown tables (peers.md)."""

from __future__ import annotations

import io
import json
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from networks import DATA, IMAGES, SEED, SUBJECTS
from tools import BASELINES, TOOLS, Tool

HERE = Path(__file__).parent
RUNTIMES = {"litert": "LiteRT", "onnxruntime": "ONNX Runtime", "executorch": "ExecuTorch"}
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
COLUMNS = ("", "top-1", "points lost", "bytes", "ms", "CPU s", "lines")


def write(work: Path, results: Path, networks: Sequence[str]) -> str:
    """Both files, of the networks that were prepared; returns the Markdown."""
    record = {"schema": "edgequant-peers/1", "data": DATA, "calibration": {"images": IMAGES, "seed": SEED}}
    record["networks"] = {name: of_network(work / name) for name in networks if (work / name / "inputs.json").exists()}
    text = markdown(record)
    (results / "peers.json").write_text(json.dumps(record, indent=1) + "\n")
    (results / "peers.md").write_text(text)
    return text


def of_network(folder: Path) -> dict[str, Any]:
    timed = read(folder / "latency.json")
    kept = {key: timed.get(key) for key in ("machine", "conditions", "protocol")}
    return {"title": SUBJECTS[folder.name].title, **kept, "rows": [row(tool, folder, timed) for tool in TOOLS]}


def row(tool: Tool, folder: Path, timed: dict[str, Any]) -> dict[str, Any]:
    """One tool on one network; `failed` says why there is no file."""
    about = {"tool": tool.label, "script": tool.script, "runtime": tool.runtime, "lines": lines(tool)}
    made = read(folder / f"{tool.key}.json")
    if not made:
        failed = folder / f"{tool.key}.failed.txt"
        said = failed.read_text().strip().splitlines() if failed.exists() else ["not run"]
        return {**about, "failed": said[-1]}
    return {**about, **made, **spent(tool, made, folder), **measured(tool, folder), **clocked(tool, timed)}


def spent(tool: Tool, made: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`seconds` of the tool itself; `_in_all` counts the converter that it starts from too."""
    before = read(folder / f"{tool.after}.json") if tool.after else {}
    return {f"{key}_in_all": made[key] + before.get(key, 0.0) for key in ("seconds", "cpu_seconds")}


def measured(tool: Tool, folder: Path) -> dict[str, Any]:
    found = read(folder / f"{tool.key}.accuracy.json")
    if not found or not (folder / f"{BASELINES[tool.runtime]}.accuracy.json").exists():
        return found
    from measure import drops

    return {**found, **drops(folder, tool.key, tool.runtime)}


def clocked(tool: Tool, timed: dict[str, Any]) -> dict[str, Any]:
    return {"latency_ms": timed.get("files", {}).get(tool.key)}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def lines(tool: Tool) -> int:
    """Of the scripts a user would write, the converter's included: lines that hold code, docstring and blanks apart."""
    return sum(
        code_lines((HERE / f"{name.partition(':')[0]}.py").read_text()) for name in (tool.script, tool.after) if name
    )


def code_lines(source: str) -> int:
    """Lines with code on them. A statement of its own that is a string is a docstring."""
    held: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            if [t.type for t in statement] != [tokenize.STRING]:
                held |= {number for t in statement for number in range(t.start[0], t.end[0] + 1)}
            statement = []
        elif token.type not in SILENT:
            statement.append(token)
    return len(held)


def markdown(record: dict[str, Any]) -> str:
    parts = []
    for name, network in record["networks"].items():
        images = max((row.get("n", 0) for row in network["rows"]), default=0)
        parts.append(f"### {network['title']} on {record['data']}, {images:,} test images\n")
        for runtime, title in RUNTIMES.items():
            rows = [row for row in network["rows"] if row["runtime"] == runtime]
            parts.append("\n".join([head(title), *(cells(row) for row in rows)]) + "\n")
        parts.append(note(network, name))
    return "\n".join(parts)


def head(title: str) -> str:
    return f"| {' | '.join((title, *COLUMNS[1:]))} |\n|---{'|--:' * (len(COLUMNS) - 1)}|"


def cells(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"| {row['tool']} | failed: {row['failed'][:120]} | | | | | {row['lines']} |"
    time = row["latency_ms"]
    values = (
        row["tool"],
        f"{row['top1']:.2%}" if "top1" in row else "",
        lost(row),
        f"{row['bytes']:,}" if "bytes" in row else "",
        f"{time['p50']:.3f}" if time else "",
        f"{row['cpu_seconds_in_all']:.1f}",
        str(row["lines"]),
    )
    return f"| {' | '.join(values)} |"


def lost(row: dict[str, Any]) -> str:
    """With its 95% interval; nothing for the float file itself."""
    if row.get("drop") is None or row["script"] in BASELINES.values():
        return ""
    low, high = row["drop_ci95"]
    return f"{row['drop']:+.2f} ({low:+.2f} to {high:+.2f})"


def note(network: dict[str, Any], name: str) -> str:
    """The conditions a reader must know."""
    machine, state = network["machine"], network["conditions"]
    if not machine:
        return f"Latency of {name} was not measured.\n"
    return (
        f"ms: median of single images, one thread, files of a runtime in turns; {machine['cpu']},"
        f" load {state['before']['load']} before and {state['after']['load']} after.\n"
    )
