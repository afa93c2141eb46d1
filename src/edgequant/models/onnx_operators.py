"""ONNX operators without weights, as torch computes them; and the arithmetic of sizes around Reshape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .onnx_layers import padding, pair, same
from .onnx_site import Run, Site, Value

Operator = Callable[[Site], Run]


def _unary(run: Callable[[torch.Tensor], torch.Tensor]) -> Operator:
    return lambda site: lambda x, *_: run(x)


def _binary(kind: str) -> Operator:
    """Of tensors, of a tensor and a stored constant, or of sizes."""
    on_tensors: Any = getattr(torch, kind)
    on_sizes = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.floor_divide}

    def run(x: Value, y: Value, *rest: Value) -> Value:
        if not isinstance(x, torch.Tensor) and not isinstance(y, torch.Tensor):
            return list(np.atleast_1d(on_sizes[kind](np.asarray(x, object), np.asarray(y, object))))
        made = on_tensors(_operand(x), _operand(y))
        return run(made, *rest) if rest else made

    return lambda site: run


def _operand(value: Value) -> Value:
    """A number where a stored constant is one, so that no tensor of it is made."""
    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    return float(array.reshape(-1)[0]) if array.size == 1 else torch.from_numpy(np.array(array, np.float32))


def _clip(site: Site) -> Run:
    def run(x: torch.Tensor, low: Value = None, high: Value = None) -> torch.Tensor:
        ends = [site.get(n, None) if v is None else float(np.asarray(v)) for n, v in (("min", low), ("max", high))]
        if ends == [0.0, 6.0]:
            return F.relu6(x)
        return torch.relu(x) if ends == [0.0, None] else torch.clamp(x, *ends)

    return run


def _pool(kind: str) -> Operator:
    def prepare(site: Site) -> Run:
        size, stride = pair(site.get("kernel_shape", [1, 1])), pair(site.get("strides", [1, 1]))
        if pair(site.get("dilations", [1, 1])) != (1, 1) or len(site.node.output) != 1:
            site.refuse("has dilations or indices", "a plain pooling")
        counted = bool(site.get("count_include_pad", 0))

        def run(x: torch.Tensor) -> torch.Tensor:
            known = padding(site, list(size), stride, (1, 1))
            left, right, top, bottom = known or same(site, x, list(size), stride, (1, 1))
            ceil = bool(site.get("ceil_mode", 0)) or right > left or bottom > top
            if left > right or top > bottom or right > left + 1 or bottom > top + 1:
                site.refuse("pads its two sides by different amounts", "an even padding, or one more behind")
            if kind == "max":
                return F.max_pool2d(x, size, stride, (top, left), ceil_mode=ceil)
            return F.avg_pool2d(x, size, stride, (top, left), ceil, counted)

        return run

    return prepare


def _pad(site: Site) -> Run:
    """`pads` are the amounts before each dimension, then those behind."""

    def run(x: torch.Tensor, pads: Value = None, value: Value = None, axes: Value = None) -> torch.Tensor:
        amounts = [int(p) for p in (site.get("pads", []) if pads is None else pads)]
        rank = len(amounts) // 2
        if axes is not None or rank != 4 or any(amounts[i] for i in (0, 1, 4, 5)) or min(amounts) < 0:
            site.refuse(f"pads by {amounts}", "padding around the image")
        fill = site.get("value", 0.0) if value is None else float(np.asarray(value))
        sides = [amounts[3], amounts[7], amounts[2], amounts[6]]
        mode = {"edge": "replicate"}.get(site.get("mode", "constant"), site.get("mode", "constant"))
        return F.pad(x, sides, mode, fill if mode == "constant" else None)

    return run


def _reduce(site: Site) -> Run:
    def run(x: torch.Tensor, axes: Value = None) -> torch.Tensor:
        given = site.get("axes", None) if axes is None else axes
        if given is None:
            site.refuse("is over everything", "a mean over axes")
        return x.mean([int(a) % x.dim() for a in given], keepdim=bool(site.get("keepdims", 1)))

    return run


def _reshape(_: Site) -> Run:
    def run(x: Value, shape: Value) -> Value:
        sizes = [s if isinstance(s, torch.SymInt) else int(s) for s in shape]
        if not isinstance(x, torch.Tensor):
            return x
        sizes = [x.shape[i] if isinstance(s, int) and s == 0 else s for i, s in enumerate(sizes)]
        if len(sizes) > 1 and isinstance(sizes[0], int) and sizes[0] == 1:
            sizes[0] = x.shape[0]  # exported for one image
        return x.reshape(sizes)

    return run


def _flatten(site: Site) -> Run:
    if site.get("axis", 1) != 1:
        site.refuse(f"flattens from axis {site.get('axis', 1)}", "axis 1")
    return lambda x: x.flatten(1)


def _squeeze(site: Site) -> Run:
    def run(x: Value, axes: Value = None) -> Value:
        given = site.get("axes", None) if axes is None else axes
        if not isinstance(x, torch.Tensor):
            return x
        dims = [i for i in range(1, x.dim()) if x.shape[i] == 1] if given is None else [int(a) % x.dim() for a in given]
        return x.reshape([s for i, s in enumerate(x.shape) if i not in dims])

    return run


def _unsqueeze(site: Site) -> Run:
    def run(x: Value, axes: Value = None) -> Value:
        given = site.get("axes", None) if axes is None else axes
        if not isinstance(x, torch.Tensor):
            return list(np.atleast_1d(np.asarray(x, object)))
        rank = x.dim() + len(given)
        where = {int(a) % rank for a in given}
        sizes = iter(x.shape)
        return x.reshape([1 if i in where else next(sizes) for i in range(rank)])

    return run


def _shape(site: Site) -> Run:
    return lambda x: list(x.shape)[site.get("start", 0) : site.get("end", None)]


def _gather(site: Site) -> Run:
    """Of sizes; of a tensor, the elements at one place along an axis."""

    def run(x: Value, where: Value) -> Value:
        index = np.asarray(where)
        if isinstance(x, torch.Tensor):
            return site.refuse("picks from a tensor", "one that picks sizes")
        return x[int(index)] if index.ndim == 0 else [x[int(i)] for i in index]

    return run


def _concat(site: Site) -> Run:
    def run(*given: Value) -> Value:
        if any(isinstance(g, torch.Tensor) for g in given):
            return torch.cat([_operand(g) for g in given], site.get("axis", 0))
        return [size for one in given for size in np.atleast_1d(np.asarray(one, object))]

    return run


def _cast(site: Site) -> Run:
    """All floats are float32 here; sizes stay numbers."""
    if site.get("to", 1) not in (1, 6, 7, 10, 11):
        site.refuse(f"casts to the type number {site.get('to', 1)}", "a float or an integer type")
    return lambda x: x


def _slice(site: Site) -> Run:
    def run(x: Value, begin: Value = None, end: Value = None, axes: Value = None, steps: Value = None) -> Value:
        starts, ends = (site.get("starts", []), site.get("ends", [])) if begin is None else (begin, end)
        where = site.get("axes", None) if axes is None else axes
        dims = list(range(len(starts))) if where is None else [int(a) for a in where]
        strides = [1] * len(dims) if steps is None else [int(s) for s in steps]
        if not isinstance(x, torch.Tensor):
            return list(x)[int(starts[0]) : int(ends[0]) : strides[0]]
        for dim, a, b, step in zip(dims, starts, ends, strides):
            x = torch.ops.aten.slice.Tensor(x, dim, int(a), min(int(b), 2**62), step)
        return x

    return run


def _split(site: Site) -> Run:
    def run(x: torch.Tensor, sizes: Value = None) -> tuple[torch.Tensor, ...]:
        given, count = site.get("split", None) if sizes is None else sizes, len(site.node.output)
        axis = site.get("axis", 0)
        parts = [int(s) for s in given] if given is not None else [x.shape[axis] // count] * count
        return torch.split(x, parts, axis)

    return run


def _softmax(site: Site) -> Run:
    axis = site.get("axis", 1 if site.opset < 13 else -1)
    return lambda x: torch.softmax(x, axis)


def _resize(site: Site) -> Run:
    """Nearest as floor of asymmetric coordinates, or bilinear at half pixels: what torch computes."""

    def run(x: torch.Tensor, _: Value = None, scales: Value = None, sizes: Value = None) -> torch.Tensor:
        mode, at = site.get("mode", "nearest"), site.get("coordinate_transformation_mode", "half_pixel")
        nearest = mode == "nearest" and at == "asymmetric" and site.get("nearest_mode", "floor") == "floor"
        bilinear = mode == "linear" and at in ("half_pixel", "pytorch_half_pixel")
        if not (nearest or bilinear):
            site.refuse(f"resizes by {mode} at {at}", "nearest (asymmetric, floor) or linear (half_pixel)")
        factors = None if scales is None or not len(scales) else [float(s) for s in scales[2:]]
        size = None if factors else [int(s) for s in sizes[2:]]
        return F.interpolate(x, size, factors, "nearest" if nearest else "bilinear")

    return run


def _hard_sigmoid(site: Site) -> Run:
    if abs(site.get("alpha", 0.2) - 1 / 6) > 1e-4 or site.get("beta", 0.5) != 0.5:
        site.refuse(f"has alpha {site.get('alpha', 0.2)} and beta {site.get('beta', 0.5)}", "alpha 1/6 and beta 0.5")
    return lambda x: F.hardsigmoid(x)


OPERATORS: dict[str, Operator] = {
    "Add": _binary("add"),
    "AveragePool": _pool("average"),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": lambda site: lambda: site.known[site.node.output[0]],
    "Div": _binary("div"),
    "Dropout": _unary(lambda x: x),
    "Elu": lambda site: lambda x: F.elu(x, site.get("alpha", 1.0)),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": lambda site: lambda x: F.gelu(x, approximate=site.get("approximate", "none")),
    "GlobalAveragePool": _unary(lambda x: x.mean((2, 3), keepdim=True)),
    "GlobalMaxPool": _unary(lambda x: F.adaptive_max_pool2d(x, 1)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(F.hardswish),
    "Identity": _unary(lambda x: x),
    "LeakyRelu": lambda site: lambda x: F.leaky_relu(x, site.get("alpha", 0.01)),
    "MaxPool": _pool("max"),
    "Mul": _binary("mul"),
    "Pad": _pad,
    "ReduceMean": _reduce,
    "Relu": _unary(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": _unary(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _binary("sub"),
    "Sum": _binary("add"),
    "Tanh": _unary(torch.tanh),
    "Transpose": lambda site: lambda x: x.permute(site.get("perm", list(range(x.dim()))[::-1])),
    "Unsqueeze": _unsqueeze,
}
