"""What a search for mixed precision chose, against its first scheme everywhere: in words, the price first."""

from __future__ import annotations

from . import format as fmt
from . import lookup as look


def verdict(record: look.Variant) -> str:
    """Latency, bytes and what it loses, each with how it is known. One paragraph of plain text."""
    base = _first(record)
    chosen = look.mapping(record.get("chosen"))
    if look.mapping(chosen).get("narrow") == 0:
        head = f"Nothing narrower fits the budgets: the chosen mix is {base} in every layer."
    else:
        head = f"The chosen mix is {speed(record)}; {_size(record)}."
    return " ".join(part for part in (head, _loss(record), str(record.get("unfit") or "")) if part)


def speed(record: look.Variant) -> str:
    """`2.20× slower than w8a8 everywhere (0.51 ms against 0.23 ms, timed in turns on one thread)`"""
    base, both = _first(record), look.mapping(record.get("both"))
    ours, theirs = (fmt.number(look.mapping(both.get(name)).get("p50")) for name in ("chosen", "base"))
    if ours is None or theirs is None:
        return _predicted(record)
    low, high = fmt.ends(look.mapping(record.get("ratio")).get("ci95"))
    unsure = low is not None and high is not None and low <= 1 <= high
    words = "within the noise as fast as" if unsure else fmt.speed(ours, theirs)
    figures = f"{fmt.milliseconds(ours)} against {fmt.milliseconds(theirs)}"
    return f"{words} {base} everywhere ({figures}, timed in turns on one thread)"


def _predicted(record: look.Variant) -> str:
    ours, theirs = (fmt.number(look.mapping(record.get(k)).get("ms")) for k in ("chosen", "base"))
    if ours is None or theirs is None:
        return f"not timed, for {record.get('target')} makes no file"
    figures = f"{fmt.milliseconds(ours)} against {fmt.milliseconds(theirs)}"
    return f"{fmt.speed(ours, theirs)} {_first(record)} everywhere ({figures}, predicted from measured layers)"


def _size(record: look.Variant) -> str:
    ours, theirs = (
        fmt.number(look.mapping(look.mapping(record.get(k)).get("measured")).get("bytes")) for k in ("chosen", "base")
    )
    if not ours or theirs is None:
        return "its size is not known"
    return f"{fmt.smaller(theirs / ours)} it ({fmt.count(ours)} bytes against {fmt.count(theirs)})"


def _loss(record: look.Variant) -> str:
    chosen = look.mapping(record.get("chosen"))
    drop, spread = fmt.number(chosen.get("drop")), fmt.interval(chosen.get("drop_ci95"))
    where = f"{fmt.count(record.get('n'))} {record.get('split') or ''} images, simulated"
    if drop is None:
        return f"The images have no labels, so what it loses was not measured (KL divergence only, on {where})."
    word = "loses" if drop >= 0 else "wins"
    interval = f" (95% interval of the loss {spread})" if spread else ""
    return f"It {word} {abs(drop):.2f} points against float32{interval} on {where}."


def _first(record: look.Variant) -> str:
    schemes = record.get("schemes")
    return str(schemes[0]) if isinstance(schemes, list) and schemes else "the first scheme"
