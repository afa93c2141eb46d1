"""TensorFlow Lite operators that only move values, resize, clamp, or compute value by value: one function for each row.

Some rows are several operators with tensors between them; all of those lie on one grid, so nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ....core.errors import Unsupported
from ....graph.program import Step
from ....quantization.simulation.arithmetic import limits, round_half_even
from ..layout import Op, Options, Type
from .emitter import Emitter

Emit = Callable[[Emitter, Step, list[int], int, bool], None]
NO_INT16 = frozenset({"elu", "gelu", "hard_swish", "rsqrt"})  # rows whose kernel lacks 16 bits, or has them wrong


def check_width(e: Emitter, step: Step) -> None:
    """Raises Unsupported where LiteRT 2.3 has no kernel of 16-bit activations."""
    if step.kind in NO_INT16 and e.reference.activations[step.name].bits > 8:
        raise Unsupported(
            f"LiteRT has no kernel for {step.kind} with 16-bit activations (layer {step.layer or step.name!r})."
            " Use 8-bit activations (w8a8), or target `simulation`."
        )


def unary(code: int, kind: int = 0, options: Callable[[Step], Any] = lambda _: None) -> Emit:
    def emit(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
        if integer:
            check_width(e, step)
        e.op(code, step, tuple(inputs), output, integer, kind, options(step))

    return emit


def leaky_options(step: Step) -> Any:
    options = schema.LeakyReluOptionsT()
    options.alpha = step.attrs["slope"]
    return options


def gelu_options(step: Step) -> Any:
    options = schema.GeluOptionsT()
    options.approximate = step.attrs["approximate"] == "tanh"
    return options


def between(e: Emitter, like: int, shape: Sequence[int], name: str) -> int:
    """A tensor on the grid of another, in another shape."""
    source = e.writer.tensors[like]
    return e.writer.tensor(tuple(int(s) for s in shape), source.type, source.quant, name)


def constant_like(e: Emitter, like: int, real: float, q: float) -> int:
    """One number, on the grid of a tensor: `q` is its centred integer, `real` what a float tensor takes."""
    source = e.writer.tensors[like]
    zero_point = source.quant.zero_point[0] if source.quant else 0
    value = np.array([[[[q + zero_point if source.quant else real]]]])
    return e.integers_of(value, source.type, source.quant)


def clamp(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    """Of integers: onto the output's grid, which saturates; MAXIMUM and MINIMUM where the grid goes further."""
    low, high = step.attrs["low"], step.attrs["high"]
    ends: list[tuple[int, float, float]] = [(Op.MAXIMUM, low, low), (Op.MINIMUM, high, high)]
    current = inputs[0]
    if integer:
        p = e.reference.activations[step.name]
        found, grid = limits(step, p), (p.low - p.zero_point, p.high - p.zero_point)
        ends = [
            (code, 0.0, bound)
            for (code, _, _), bound, end in zip(ends, found, grid)
            if bound != end or p.bits > 8
        ]  # fmt: skip
        rounded = between(e, output, e.writer.tensors[output].shape, f"{step.name}.grid") if ends else output
        e.op(Op.QUANTIZE, step, (current,), rounded, integer)
        current = rounded
    for i, (code, real, q) in enumerate(ends):
        target = (
            output if i == len(ends) - 1 else between(e, output, e.writer.tensors[output].shape, f"{step.name}.{i}")
        )
        bound = constant_like(e, output, real, q)
        options = schema.MaximumMinimumOptionsT()
        e.op(code, step, (current, bound), target, integer, Options.MaximumMinimumOptions, options)
        current = target


def cap(e: Emitter, step: Step, x: int, output: int, integer: bool) -> None:
    """The upper end of a ReLU1, which no operator fuses."""
    scale = e.reference.activations[step.name].scale if integer else 1.0
    bound = constant_like(e, output, 1.0, round_half_even(1.0, scale) if integer else 0.0)
    options = schema.MaximumMinimumOptionsT()
    e.op(Op.MINIMUM, step, (x, bound), output, integer, Options.MaximumMinimumOptions, options)


def needs_cap(e: Emitter, step: Step, integer: bool) -> bool:
    """Whether the output's grid goes beyond the 1 at which a ReLU1 ends."""
    if step.activation != "relu1" or not integer:
        return step.activation == "relu1"
    p = e.reference.activations[step.name]
    return round_half_even(1.0, p.scale) < p.high - p.zero_point


