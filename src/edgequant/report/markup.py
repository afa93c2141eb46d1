"""Markdown as the sections write it, and data made harmless inside it.

Whatever comes from results.json goes through `escape`, `code` or `fence` before it stands in a
section's text. Table cells stay plain strings: each renderer escapes those for its own format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# Control characters break XML and terminals, and bidirectional overrides show a text as another one.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]|&(?=[#\w]+;)|(?<![^\W_])_|_(?![^\W_])")


def clean(value: Any) -> Any:
    """The same value with text that every format can hold: no control characters, no lone surrogates."""
    if isinstance(value, str):
        return _UNSAFE.sub("\ufffd", value.encode("utf-8", "replace").decode())
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list | tuple) else value


def line(value: Any) -> str:
    """On one line, whatever it was."""
    return " ".join(str(value).split())


def network(record: Mapping[str, Any]) -> str:
    """A network and its data, on one line, as a record of `sensitivity` or `search` names them."""
    return f"{line(record.get('network') or 'unnamed network')} on {line(record.get('data') or 'unnamed data')}"


def escape(value: Any) -> str:
    """Data as literal text inside a Markdown sentence or table cell."""
    return _SPECIAL.sub(lambda match: "\\" + match.group(), line(value))


def code(value: Any) -> str:
    """Data as a code span, whatever backticks are in it."""
    text = line(value) or " "
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(text: str, language: str = "") -> str:
    """A code block that nothing inside it can close."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def sentence(value: Any) -> str:
    """A recorded reason, escaped, with exactly one full stop."""
    return f"{escape(value).rstrip('.')}." if line(value) else "No reason was recorded."


def listed(items: Sequence[str], limit: int = 12) -> str:
    """`a`, `b` and `c`; the rest is counted."""
    shown = [code(item) for item in items[:limit]]
    if len(items) > limit:
        shown.append(f"{len(items) - limit} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
