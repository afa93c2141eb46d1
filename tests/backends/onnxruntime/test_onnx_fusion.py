"""Whether Q/DQ pairs that were left are told."""

from __future__ import annotations

from pathlib import Path

from onnx import TensorProto, helper

from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.backends.onnxruntime.fusion import unfused, warning
from litert_samples import lowered, reference


def test_our_own_files_are_fused(tmp_path: Path) -> None:
    backend = OnnxRuntime()
    made = lowered(reference("depthwise", "w8a8", target=backend), tmp_path, backend)
    kernels = backend.open(made).kernels()
    assert "unfused" not in kernels and warning(kernels) == ""


def test_an_operator_between_the_pairs_is_found() -> None:
    """With a computed scale no optimizer may fuse the addition."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s"], ["xf"]),
        helper.make_node("Add", ["xf", "xf"], ["yf"]),
        helper.make_node("QuantizeLinear", ["yf", "s"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.UINT8, [1, 4]), value("s", TensorProto.FLOAT, [])],
        [value("y", TensorProto.UINT8, [1, 4])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    assert unfused(model) == {"Add": 1}
    assert warning({"unfused": {"Add": 1}}).startswith("ONNX Runtime left 1 Add in float")


def test_a_float_network_has_nothing_to_fuse() -> None:
    nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
    one = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [one("x", TensorProto.FLOAT, [1])], [one("y", TensorProto.FLOAT, [1])])
    assert unfused(helper.make_model(graph)) == {}


def test_what_is_not_known_warns_of_nothing() -> None:
    assert warning(None) == warning({"by": {}}) == ""
