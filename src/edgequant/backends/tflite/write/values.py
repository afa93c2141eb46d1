"""TensorFlow Lite operators that compute value by value, or over an image: one function for each kind of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from ....core.errors import Unsupported
from ....graph.ops.table import OPS
from ....graph.program import Step
from ....quantization.simulation.arithmetic import limits, round_half_even
from ..layout import Op
from .emitter import Emit, Writing


def unary(code: int, options: Callable[[Step], Any] = lambda _: None) -> Emit:
    def emit(w: Writing) -> None:
        """Raises Unsupported where LiteRT 2.3 has no kernel of 16-bit activations."""
        if w.wide and OPS[w.step.kind].tflite.int16:
            raise Unsupported(
                f"LiteRT has no kernel for {w.step.kind} with 16-bit activations (layer"
                f" {w.step.layer or w.step.name!r}). Use 8-bit activations (w8a8), or target `simulation`."
            )
        w.op(code, w.inputs, options(w.step))

    return emit


def binary(code: int, make: Callable[[], Any]) -> Emit:
    def emit(w: Writing) -> None:
        options = make()
        options.fusedActivationFunction = w.fused
        if hasattr(options, "potScaleInt16"):
            options.potScaleInt16 = False  # else scales that happen to be powers of two take a narrower kernel
        w.op(code, w.inputs, options)

    return emit


gelu = unary(Op.GELU, lambda step: schema.GeluOptionsT(approximate=step.attrs["approximate"] == "tanh"))
softmax = unary(Op.SOFTMAX, lambda _: schema.SoftmaxOptionsT(beta=1.0))


def mean(w: Writing) -> None:
    _mean(w, (1, 2), bool(w.step.attrs["keepdim"]))


def channel_mean(w: Writing) -> None:
    _mean(w, (3,), True)


def _mean(w: Writing, axes: tuple[int, ...], keep: bool) -> None:
    w.op(Op.MEAN, (w.inputs[0], w.emitter.constant(axes)), schema.ReducerOptionsT(keepDims=keep))


def clamp(w: Writing) -> None:
    """Of integers: onto the output's grid, which saturates; MAXIMUM and MINIMUM where the grid goes further."""
    low, high = w.step.attrs["low"], w.step.attrs["high"]
    ends: list[tuple[int, float, float]] = [(Op.MAXIMUM, low, low), (Op.MINIMUM, high, high)]
    current = w.inputs[0]
    if w.integer:
        p = w.grid
        grid = (p.low - p.zero_point, p.high - p.zero_point)
        bounds = zip((Op.MAXIMUM, Op.MINIMUM), limits(w.step, p), grid)
        ends = [(code, 0.0, bound) for code, bound, end in bounds if bound != end or w.wide]
        rounded = w.between(w.output, w.shape(w.output), "grid") if ends else w.output
        w.op(Op.QUANTIZE, (current,), output=rounded)
        current = rounded
    for i, (code, real, q) in enumerate(ends):
        target = w.output if i == len(ends) - 1 else w.between(w.output, w.shape(w.output), str(i))
        w.op(code, (current, w.number(w.output, real, q)), schema.MaximumMinimumOptionsT(), target)
        current = target


def capped(w: Writing, emit: Emit) -> None:
    """`emit`, and behind it the upper end of a ReLU1, which no operator fuses, where the grid goes beyond it."""
    end = round_half_even(1.0, w.grid.scale) if w.integer and w.step.activation == "relu1" else 0.0
    if w.step.activation != "relu1" or (w.integer and end >= w.grid.high - w.grid.zero_point):
        emit(w)
        return
    uncapped = w.between(w.output, w.shape(w.output), "uncapped")
    emit(replace(w, output=uncapped))
    w.op(Op.MINIMUM, (uncapped, w.number(w.output, 1.0, end)), schema.MaximumMinimumOptionsT())
