"""Draws architecture.svg and writes the rooms of architecture.md from the code: `python docs/house_drawing.py`.

A room stands below all that it imports; a line is an import that no other line implies. A test compares.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "edgequant"
PAGE, DRAWING = ROOT / "docs" / "architecture.md", ROOT / "docs" / "architecture.svg"
BEGIN, END = "<!-- rooms: begin -->", "<!-- rooms: end -->"
LEFT_OUT = ("__init__", "__main__", "catalog", "studies")  # they name what lies in every room, or hold no code
BOX, GAP, ROW = (104, 40), 18, 88  # of a room: width and height; between two; from one row to the next

Rooms = dict[str, set[str]]


def room(path: Path) -> str:
    """The top-level room of a file: `study` of study/making/variant.py."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """The top-level rooms that a file imports from, also for the type checker alone."""
    here = path.relative_to(SOURCE).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            full = (*here[: len(here) - node.level], *(node.module or "").split("."))
            names = [alias.name for alias in node.names]
            yield from (next(filter(None, (*full, name))) for name in names)


@cache
def rooms() -> Rooms:
    """Room -> the rooms that it imports from."""
    found: Rooms = {}
    for path in SOURCE.rglob("*.py"):
        if room(path) not in LEFT_OUT:
            found.setdefault(room(path), set()).update(imported(path))
    return {name: {one for one in needs if one in found} - {name} for name, needs in found.items()}


@cache
def depth(name: str) -> int:
    """The longest way down to a room that imports nothing."""
    return 1 + max(map(depth, rooms()[name]), default=-1)


@cache
def below(name: str) -> frozenset[str]:
    """All that a room rests on."""
    return frozenset().union(*({one} | below(one) for one in rooms()[name]))


def lines() -> list[tuple[str, str]]:
    """The imports that no longer way implies: the transitive reduction."""
    return [
        (name, one)
        for name, needs in rooms().items()
        for one in sorted(needs)
        if not any(one in below(other) for other in needs - {one})
    ]


def drawing() -> str:
    """The SVG. It follows the reader's dark or light scheme."""
    rows: dict[int, list[str]] = {}
    for name in sorted(rooms()):
        rows.setdefault(depth(name), []).append(name)
    width = max(len(row) for row in rows.values()) * (BOX[0] + GAP) + GAP
    at = {
        name: ((width - len(row) * (BOX[0] + GAP) + GAP) / 2 + number * (BOX[0] + GAP), GAP + level * ROW)
        for level, row in rows.items()
        for number, name in enumerate(row)
    }
    curves = []
    for name, one in lines():
        (x1, y1), (x2, y2) = at[name], at[one]
        start, end = (x1 + BOX[0] / 2, y1), (x2 + BOX[0] / 2, y2 + BOX[1])
        curves.append(
            f'<path d="M{start[0]:g},{start[1]:g} C{start[0]:g},{start[1] - 30:g} {end[0]:g},{end[1] + 30:g}'
            f' {end[0]:g},{end[1]:g}"/>'
        )
    boxes = []
    for name, (x, y) in at.items():
        boxes.append(
            f'<rect x="{x:g}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>'
            f'<text x="{x + BOX[0] / 2:g}" y="{y + 25}">{escape(name)}</text>'
        )
    height = GAP + (max(rows) + 1) * ROW - (ROW - BOX[1]) + GAP
    style = (
        "svg{color:#234}rect{fill:#eef3f8;stroke:#5b7ea3}text{font:13px sans-serif;text-anchor:middle;fill:#234}"
        "path{fill:none;stroke:#5b7ea3;opacity:.55}"
        "@media(prefers-color-scheme:dark){rect{fill:#1d2a38}text{fill:#dde6ef}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="The rooms of edgequant and what they import"><style>{style}</style>\n'
        + "\n".join([*curves, *boxes])
        + "\n</svg>\n"
    )


def table() -> str:
    """A line for each room, inner ones indented: what its `__init__` says."""
    found = []
    for path in sorted(SOURCE.rglob("__init__.py"), key=lambda p: p.parent.relative_to(SOURCE).parts):
        parts = path.parent.relative_to(SOURCE).parts
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if parts else ""
        if said:
            found.append(f"{'    ' * (len(parts) - 1)}- `{'/'.join(parts)}`: {said.splitlines()[0]}")
    return "\n".join(found)


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{tail}", encoding="utf-8")
    DRAWING.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
