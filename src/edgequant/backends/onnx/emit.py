"""The op table's operations as ONNX nodes: one function a row, all in float.

Quantization is put around these nodes, never into them (see onnx_lower.py), because QDQ is how
ONNX says "integer": the runtime fuses DequantizeLinear, op, QuantizeLinear to one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
from torch import nn

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


def _simple(kind: str, **attributes: Any) -> Emitter:
    return lambda site, _, inputs, output: site.graph.node(kind, inputs, output, **attributes)


def _conv2d(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    names = [*inputs, *site.parameters(step)]
    return site.graph.node("Conv", names, output, **conv_attributes(cast(nn.Conv2d, site.layer(step)), step))


def _linear(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Gemm", [*inputs, *site.parameters(step)], output, transB=1)


def _max_pool2d(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("MaxPool", inputs, output, **_window(step))


def _avg_pool2d(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("AveragePool", inputs, output, **_window(step))  # count_include_pad is 0 by default


def _mean(site: Site, _: Step, inputs: Sequence[str], output: str) -> str:
    """Height and width stay as 1: the one global pooling that has an integer kernel keeps them."""
    return site.graph.node("GlobalAveragePool", inputs, output)


def _pad(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    number = [site.float_constant(step.attrs["value"])] if step.attrs.get("value") else []
    return onnx_moves.pad(site.graph, step, [*inputs, *number], output)


def _move(kind: str) -> Emitter:
    return lambda site, step, inputs, output: onnx_moves.MOVES[kind](site.graph, step, inputs, output)


def _clamp(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    ends = [site.float_constant(step.attrs[name]) for name in ("low", "high")]
    return site.graph.node("Clip", [*inputs, *ends], output)


def _rsqrt(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    root = site.graph.node("Sqrt", inputs, f"{step.name}/root")
    return site.graph.node("Reciprocal", [root], output)


def _channel_mean(site: Site, _: Step, inputs: Sequence[str], output: str) -> str:
    axes = site.graph.constant(np.array([1], np.int64))
    return site.graph.node("ReduceMean", [*inputs, axes], output)


def _leaky_relu(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("LeakyRelu", inputs, output, alpha=float(step.attrs["slope"]))


def _gelu(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Gelu", inputs, output, approximate=step.attrs["approximate"])


def _reshape(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Reshape", [*inputs, batched_shape(site.graph, step.shape)], output)


def _bounded(high: float) -> Emitter:
    def emit(site: Site, _: Step, inputs: Sequence[str], output: str) -> str:
        return site.graph.node("Clip", [*inputs, site.float_constant(0.0), site.float_constant(high)], output)

    return emit


EMIT: dict[str, Emitter] = {
    "add": _simple("Add"),
    "avg_pool2d": _avg_pool2d,
    "cat": _simple("Concat", axis=1),
    "channel_mean": _channel_mean,
    "clamp": _clamp,
    "conv2d": _conv2d,
    "depth_to_space": _move("depth_to_space"),
    "elu": _simple("Elu"),
    "gelu": _gelu,
    "hard_swish": _simple("HardSwish"),
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "mean": _mean,
    "mul": _simple("Mul"),
    "pad": _pad,
    "relu": _simple("Relu"),
    "relu6": _bounded(6.0),
    "requantize": lambda site, step, inputs, output: inputs[0],  # the grids around it are the operation
    "reshape": _reshape,
    "rsqrt": _rsqrt,
    "shuffle": _move("shuffle"),
    "sigmoid": _simple("Sigmoid"),
    "slice": _move("slice"),
    "softmax": _simple("Softmax", axis=1),
    "sub": _simple("Sub"),
    "tanh": _simple("Tanh"),
    "upsample": _move("upsample"),
}
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
