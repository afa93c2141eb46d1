"""Pooling, global and windowed, and means over pixels."""

from __future__ import annotations

import math
from typing import Any

from torch import fx

from .builder import Builder
from .nodes import bound, pair, refuse, shape
from .views import Shape, View


def mean(b: Builder, node: fx.Node) -> None:
    """Over height and width, in whatever order the image is seen; or over the channels, which become one.

    What is left keeps the order in which it was seen: shuffled channels stay a view of the means.
    """
    given = bound(node).get("dim")
    view, rank = b.value(node, node.args[0]).view, len(shape(node.args[0])) + 1
    dims = {int(d) % rank for d in given or [0]}
    gone = [atom for d in dims if d for atom in view.dims[d - 1]]
    kept = len(shape(node)) == rank - 1
    left = [() if d in dims else atoms for d, atoms in enumerate(view.dims, 1) if kept or d not in dims]
    if len(view.base) != 3 or 0 in dims:
        refuse(node, f"A mean over dimensions {given}", "one over height and width is")
    c, h, w = view.base
    count, tensor = math.prod(size for _, size, _ in gone), b.value(node, node.args[0]).tensor
    if count == h * w and all(axis for axis, _, _ in gone):
        size: Shape = (c, 1, 1) if kept else (c,)
        made = b.step(node, "mean", [tensor], size, {"keepdim": kept})
    elif count == c and not any(axis for axis, _, _ in gone):
        size = (1, h, w)
        made = b.step(node, "channel_mean", [tensor], size)
    else:
        refuse(node, f"A mean over dimensions {given}", "one over height and width is")
    b.becomes(node, made, View(size, tuple(left)))


def adaptive_avg_pool2d(b: Builder, node: fx.Node) -> None:
    if _asked(b, node) == [1, 1]:
        _whole_mean(b, node)
    else:
        kernel = _adaptive(b, node)
        _append(b, node, "avg_pool2d", {"kernel": kernel, "stride": kernel, "padding": [0, 0]})


def adaptive_max_pool2d(b: Builder, node: fx.Node) -> None:
    kernel = _adaptive(b, node)
    _append(b, node, "max_pool2d", {"kernel": kernel, "stride": kernel, "padding": [0, 0]})


def _adaptive(b: Builder, node: fx.Node) -> list[int]:
    size, (h, w) = _asked(b, node), b.shapes[b.plain(node, node.args[0])][-2:]
    if h % size[0] or w % size[1]:
        refuse(node, f"Adaptive pooling from {h}x{w} to {size[0]}x{size[1]}, with unequal windows,", "equal ones are")
    return [h // size[0], w // size[1]]


def _asked(b: Builder, node: fx.Node) -> list[int]:
    """The size that an adaptive pooling makes; None keeps that of the image."""
    given: Any = node.args[1]
    both = [given, given] if given is None or isinstance(given, int) else [*given] * (2 // len(given))
    return [old if new is None else int(new) for new, old in zip(both, b.shapes[b.plain(node, node.args[0])][-2:])]


def _whole_mean(b: Builder, node: fx.Node) -> None:
    source = b.plain(node, node.args[0])
    b.becomes(node, b.step(node, "mean", [source], (b.shapes[source][0], 1, 1), {"keepdim": True}))


def max_pool2d(b: Builder, node: fx.Node) -> None:
    given = bound(node)
    if pair(given["dilation"]) != [1, 1]:
        refuse(node, "max_pool2d with dilation", "the plain one is")
    window = _window(given)
    _append(b, node, "max_pool2d", window | ({"ceil": True} if given["ceil_mode"] else {}))


def avg_pool2d(b: Builder, node: fx.Node) -> None:
    """Padding that counts is zeros of a step of its own before the pooling."""
    given = bound(node)
    window, ceil = _window(given), bool(given["ceil_mode"])
    padded = window["padding"] != [0, 0]
    counted = given["count_include_pad"] and padded
    if given["divisor_override"] is not None or (ceil and counted):
        refuse(node, "avg_pool2d with a divisor, or with ceil_mode and counted padding", "the plain one is")
    source = b.plain(node, node.args[0])
    if window["kernel"] == list(b.shapes[source][1:]) and not padded:
        _whole_mean(b, node)
    elif counted:
        _counted(b, node, source, window)
    else:
        _append(b, node, "avg_pool2d", window | ({"ceil": True} if ceil else {}))


def _counted(b: Builder, node: fx.Node, source: str, window: dict[str, Any]) -> None:
    (ph, pw), (c, h, w) = window["padding"], b.shapes[source]
    size = (c, h + 2 * ph, w + 2 * pw)
    padded = b.step(node, "pad", [source], size, {"padding": (pw, pw, ph, ph)}, suffix=".padded")
    b.becomes(node, b.step(node, "avg_pool2d", [padded], _made(node), window | {"padding": [0, 0]}))


def amax(b: Builder, node: fx.Node) -> None:
    """The largest pixel of each channel."""
    given = bound(node)
    source = b.plain(node, node.args[0])
    base = b.shapes[source]
    if len(base) != 3 or sorted(int(d) % 4 for d in given["dim"]) != [2, 3]:
        refuse(node, f"A maximum over dimensions {given['dim']}", "one over height and width is")
    kernel = list(base[1:])
    window = {"kernel": kernel, "stride": kernel, "padding": [0, 0]}
    kept = bool(given["keepdim"])
    made = b.step(node, "max_pool2d", [source], (base[0], 1, 1), window, suffix="" if kept else ".kept")
    if not kept:
        made = b.step(node, "reshape", [made], base[:1], {"shape": base[:1]})
    b.becomes(node, made)


def _append(b: Builder, node: fx.Node, kind: str, window: dict[str, Any]) -> None:
    b.becomes(node, b.step(node, kind, [b.plain(node, node.args[0])], _made(node), window))


def _made(node: fx.Node) -> tuple[int, ...]:
    """The shape of the result; of a pooling that returns two, of the first."""
    result = node.meta["val"]
    first = result[0] if isinstance(result, list | tuple) else result
    return tuple(int(d) for d in first.shape[1:])


def _window(given: dict[str, Any]) -> dict[str, Any]:
    size, stride = given["kernel_size"], given["stride"]
    return {"kernel": pair(size), "stride": pair(stride or size), "padding": pair(given["padding"])}
