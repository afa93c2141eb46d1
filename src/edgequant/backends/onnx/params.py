"""The integer parameters that an .onnx with Q/DQ stores, by the names that edgequant gives tensors and layers."""

from __future__ import annotations

import numpy as np
import onnx

from ...core.arrays import Array
from ...core.grid import QParams
from .graph import OFFSET


def grids(graph: onnx.GraphProto) -> dict[str, QParams]:
    """Tensor -> its 8-bit grid: of every QuantizeLinear, and of an input of integers. Others are left out."""
    found: dict[str, QParams] = {}
    constants = _constants(graph)
    inputs = {value.name for value in graph.input}
    for node in graph.node:
        makes, reads = node.op_type == "QuantizeLinear", node.op_type == "DequantizeLinear" and node.input[0] in inputs
        if (makes or reads) and set(node.input[1:]) <= set(constants) and len(node.input) == 3:
            name = node.output[0] if makes else node.input[0]
            scale, zero_point = constants[node.input[1]], constants[node.input[2]]
            if scale.size == 1 and zero_point.dtype in (np.uint8, np.int8):
                offset = OFFSET if zero_point.dtype == np.uint8 else 0
                found[name.removesuffix("/q")] = QParams(float(scale), int(zero_point) - offset)
    return found


def weights(graph: onnx.GraphProto, layer: str) -> Array | None:
    """(O, ...) float32 that the layer computes with: integers times scale. None where the file names them otherwise."""
    return _dequantized(graph, f"{layer}.w")


def bias(graph: onnx.GraphProto, layer: str) -> Array | None:
    """(O,) float32, likewise. Equal constants are stored under one name, which then may be another layer's: None."""
    return _dequantized(graph, f"{layer}.b")


def _dequantized(graph: onnx.GraphProto, name: str) -> Array | None:
    constants = _constants(graph)
    stored = constants.get(name)
    if stored is None or stored.dtype.kind == "f":
        return None if stored is None else stored.astype(np.float32)
    node = next((n for n in graph.node if n.output[0] == f"{name}/dq"), None)
    if node is None or node.input[1] not in constants:
        return None
    scale = constants[node.input[1]].reshape(-1, *[1] * (stored.ndim - 1))
    value: Array = (stored.astype(np.float32) * scale).astype(np.float32)
    return value


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    return {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
