"""The op table's operations as ONNX nodes: one function a row, all in float.

Quantization is put around these nodes, never into them (see onnx_lower.py), because QDQ is how
ONNX says "integer": the runtime fuses DequantizeLinear, op, QuantizeLinear to one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
from torch import nn

from ...graph.ops.op import Onnx, named
from ...graph.ops.table import OPS
from ...graph.program import Step
from . import moves as onnx_moves
from .graph import OnnxGraph
from .moves import batched_shape


class Site(Protocol):
    """Where an op is written: the graph, the float type, and the parameters of a step's layer."""

    graph: OnnxGraph

    def layer(self, step: Step) -> nn.Conv2d | nn.Linear: ...

    def parameters(self, step: Step) -> list[str]:
        """Names of the float weight and, if there is one, of the float bias."""

    def float_constant(self, value: Any) -> str:
        """A constant in the float type of the graph."""


Emitter = Callable[[Site, Step, Sequence[str], str], str]


def conv2d(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    names = [*inputs, *site.parameters(step)]
    return site.graph.node("Conv", names, output, **conv_attributes(cast(nn.Conv2d, site.layer(step)), step))


def linear(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Gemm", [*inputs, *site.parameters(step)], output, transB=1)


def pool(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    """Padding does not count: `count_include_pad` is 0 by default."""
    return site.graph.node(OPS[step.kind].onnx.nodes[0], inputs, output, **_window(step))


def pad(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    number = [site.float_constant(step.attrs["value"])] if step.attrs.get("value") else []
    return onnx_moves.pad(site.graph, step, [*inputs, *number], output)


def clamp(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    ends = [site.float_constant(step.attrs[name]) for name in ("low", "high")]
    return site.graph.node("Clip", [*inputs, *ends], output)


def rsqrt(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    root = site.graph.node("Sqrt", inputs, f"{step.name}/root")
    return site.graph.node("Reciprocal", [root], output)


def channel_mean(site: Site, _: Step, inputs: Sequence[str], output: str) -> str:
    axes = site.graph.constant(np.array([1], np.int64))
    return site.graph.node("ReduceMean", [*inputs, axes], output)


def reshape(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Reshape", [*inputs, batched_shape(site.graph, step.shape)], output)


def _bounded(high: float) -> Emitter:
    def emit(site: Site, _: Step, inputs: Sequence[str], output: str) -> str:
        return site.graph.node("Clip", [*inputs, site.float_constant(0.0), site.float_constant(high)], output)

    return emit


def requantize(_: Site, __: Step, inputs: Sequence[str], ___: str) -> str:
    """The grids around it are the operation."""
    return inputs[0]


relu6 = _bounded(6.0)


def _emitter(kind: str, row: Onnx) -> Emitter:
    def emit(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
        if row.integers:
            return onnx_moves.MOVES[kind](site.graph, step, inputs, output)
        given = {theirs: step.attrs[ours] for ours, theirs in row.attributes.items()}
        return site.graph.node(row.nodes[0], inputs, output, **row.fixed, **given)

    return named("onnx write", row.write, kind) if row.write else emit


EMIT: dict[str, Emitter] = {kind: _emitter(kind, row.onnx) for kind, row in OPS.items()}
ACTIVATIONS: dict[str, Emitter] = {"relu": EMIT["relu"], "relu6": EMIT["relu6"], "relu1": _bounded(1.0)}


def conv_attributes(conv: nn.Conv2d, step: Step) -> dict[str, Any]:
    """Conv's attributes, without those that are ONNX's defaults; they also fit ConvInteger."""
    left, right, top, bottom = step.attrs.get("padding", (0, 0, 0, 0))  # merged into the convolution
    given = {
        "strides": list(conv.stride),
        "pads": [a + b for a, b in zip(conv_pads(conv), (top, left, bottom, right))],
        "dilations": list(conv.dilation),
        "group": conv.groups,
    }
    default = {"strides": [1, 1], "pads": [0, 0, 0, 0], "dilations": [1, 1], "group": 1}
    return {name: value for name, value in given.items() if value != default[name]}


def conv_pads(conv: nn.Conv2d) -> list[int]:
    """[top, left, bottom, right]; torch's "same" puts the odd row or column behind."""
    if conv.padding == "valid":
        return [0, 0, 0, 0]
    if conv.padding == "same":
        total = [d * (k - 1) for d, k in zip(conv.dilation, conv.kernel_size)]
        begin = [t // 2 for t in total]
        return [*begin, *(t - b for t, b in zip(total, begin))]
    return [int(p) for p in conv.padding] * 2


def _window(step: Step) -> dict[str, Any]:
    kernel, stride, padding = (list(step.attrs[name]) for name in ("kernel", "stride", "padding"))
    given = {"kernel_shape": kernel}
    if stride != [1, 1]:
        given["strides"] = stride
    if padding != [0, 0]:
        given["pads"] = padding * 2
    return given | ({"ceil_mode": 1} if step.attrs.get("ceil") else {})