def channel_mean(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    options = schema.ReducerOptionsT()
    options.keepDims = True
    axes = e.integers_of(np.array([3]), Type.INT32)
    e.op(Op.MEAN, step, (inputs[0], axes), output, integer, Options.ReducerOptions, options)


def upsample(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    size = e.integers_of(np.array(step.attrs["size"]), Type.INT32)
    bilinear = step.attrs["mode"] == "bilinear"
    options: Any = schema.ResizeBilinearOptionsT() if bilinear else schema.ResizeNearestNeighborOptionsT()
    options.alignCorners = bilinear and step.attrs["corners"]
    options.halfPixelCenters = bilinear and not step.attrs["corners"]
    code = Op.RESIZE_BILINEAR if bilinear else Op.RESIZE_NEAREST_NEIGHBOR
    kind = Options.ResizeBilinearOptions if bilinear else Options.ResizeNearestNeighborOptions
    e.op(code, step, (inputs[0], size), output, integer, kind, options)


def slice_(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    begin, end, stride = (_nhwc(step.attrs[k], fill) for k, fill in (("begin", 0), ("end", 1), ("step", 1)))
    cut(e, step, inputs[0], output, integer, (begin, end, stride))


Ends = tuple[list[int], list[int], list[int]]


def cut(e: Emitter, step: Step, x: int, output: int, integer: bool, ends: Ends) -> None:
    """SLICE, which XNNPACK takes, where the stride is 1."""
    begin, end, stride = ends
    if set(stride) == {1}:
        size = [b - a for a, b in zip(begin, end)]
        operands = [e.integers_of(np.array(v), Type.INT32) for v in (begin, size)]
        e.op(Op.SLICE, step, (x, *operands), output, integer, Options.SliceOptions, schema.SliceOptionsT())
        return
    operands = [e.integers_of(np.array(v), Type.INT32) for v in ends]
    options = schema.StridedSliceOptionsT()
    e.op(Op.STRIDED_SLICE, step, (x, *operands), output, integer, Options.StridedSliceOptions, options)


def _nhwc(values: Sequence[int], batch: int) -> list[int]:
    return [batch, *values[1:], values[0]] if len(values) == 3 else [batch, *values]


def shuffle(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    c, h, w = step.shape
    groups = step.attrs["groups"]
    _transposed(e, step, inputs[0], output, integer, (h * w, groups, c // groups), (0, 2, 1))


def depth_to_space(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    """DEPTH_TO_SPACE has no 16 bits; a TRANSPOSE has."""
    block = step.attrs["block"]
    if integer and e.reference.activations[step.name].bits > 8:
        _, h, w, c = e.writer.tensors[inputs[0]].shape
        _transposed(e, step, inputs[0], output, integer, (h, w, block, c // block), (0, 2, 1, 3))
        return
    options = schema.DepthToSpaceOptionsT()
    options.blockSize = block
    e.op(Op.DEPTH_TO_SPACE, step, (inputs[0],), output, integer, Options.DepthToSpaceOptions, options)


def _transposed(
    e: Emitter, step: Step, x: int, output: int, integer: bool, shape: tuple[int, ...], order: tuple[int, ...]
) -> None:
    """RESHAPE to `shape`, TRANSPOSE, RESHAPE to the output's shape."""
    apart = between(e, x, shape, f"{step.name}.apart")
    moved = between(e, x, [shape[i] for i in order], f"{step.name}.moved")
    reshape(e, step, x, apart, integer)
    axes = e.integers_of(np.array(order), Type.INT32)
    e.op(Op.TRANSPOSE, step, (apart, axes), moved, integer, Options.TransposeOptions, schema.TransposeOptionsT())
    reshape(e, step, moved, output, integer)


def reshape(e: Emitter, step: Step, x: int, output: int, integer: bool) -> None:
    target = e.integers_of(np.array(e.writer.tensors[output].shape), Type.INT32)
    e.op(Op.RESHAPE, step, (x, target), output, integer, Options.ReshapeOptions, schema.ReshapeOptionsT())


MORE: dict[str, Emit] = {
    "channel_mean": channel_mean,
    "clamp": clamp,
    "depth_to_space": depth_to_space,
    "elu": unary(Op.ELU),
    "gelu": unary(Op.GELU, Options.GeluOptions, gelu_options),
    "hard_swish": unary(Op.HARD_SWISH),
    "leaky_relu": unary(Op.LEAKY_RELU, Options.LeakyReluOptions, leaky_options),
    "requantize": unary(Op.QUANTIZE),
    "rsqrt": unary(Op.RSQRT),
    "shuffle": shuffle,
    "slice": slice_,
    "tanh": unary(Op.TANH),
    "upsample": upsample,
}
