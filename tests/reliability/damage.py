"""Ways to damage a file: of its bytes, of one entry of an archive, of one value of a JSON text. Hypothesis picks."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

from hypothesis import strategies as st

PLACES = st.integers(0, 2**31 - 1)  # taken modulo what there is
CHUNKS = st.binary(min_size=1, max_size=16)
EXTREME = (0, 1, -1, 2**31 - 1, -(2**31), 2**16, 127, -128)
WORDS = (
    b'"',
    b"[",
    b"]]",
    b"{",
    b"}",
    b"\n",
    b"=",
    b"#",
    b"\x00",
    b"\xff\xfe",
    b"1e999",
    b"-",
    b"true",
    b"[[network]]",
)
DEEP = b"[" * 3000  # deeper than a recursive parser's stack
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, 2**70, "", "x", "../../x", "</script>", "\x00\ud800", [], [1], [[]], {}, {"x": 1},
    [None], "NaN", {"id": None},
)  # fmt: skip
ZIPPED = (".npz", ".keras", ".pt2", ".pt")


def edits(text: bool = False) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """One to four changes of a file's bytes; for texts, words that mean something to a parser go in, too."""
    kinds = [
        st.tuples(st.just("flip"), PLACES, st.integers(1, 255)),
        st.tuples(st.just("cut"), PLACES),
        st.tuples(st.just("drop"), PLACES, st.integers(1, 64)),
        st.tuples(st.just("insert"), PLACES, CHUNKS),
        st.tuples(st.just("swap"), PLACES, PLACES, st.integers(1, 32)),
        st.tuples(st.just("number"), PLACES, st.sampled_from(EXTREME)),
    ]
    if text:
        kinds += [st.tuples(st.just("insert"), PLACES, st.sampled_from((*WORDS, DEEP)))] * 2
    return st.lists(st.one_of(kinds), min_size=1, max_size=4)


def damaged(data: bytes, changes: list[tuple[Any, ...]]) -> bytes:
    for change in changes:
        data = _changed(data, *change) if data else data
    return data


def _changed(data: bytes, kind: str, place: int, *more: Any) -> bytes:
    at = place % len(data)
    if kind == "flip":
        return data[:at] + bytes((data[at] ^ more[0],)) + data[at + 1 :]
    if kind == "cut":
        return data[:at]
    if kind == "drop":
        return data[:at] + data[at + more[0] :]
    if kind == "insert":
        return data[:at] + more[0] + data[at:]
    if kind == "number":
        at -= at % 4
        return data[:at] + struct.pack("<i", more[0]) + data[at + 4 :]
    other, size = more[0] % len(data), more[1]
    first, second = sorted((at, other))
    size = min(size, second - first)
    return data[:first] + data[second : second + size] + data[first + size : second] + data[first : first + size] + data[second + size :]  # fmt: skip  # noqa: E501


def repacked(data: bytes, place: int, changes: list[tuple[Any, ...]]) -> bytes:
    """The archive with one entry damaged, and its checksums right again."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        for position, name in enumerate(names):
            content = old.read(name)
            new.writestr(name, damaged(content, changes) if position == place % len(names) else content)
    return made.getvalue()


def other_json(data: bytes, place: int, value: Any, drop: bool) -> bytes:
    """The JSON text with one value, anywhere in it, taken out or exchanged for another of any type."""
    record = json.loads(data)
    spots = list(_spots(record))
    holder, key = spots[place % len(spots)]
    if drop and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = value
    return json.dumps(record).encode()


def _spots(value: Any) -> Any:
    """(holder, key) of every value inside."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _spots(inner)
