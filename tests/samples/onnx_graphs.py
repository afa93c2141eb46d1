"""Small ONNX graphs for tests, and the comparison with ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from edgequant.models.sources.onnx.network import OnnxNetwork

DRAW = np.random.default_rng(0)


def array(*shape: int) -> Any:
    return DRAW.normal(0, 0.5, shape).astype(np.float32)


def graph(
    nodes: list[Any], shape: tuple[int, ...] = (3, 9, 8), opset: int = 17, batch: Any = "N", **stored: Any
) -> onnx.ModelProto:
    """`nodes` from `x` to `y`, with constants by name."""
    constants = [numpy_helper.from_array(np.asarray(value), name.replace("__", ".")) for name, value in stored.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    made = helper.make_graph(nodes, "g", inputs, outputs, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def node(kind: str, *inputs: str, out: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), out.split(), name=f"/{kind}_of_{out}", **attributes)


def same(model: onnx.ModelProto, n: int = 2) -> OnnxNetwork:
    """The network, whose results are ONNX Runtime's."""
    network = OnnxNetwork(model, "net.onnx").eval()
    shape = [d.dim_value for d in model.graph.input[-1].type.tensor_type.shape.dim][1:]
    x = np.random.default_rng(1).normal(0, 2, (n, *shape)).astype(np.float32)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    with torch.no_grad():
        got = network(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
    return network


def pool(kind: str, **attributes: Any) -> Any:
    return lambda: graph([node(kind, "x", **attributes)])


def stored(kind: str, value: Any, opset: int = 17, shape: tuple[int, ...] = (3, 9, 8), **attributes: Any) -> Any:
    """One node of the image and one stored input."""
    return lambda: graph([node(kind, "x", "c", **attributes)], shape, opset, c=value)
