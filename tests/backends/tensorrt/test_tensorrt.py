"""The TensorRT file, as far as no GPU is needed: written, checked, and run by ONNX Runtime in its place."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgequant.backends.onnxruntime import lower as onnx_lower
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.backends.tensorrt.backend import TensorRT, trtexec
from edgequant.backends.tensorrt.check import check, faults
from edgequant.backends.tensorrt.lower import calibration_cache, lower
from edgequant.core.arrays import only
from edgequant.core.errors import Unsupported
from edgequant.core.image import Deployment
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.simulate import simulator
from litert_samples import images, lowered, reference

BACKEND = TensorRT()


def made(network: str = "depthwise", recipe: str = "w8a8", floats: tuple[str, ...] = ()) -> Reference:
    return reference(network, recipe, target=BACKEND, floats=floats)


@pytest.mark.parametrize("network", ["depthwise", "add, relu6", "cat", "pad merged", "relu", "no biases"])
def test_the_file_passes_the_checks_and_computes_what_was_promised(network: str, tmp_path: Path) -> None:
    one = made(network)
    path = lowered(one, tmp_path, BACKEND)
    assert list(faults(onnx.load_model(str(path)))) == []
    expected = only(simulator(one, BACKEND.arithmetic(one, path))(torch.from_numpy(images()))).numpy()
    step = one.activations[one.captured.program.only.tensor].scale
    assert np.abs(only(OnnxRuntime().open(path).run(images())) - expected).max() <= 1.01 * step


def test_every_activation_is_symmetric_and_int8() -> None:
    one = made()
    assert {q.zero_point for q in one.activations.values()} == {0}
    constants = {c.data_type for c in lower(one).graph.initializer}
    assert onnx.TensorProto.UINT8 not in constants and onnx.TensorProto.INT32 not in constants


def test_quantize_stands_behind_the_activation() -> None:
    nodes = {node.output[0]: node for node in lower(made()).graph.node}
    quantized = [
        nodes[n.input[0]].op_type for n in nodes.values() if n.op_type == "QuantizeLinear" and n.input[0] in nodes
    ]
    assert "Clip" in quantized and "Conv" in quantized


def test_a_layer_that_a_recipe_spares_has_float_weights() -> None:
    graph = lower(made(floats=("d",))).graph
    weights = {c.name: c.data_type for c in graph.initializer if c.name.endswith(".w")}
    assert weights == {"c.w": onnx.TensorProto.INT8, "fc.w": onnx.TensorProto.INT8}


def test_float16_is_half_inside_and_float_outside(tmp_path: Path) -> None:
    path = lowered(made(recipe="float16"), tmp_path, BACKEND)
    model = onnx.load_model(str(path))
    assert {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)} == {onnx.TensorProto.FLOAT}
    assert onnx.TensorProto.FLOAT16 in {c.data_type for c in model.graph.initializer}
    assert not path.with_suffix(".calib").exists()


def test_float16_refuses_what_it_cannot_hold() -> None:
    one = made(recipe="float16")
    layer = one.captured.network.layer("fc")
    before = layer.weight.data.clone()
    layer.weight.data.fill_(1e6)
    try:
        with pytest.raises(Unsupported, match="beyond float16's 65504"):
            lower(one)
    finally:
        layer.weight.data = before


def test_integers_at_the_border_are_refused() -> None:
    one = made()
    with pytest.raises(Unsupported, match="takes and gives float32"):
        lower(replace(one, captured=replace(one.captured, deployed=Deployment(input="uint8"))))


def test_the_calibration_cache_holds_each_scale_as_big_endian_hex(tmp_path: Path) -> None:
    one = made()
    text = lowered(one, tmp_path, BACKEND).with_suffix(".calib").read_text()
    head, *lines = text.splitlines()
    assert text == calibration_cache(one) and head.startswith("TRT-")
    read = {name: struct.unpack(">f", bytes.fromhex(value))[0] for name, value in (line.split(": ") for line in lines)}
    assert read == {name: np.float32(q.scale) for name, q in one.activations.items()}


def test_running_says_what_it_needs_and_what_to_type() -> None:
    with pytest.raises(
        Unsupported, match=r"needs TensorRT and an NVIDIA GPU.*trtexec --onnx=net.trt.onnx --stronglyTyped"
    ):
        BACKEND.open(Path("net.trt.onnx"))


def test_inspecting_shows_the_command(tmp_path: Path) -> None:
    path = lowered(made(), tmp_path, BACKEND)
    assert BACKEND.inspect(path)["metadata"]["trtexec"] == trtexec(path)
    assert "--timingCacheFile=net.timing" in trtexec(path) and "--saveEngine=net.engine" in trtexec(path)


def test_a_file_for_onnx_runtime_is_refused_with_its_faults() -> None:
    model = onnx_lower.lower(reference("mean", "w8a8"))
    with pytest.raises(Unsupported, match=r"TensorRT would refuse this network: .*and \d+ more"):
        check(model)
    words = " ".join(faults(model))
    for fault in ("is no float", "uint8; int8 was expected", "quantized bias", "int32 behind a DequantizeLinear"):
        assert fault in words


Break = Callable[[onnx.ModelProto], None]


def constant(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(c for c in model.graph.initializer if c.name == name)


def node(model: onnx.ModelProto, kind: str, number: int = 0) -> onnx.NodeProto:
    return [n for n in model.graph.node if n.op_type == kind][number]


def put(model: onnx.ModelProto, name: str, value: np.ndarray) -> str:
    model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    return name


def zero_point(model: onnx.ModelProto) -> None:
    node(model, "QuantizeLinear").input[2] = put(model, "three", np.array(3, np.int8))


def negative(model: onnx.ModelProto) -> None:
    node(model, "QuantizeLinear").input[1] = put(model, "minus", np.array(-1.0, np.float32))


def computed(model: onnx.ModelProto) -> None:
    node(model, "QuantizeLinear").input[1] = "x"


def per_channel(model: onnx.ModelProto) -> None:
    node(model, "QuantizeLinear").input[1] = put(model, "three scales", np.ones(3, np.float32))


def rescaled(model: onnx.ModelProto) -> None:
    one = next(n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0].endswith("/q"))
    one.input[1] = put(model, "other", np.array(7.0, np.float32))


def read_as_it_is(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Relu", [node(model, "QuantizeLinear").output[0]], ["odd"]))


def unread(model: onnx.ModelProto) -> None:
    model.graph.node.append(
        onnx.helper.make_node("QuantizeLinear", ["x", *node(model, "QuantizeLinear").input[1:]], ["loose"])
    )


def float_weight(model: onnx.ModelProto) -> None:
    name = put(model, "float weight", np.ones((2, 2), np.float32))
    model.graph.node.append(
        onnx.helper.make_node("QuantizeLinear", [name, *node(model, "QuantizeLinear").input[1:]], ["late"])
    )


def float_input(model: onnx.ModelProto) -> None:
    node(model, "Conv").input[0] = "x"


def wrong_axis(model: onnx.ModelProto) -> None:
    next(n for n in model.graph.node if n.output[0] == "d.w/dq").attribute[0].i = 1


@pytest.mark.parametrize(
    ("breaks", "fault"),
    [
        (zero_point, "has zero point 3; 0 was expected"),
        (negative, "has a scale that is not above 0"),
        (computed, "scale or zero point that is computed"),
        (per_channel, "has a scale for each channel; an activation has one"),
        (rescaled, "dequantized with another scale"),
        (read_as_it_is, "Relu reads the integers"),
        (unread, "loose is read by nothing"),
        (float_weight, "is a constant in front of a QuantizeLinear"),
        (float_input, "integer weights and a float input"),
        (wrong_axis, "has its scales along axis 1; 0 was expected"),
    ],
)
def test_each_rule_is_checked(breaks: Break, fault: str) -> None:
    model = lower(made())
    assert not list(faults(model))
    breaks(model)
    assert any(fault in found for found in faults(model)), list(faults(model))


def test_what_it_cannot_run_is_said_before_any_work() -> None:
    with pytest.raises(Unsupported, match="TensorRT has no ranges made while a network runs"):
        reference("mean", "dynamic-w8", target=BACKEND)
