"""How a figure is written, the same in every section and every format of the report.

Each function takes a value of results.json as it is, and writes `ABSENT` for one that is missing,
null or not a finite number: a report is rendered from whatever was measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

ABSENT = "–"
SAME_SPEED = 1.05  # p50s of one file in two processes differ by this much; less is not called faster or slower


def number(value: Any) -> float | None:
    """`value` as a float; None where it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def signed(value: float, digits: int) -> str:
    """With a true minus sign, and no negative zero."""
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")


def percent(value: Any) -> str:
    """0.9412 -> 94.12%. What is not exactly 1 is never rounded up to 100%."""
    fraction = number(value)
    if fraction is None:
        return ABSENT
    digits = 2
    while fraction < 1 and round(100 * fraction, digits) >= 100 and digits < 8:
        digits += 1
    return f"{signed(100 * fraction, digits)}%"


def points(value: Any) -> str:
    """Percentage points: 0.35 -> 0.35 pt."""
    drop = number(value)
    return ABSENT if drop is None else f"{signed(drop, 2)} pt"


def ends(pair: Any) -> tuple[float | None, float | None]:
    """Of an interval as recorded; (None, None) for what is none."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return None, None
    return number(pair[0]), number(pair[1])


def interval(pair: Any, factor: float = 1.0) -> str:
    """[0.9365, 0.9457] with factor 100 -> 93.65 to 94.57; empty where there is none."""
    low, high = ends(pair)
    return "" if low is None or high is None else f"{signed(factor * low, 2)} to {signed(factor * high, 2)}"


def with_interval(value: str, pair: Any, factor: float = 1.0) -> str:
    """94.12% (93.65 to 94.57)"""
    text = interval(pair, factor)
    return f"{value} ({text})" if text and value != ABSENT else value


def probability(value: Any) -> str:
    p = number(value)
    if p is None:
        return ABSENT
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def size_short(value: Any) -> str:
    """Bytes in decimal units: 2462008 -> 2.46 MB."""
    count = number(value)
    if count is None:
        return ABSENT
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.2f} {unit}" if count < 100 * factor else f"{count / factor:.0f} {unit}"
    return f"{count:.0f} B"


def size(value: Any) -> str:
    """2462008 -> 2.46 MB (2,462,008)"""
    count = number(value)
    return ABSENT if count is None else f"{size_short(count)} ({count:,.0f})"


def ratio(value: Any) -> str:
    """3.62 -> 3.62×"""
    times = number(value)
    return ABSENT if times is None else f"{times:.2f}×"


def milliseconds(value: Any) -> str:
    """About three significant digits: 0.042 ms, 0.23 ms, 14.0 ms, 120 ms."""
    ms = number(value)
    if ms is None:
        return ABSENT
    digits = next((d for limit, d in ((0.1, 3), (10, 2), (100, 1)) if abs(ms) < limit), 0)
    return f"{ms:,.{digits}f} ms"


def count(value: Any) -> str:
    whole = number(value)
    return ABSENT if whole is None else f"{whole:,.0f}"


def significant(value: Any) -> str:
    """Three significant digits, of what may be very small: 0.000123."""
    found = number(value)
    return ABSENT if found is None else f"{found:.3g}"


def decibels(value: Any) -> str:
    level = number(value)
    return ABSENT if level is None else f"{level:.1f} dB"


def plain(value: Any) -> str:
    """Any value of a study or of an environment, in a cell."""
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or ABSENT
    return str(value)


def speed(ms: float, reference_ms: float) -> str:
    """`4.35× faster than`, `1.40× slower than`, or `as fast as` where they differ by less than SAME_SPEED."""
    faster = reference_ms / ms if ms > 0 else 1.0
    if 1 / SAME_SPEED <= faster <= SAME_SPEED:
        return "as fast as"
    return f"{faster:.2f}× faster than" if faster > 1 else f"{1 / faster:.2f}× slower than"


def smaller(times: float) -> str:
    """`3.62× smaller than` or `1.10× larger than`"""
    return f"{times:.2f}× smaller than" if times >= 1 or times <= 0 else f"{1 / times:.2f}× larger than"


def sort_key(cell: str) -> float | None:
    """What a cell sorts by: the exact number in brackets at its end, else the one it starts with; None for text."""
    exact = re.search(r"\(([\d,]+)\)$", cell)
    match = exact or re.match(r"[<★ ]*([−-]?[\d,]*\.?\d+(?:e[-+]\d+)?)(?=$|[\s%×/])", cell)
    return None if match is None else float(match.group(1).replace(",", "").replace("−", "-"))


def numeric_columns(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns of a table (header first) hold only numbers and absent ones; those are set flush right."""
    columns = list(zip(*rows[1:])) if len(rows) > 1 else [()] * len(rows[0]) if rows else []
    return [
        any(cell != ABSENT for cell in column) and all(c == ABSENT or sort_key(c) is not None for c in column)
        for column in columns
    ]
