"""What TensorRT asks of a QDQ network, checked without a GPU: a fault is found here and not on the device.

From NVIDIA's documentation (docs.nvidia.com/deeplearning/tensorrt, "Explicit Quantization" and "Working with Quantized
Types"): symmetric int8, pre-quantized weights behind a Dequantize. From onnx-tensorrt (docs/operators.md): zero points
must be 0. The rest is what `tensorrt_lower` promises, stricter than was found written: one scale for an activation,
scales that are constants above 0, weights by output channel, a Q read by one DQ of the same scale, float biases. No
TensorRT was at hand to confirm that it refuses what is refused here, or takes what passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx

from ...core.arrays import Array
from ...core.errors import Unsupported

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
WEIGHTED = {"Conv": 0, "Gemm": 0, "ConvTranspose": 1}  # operator -> the axis of its weight's output channels
FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}


def check(model: onnx.ModelProto) -> None:
    """Raises Unsupported with every fault."""
    found = list(faults(model))
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise Unsupported(
            f"TensorRT would refuse this network: {'; '.join(found[:3])}{more}. Use the target tensorrt's own files."
        )


def faults(model: onnx.ModelProto) -> Iterator[str]:
    """Each rule that the network breaks, in words that name the node."""
    graph = model.graph
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type not in FLOATS and value.name not in constants:
            yield f"{value.name} is no float: a strongly typed network takes and gives floats"
    for node in graph.node:
        if node.op_type in (QUANTIZE, DEQUANTIZE):
            yield from _grid(node, constants)
            yield from _constant(node, constants)
        if node.op_type == QUANTIZE:
            yield from _pair(node, graph, constants)
        if node.op_type in WEIGHTED:
            yield from _weighted(node, makers, constants)


def _grid(node: onnx.NodeProto, constants: Mapping[str, Array]) -> Iterator[str]:
    """Scales are positive constants; zero points are 0 and int8."""
    if any(name not in constants for name in node.input[1:]):
        yield f"{node.output[0]} has a scale or zero point that is computed; constants were expected"
        return
    if not (constants[node.input[1]] > 0).all():
        yield f"{node.output[0]} has a scale that is not above 0"
    zero_point = constants[node.input[2]] if len(node.input) > 2 else np.zeros((), np.int8)
    if zero_point.dtype != np.int8:
        yield f"{node.output[0]} is {zero_point.dtype}; int8 was expected"
    elif zero_point.any():
        yield f"{node.output[0]} has zero point {int(np.ravel(zero_point)[0])}; 0 was expected (symmetric activations)"


def _constant(node: onnx.NodeProto, constants: Mapping[str, Array]) -> Iterator[str]:
    """An activation has one scale. Constants are stored as integers: behind Q they would be stored as floats."""
    stored = node.input[0] in constants
    per_channel = node.input[1] in constants and constants[node.input[1]].size > 1
    if stored and node.op_type == QUANTIZE:
        yield f"{node.input[0]} is a constant in front of a QuantizeLinear; int8 behind a DequantizeLinear was expected"
    if stored and constants[node.input[0]].dtype != np.int8:
        yield f"{node.input[0]} is {constants[node.input[0]].dtype} behind a DequantizeLinear; int8 was expected"
    if per_channel and not stored:
        yield f"{node.output[0]} has a scale for each channel; an activation has one"


def _pair(node: onnx.NodeProto, graph: onnx.GraphProto, constants: Mapping[str, Array]) -> Iterator[str]:
    """What is quantized is dequantized with the same scale, and read in no other way."""
    readers = [n for n in graph.node if node.output[0] in n.input]
    if not readers:
        yield f"{node.output[0]} is read by nothing"
    for reader in readers:
        if reader.op_type != DEQUANTIZE:
            yield f"{reader.op_type} reads the integers {node.output[0]}; a DequantizeLinear was expected"
        elif not np.array_equal(constants.get(reader.input[1], np.nan), constants.get(node.input[1], np.inf)):
            yield f"{node.output[0]} is dequantized with another scale than it was quantized with"


def _weighted(
    node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto], constants: Mapping[str, Array]
) -> Iterator[str]:
    """An integer product needs both its input and its weight behind a Dequantize; a float one, neither."""
    behind = [name in makers and makers[name].op_type == DEQUANTIZE for name in node.input[:2]]
    if behind[1] and not behind[0]:
        yield f"{node.output[0]} has integer weights and a float input: it would run in float"
    if behind[1]:
        dequantize = makers[node.input[1]]
        axis = next((a.i for a in dequantize.attribute if a.name == "axis"), 1)
        if constants[dequantize.input[1]].size > 1 and axis != WEIGHTED[node.op_type]:
            yield f"{node.input[1]} has its scales along axis {axis}; {WEIGHTED[node.op_type]} was expected"
    bias = node.input[2] if len(node.input) > 2 else ""
    if bias in makers and makers[bias].op_type == DEQUANTIZE:
        yield f"{node.output[0]} has a quantized bias; TensorRT adds biases in float"
