"""The op table's operations as ONNX nodes: one function a row, all in float.

Quantization is put around these nodes, never into them (see onnx_lower.py), because QDQ is how
ONNX says "integer": the runtime fuses DequantizeLinear, op, QuantizeLinear to one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
from torch import nn

from ..core.interfaces import Array
from ..graph.program import Step
from .onnx_graph import OnnxGraph


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
    return site.graph.node("Pad", [*inputs, pad_sides(site.graph, step)], output)


def pad_sides(graph: OnnxGraph, step: Step) -> str:
    """Pad's second input: the sizes before each of N, C, H, W, then those behind."""
    left, right, top, bottom = step.attrs["padding"]
    return graph.constant(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))


def _reshape(site: Site, step: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Reshape", [*inputs, batched_shape(site.graph, step.shape)], output)


def _relu6(site: Site, _: Step, inputs: Sequence[str], output: str) -> str:
    return site.graph.node("Clip", [*inputs, site.float_constant(0.0), site.float_constant(6.0)], output)


EMIT: dict[str, Emitter] = {
    "add": _simple("Add"),
    "avg_pool2d": _avg_pool2d,
    "cat": _simple("Concat", axis=1),
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "mean": _mean,
    "mul": _simple("Mul"),
    "pad": _pad,
    "relu": _simple("Relu"),
    "relu6": _relu6,
    "reshape": _reshape,
    "sigmoid": _simple("Sigmoid"),
    "softmax": _simple("Softmax", axis=1),
}


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


def batched_shape(graph: OnnxGraph, shape: Sequence[int]) -> str:
    """A Reshape's target: the batch as it is, then `shape`."""
    values: Array = np.array([0, *shape], np.int64)  # 0: copy this dimension
    return graph.constant(values)


def _window(step: Step) -> dict[str, Any]:
    kernel, stride, padding = (list(step.attrs[name]) for name in ("kernel", "stride", "padding"))
    given = {"kernel_shape": kernel}
    if stride != [1, 1]:
        given["strides"] = stride
    if padding != [0, 0]:
        given["pads"] = padding * 2
    return given
