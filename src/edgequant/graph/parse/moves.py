"""What only moves values: reshapes, permutes, slices, splits, paddings, concatenations, channel and pixel shuffles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from .builder import Builder, Parts
from .constants import with_weights
from .nodes import bound, name_of, refuse, shape, value
from .views import Shape, Value, View, permuted, reshaped, whole


def transparent(b: Builder, node: fx.Node) -> None:
    found = b.value(node, node.args[0])
    b.becomes(node, found.tensor, found.view)


def dropout(b: Builder, node: fx.Node) -> None:
    """Gone in evaluation; one that stays on answers by chance."""
    given = bound(node)
    if given["train"] and given["p"]:
        refuse(node, "Dropout that stays on in evaluation", "F.dropout(x, p, self.training), off in eval(), is")
    transparent(b, node)


def reshape(b: Builder, node: fx.Node) -> None:
    """A vector made or read as an image, and what has no view, is written at once; all else waits for its reader."""
    before, size = b.value(node, node.args[0]), shape(node)
    if math.prod(size) != math.prod(shape(node.args[0])):
        refuse(node, f"{node.target} across images", "one that leaves the batch dimension alone is")
    seen = reshaped(before.view, size)
    if seen is None:
        source = b.plain(node, node.args[0])
        b.becomes(node, _shaped(b, node, source, size))
    elif seen.identity or len(size) == 2 or (len(size) > 1 and len(seen.base) > 1) or not seen.plain:
        b.becomes(node, before.tensor, seen)
    elif len(size) == 3 and sorted(size)[:2] == [1, 1]:
        image = (math.prod(size), 1, 1)
        b.becomes(node, _shaped(b, node, before.tensor, image), reshaped(whole(image), size))
    else:
        b.becomes(node, _shaped(b, node, before.tensor, size))


def _shaped(b: Builder, node: fx.Node, source: str, size: Shape) -> str:
    if len(size) not in (1, 3):
        refuse(node, f"{node.target} to {size}", "images (C, H, W), vectors (C,) and their permutations are")
    return b.step(node, "reshape", [source], size, {"shape": size})


def permute(b: Builder, node: fx.Node) -> None:
    before, rank = b.value(node, node.args[0]), len(shape(node)) + 1
    order = list(range(rank))
    if name_of(node) == "permute":
        order = [int(d) % rank for d in bound(node)["dims"]]
    else:
        swapped: Any = node.args[1:3]
        first, second = (int(d) % rank for d in swapped)
        order[first], order[second] = second, first
    if order[0] != 0:
        refuse(node, f"{node.target} of the batch", "a permute that leaves the batch dimension first is")
    b.becomes(node, before.tensor, permuted(before.view, tuple(d - 1 for d in order[1:])))


def slice_(b: Builder, node: fx.Node) -> None:
    given = bound(node)
    dim, rank = int(given["dim"]), len(shape(node)) + 1
    if name_of(node) == "narrow":
        begin, end, step = given["start"], given["start"] + given["length"], 1
    else:
        begin, end, step = given["start"] or 0, given["end"], given["step"] or 1
    if dim % rank == 0 or shape(node) == shape(node.args[0]):
        if value(node).shape != value(node.args[0]).shape:
            refuse(node, "A slice of the batch", "one of channels or pixels is")
        transparent(b, node)
        return
    size = shape(node.args[0])[dim % rank - 1]
    begin, end = (min(max(p + size if p < 0 else p, 0), size) for p in (begin, size if end is None else end))
    _sliced(b, node, _whole_axis(b, node, node.args[0], dim % rank - 1), dim % rank - 1, (begin, end, step))


def _whole_axis(b: Builder, node: fx.Node, argument: Any, dim: int) -> Value:
    """The argument, written down if the dimension is not an axis of the tensor below (shuffled channels)."""
    if b.value(node, argument).view.axis(dim) is None:
        b.plain(node, argument)
    return b.value(node, argument)


def _sliced(b: Builder, node: fx.Node, found: Value, dim: int, bounds: tuple[int, int, int]) -> None:
    axis = found.view.axis(dim)
    if axis is None:
        refuse(node, f"{node.target} of part of a dimension", "a slice of all channels, rows or columns is")
    base = found.view.base
    begin, end, step = ([0] * len(base), list(base), [1] * len(base))
    begin[axis], end[axis], step[axis] = bounds
    size = tuple(-(-(e - a) // s) for a, e, s in zip(begin, end, step))
    attrs = {"begin": tuple(begin), "end": tuple(end), "step": tuple(step)}
    tensor = b.step(node, "slice", [found.tensor], size, attrs)
    b.becomes(node, tensor, found.view.over(size))


def split(b: Builder, node: fx.Node) -> None:
    """The parts are cut where they are read (`getitem`)."""
    rank = len(shape(node.args[0])) + 1
    dim = int(bound(node).get("dim") or 0) % rank
    assert dim, "torch.export keeps the batch open, so nothing can split it"
    sizes = [int(part.shape[dim]) for part in node.meta["val"]]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    bounds = tuple((end - size, end) for end, size in zip(ends, sizes))
    b.parts[node] = Parts(_whole_axis(b, node, node.args[0], dim - 1), dim - 1, bounds)


def getitem(b: Builder, node: fx.Node) -> None:
    source, index = node.args[:2]
    if source not in b.parts:  # of a pooling that also returns where the largest were
        if index != 0 or source not in b.values:
            refuse(node, f"Result {index} of {source}", "its first one is")
        transparent(b, node)
        return
    parts = b.parts[source]  # type: ignore[index]
    if parts.value is None:
        b.nowhere(node)
        return
    _sliced(b, node, parts.value, parts.dim, (*parts.bounds[int(index)], 1))  # type: ignore[arg-type]


def cat(b: Builder, node: fx.Node) -> None:
    """Along the channels, of images that are all seen in one order."""
    given = bound(node)
    operands, dim = list(given["tensors"]), int(given["dim"]) % (len(shape(node)) + 1)
    found = [b.value(node, operand) for operand in operands]
    view = found[0].view
    if dim == 0 or not all(_joins(v.view, view, dim - 1) for v in found):
        found = [Value(b.plain(node, operand), whole(shape(operand))) for operand in operands]
        view = found[0].view
        if dim != 1:
            refuse(node, f"Concatenation along dimension {dim}", "along channels it is")
    base = (sum(v.view.base[0] for v in found), *view.base[1:])
    b.becomes(node, b.step(node, "cat", [v.tensor for v in found], base), view.over(base))


def _joins(view: View, first: View, dim: int) -> bool:
    """Whether dimension `dim` is the channels, and all else is seen as the first operand sees it."""
    others = [(v.base[1:], v.dims[:dim], v.dims[dim + 1 :]) for v in (view, first)]
    return len(view.dims) == len(first.dims) and others[0] == others[1] and view.axis(dim) == 0


def pad(b: Builder, node: fx.Node) -> None:
    """Constant, reflected or replicated, around the image, in whatever order it is seen."""
    given = bound(node)
    mode = {"reflection_pad2d": "reflect", "replication_pad2d": "replicate"}.get(name_of(node))
    mode = mode or given.get("mode", "constant")
    amounts, number = [int(p) for p in given["pad" if "pad" in given else "padding"]], given.get("value") or 0.0
    found = b.value(node, node.args[0])
    sides = _sides(found.view, amounts)
    if sides is None or min(amounts) < 0 or mode == "circular" or not math.isfinite(number):
        refuse(node, f"Padding {amounts}, mode {mode}, value {number}", "padding around the image is")
    left, right, top, bottom = sides
    c, h, w = found.view.base
    base = (c, h + top + bottom, w + left + right)
    attrs: dict[str, Any] = {"padding": sides} | ({"value": float(number)} if number else {})
    attrs |= {} if mode == "constant" else {"mode": mode}
    b.becomes(node, b.step(node, "pad", [found.tensor], base, attrs), found.view.over(base))


def _sides(view: View, amounts: Sequence[int]) -> tuple[int, int, int, int] | None:
    """(left, right, top, bottom) of the image below; torch counts dimensions from the last. None: not of an image."""
    order = view.permutation()
    if order is None or len(view.base) != 3 or len(amounts) % 2:
        return None
    by_axis = dict.fromkeys(range(3), (0, 0))
    for i in range(len(amounts) // 2):
        if i < 3:
            by_axis[order[2 - i]] = (amounts[2 * i], amounts[2 * i + 1])
        elif any(amounts[2 * i : 2 * i + 2]):
            return None
    return (*by_axis[2], *by_axis[1]) if by_axis[0] == (0, 0) else None


def pixel_shuffle(b: Builder, node: fx.Node) -> None:
    """Channels in the order that the kernels want them, then depth to space."""
    block = int(bound(node)["upscale_factor"])
    source = b.plain(node, node.args[0])
    size = shape(node)
    ordered = _reordered(b, node, source, size[0], block)
    b.becomes(node, b.step(node, "depth_to_space", [ordered], size, {"block": block}))


def _reordered(b: Builder, node: fx.Node, source: str, channels: int, block: int) -> str:
    """In the weights of the convolution before it where nobody else reads that; else by a shuffle."""
    last = b.last(source)
    layer = b.layers.modules[last.layer] if last is not None and last.weighted else None
    if isinstance(layer, torch.nn.Conv2d) and layer.groups == 1 and b.alone(source):
        order = torch.arange(layer.out_channels, device="cpu").view(channels, block * block).t().flatten()
        b.stale.add(source)
        with_weights(layer, layer.weight.data[order], None if layer.bias is None else layer.bias.data[order])
        return source
    return b.step(node, "shuffle", [source], b.shapes[source], {"groups": channels}, suffix=".order")


def channel_shuffle(b: Builder, node: fx.Node) -> None:
    source = b.plain(node, node.args[0])
    b.becomes(node, b.step(node, "shuffle", [source], shape(node), {"groups": int(bound(node)["groups"])}))


def upsample(b: Builder, node: fx.Node) -> None:
    given, source, size = bound(node), b.plain(node, node.args[0]), shape(node)
    mode = "bilinear" if "bilinear" in name_of(node) else "nearest"
    scales = given.get("scale_factors") or [given.get("scales_h"), given.get("scales_w")]
    for factor, before, after in zip(scales, b.shapes[source][1:], size[1:]):
        if factor is not None and before * factor != after:
            refuse(node, f"Upsampling {before} pixels by {factor}", "a factor that gives whole pixels is")
    attrs = {
        "before": b.shapes[source][1:],
        "size": size[1:],
        "mode": mode,
        "corners": bool(given.get("align_corners")),
    }
    b.becomes(node, b.step(node, "upsample", [source], size, attrs))
