from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgequant.backends.contract import AbstractSession
from edgequant.backends.onnx.emit import EMIT
from edgequant.backends.onnx.graph import pack_int4
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.core.arrays import only
from edgequant.core.errors import BadFile, Unsupported
from edgequant.core.grid import QParams
from edgequant.core.image import InputSpec
from edgequant.graph.ops.table import OPS
from edgequant.graph.program import Captured
from edgequant.models.architectures.mobilenet_v2 import MobileNetV2
from edgequant.quantization.reference import Reference
from edgequant.recipe.scheme import RecipeKind
from onnx_samples import CLASSES, SPEC, EveryOp, Plain, captured, images, reference, scores, simulated

BACKEND = OnnxRuntime()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only lose by waiting for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def every() -> Captured:
    torch.manual_seed(0)
    return captured(EveryOp())


@pytest.fixture(scope="module")
def plain() -> Captured:
    torch.manual_seed(0)
    return captured(Plain())


@pytest.fixture(scope="module")
def mobilenet() -> Captured:
    torch.manual_seed(0)
    spec = InputSpec(3, 32, 32)
    return captured(MobileNetV2(width=0.25).build(spec, 5), spec)


def lowered(made: Reference, folder: Path) -> tuple[Path, AbstractSession]:
    path = BACKEND.lower(made, folder / "net.onnx").path
    return path, BACKEND.open(path)


def constants(path: Path) -> dict[str, onnx.TensorProto]:
    return {c.name: c for c in onnx.load_model(str(path)).graph.initializer}


def test_every_operation_has_an_emitter_and_the_plain_ones_are_exercised_here(every: Captured) -> None:
    """The others are in test_conformance.py."""
    assert set(EMIT) == set(OPS)
    assert {step.kind for step in every.program.steps} > {"conv2d", "linear", "add", "mul", "cat", "pad", "softmax"}
    assert {step.activation for step in every.program.steps} == {"", "relu", "relu6"}


def test_a_float32_file_computes_what_torch_computes(every: Captured, tmp_path: Path) -> None:
    _, session = lowered(reference(every, "float32"), tmp_path)
    x = images()
    np.testing.assert_allclose(only(session.run(x.numpy())), scores(every, x), atol=1e-5)
    assert session.only.scale == 0.0
    assert only(session.run_quantized(x.numpy())).dtype == np.float32


@pytest.mark.parametrize(("kind", "limit"), [("float16", 2e-3), ("weight-only", 2e-2), ("dynamic", 3e-2)])
def test_kinds_with_float_borders_stay_near_torch(
    every: Captured, tmp_path: Path, kind: RecipeKind, limit: float
) -> None:
    _, session = lowered(reference(every, kind), tmp_path)
    x = images()
    error = np.abs(only(session.run(x.numpy())) - scores(every, x)).max()
    assert 0 < error < limit


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [8, 4])
def test_a_static_file_is_within_two_steps_of_a_float_simulation(
    every: Captured, tmp_path: Path, bits: int, per_channel: bool
) -> None:
    made = reference(every, "static", bits, per_channel)
    _, session = lowered(made, tmp_path)
    x = images(64)
    got = only(session.run_quantized(x.numpy()))
    assert got.dtype == np.int8
    expected = simulated(made, x)
    assert np.ptp(expected) > 60
    assert (np.abs(got - expected) <= 2).mean() >= 0.99
    step = session.only.scale
    np.testing.assert_allclose(only(session.run(x.numpy())), (got.astype(np.float32) + 128) * np.float32(step))


def test_a_static_file_runs_on_integer_kernels_only(mobilenet: Captured, tmp_path: Path) -> None:
    path, session = lowered(reference(mobilenet, "static"), tmp_path)
    kernels = session.kernels()
    kinds = Counter(step.kind for step in mobilenet.program.steps)
    assert kernels["by"]["QLinearConv"] == kinds["conv2d"]
    assert kernels["by"]["QLinearAdd"] == kinds["add"]
    assert kernels["by"]["QGemm"] == kinds["linear"]
    assert not {"DequantizeLinear", "QuantizeLinear", "Conv", "Gemm"} & set(kernels["by"])
    assert kernels["total"] == sum(kernels["by"].values())
    assert kernels["delegated"] == sum(n for kind, n in kernels["by"].items() if kind.startswith("Q"))
    graph = onnx.load_model(str(path)).graph
    borders = [v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)]
    assert borders == [onnx.TensorProto.UINT8] * 2


def test_a_static_file_holds_no_float_weight(mobilenet: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(mobilenet, "static"), tmp_path)
    for constant in constants(path).values():
        assert len(constant.dims) < 2 or constant.data_type == onnx.TensorProto.INT8, constant.name


def test_every_kind_of_mobilenet_runs_and_sizes_are_ordered(mobilenet: Captured, tmp_path: Path) -> None:
    kinds: dict[str, tuple[RecipeKind, int]] = {
        "w4": ("weight-only", 4),
        "w4a8": ("static", 4),
        "w8": ("weight-only", 8),
        "dynamic-w8": ("dynamic", 8),
        "w8a8": ("static", 8),
        "float16": ("float16", 8),
        "float32": ("float32", 8),
    }
    x = images(1, mobilenet.inputs)
    truth, sizes = scores(mobilenet, x), []
    for name, (kind, bits) in kinds.items():
        artifact = BACKEND.lower(reference(mobilenet, kind, bits), tmp_path / f"{name}.onnx")
        sizes.append(artifact.bytes)
        got = only(BACKEND.open(artifact.path).run(x.numpy()))
        assert got.shape == (1, 5)
        assert np.abs(got - truth).max() <= np.ptp(truth), name
    assert sizes == sorted(sizes)
    assert sizes[-1] / sizes[-2] > 1.9
    assert sizes[-1] / sizes[4] > 2.5


class Padded(nn.Module):
    """Three paddings: read by one convolution, by two, and by none."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 2), nn.Conv2d(8, 8, 2)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.one(nn.functional.pad(x, (0, 1, 2, 0))))
        x = nn.functional.pad(x, (1, 0, 0, 1))
        x = nn.functional.pad(self.two(x) + self.three(x), (1, 1))
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("kind", ["float32", "dynamic", "static"])
def test_a_padding_is_merged_or_stays_on_integers(tmp_path: Path, kind: RecipeKind) -> None:
    network, x = captured(Padded()), images(64)
    made = reference(network, kind)
    path, session = lowered(made, tmp_path)
    assert BACKEND.inspect(path)["operators"]["Pad"] == 2
    if kind == "static":
        assert (np.abs(only(session.run_quantized(x.numpy())) - simulated(made, x)) <= 2).mean() >= 0.99
        assert session.kernels()["by"]["QLinearConv"] == 3
        assert not {"QuantizeLinear", "DequantizeLinear"} & set(session.kernels()["by"])
    else:
        assert np.abs(only(session.run(x.numpy())) - scores(network, x)).max() < (1e-5 if kind == "float32" else 0.05)


def test_a_padding_with_parameters_of_its_own_is_not_merged(tmp_path: Path) -> None:
    network, x = captured(Padded()), images(64)
    made = reference(network, "static")
    pads = {s.name: QParams(0.05, 3) for s in network.program.steps if s.kind == "pad"}
    made = dataclasses.replace(made, activations={**made.activations, **pads})
    path, session = lowered(made, tmp_path)
    assert BACKEND.inspect(path)["operators"]["Pad"] == 3
    assert (np.abs(only(session.run_quantized(x.numpy())) - simulated(made, x)) <= 2).mean() >= 0.99


def test_lowering_twice_gives_the_same_bytes_and_leaves_nothing_else(plain: Captured, tmp_path: Path) -> None:
    made = reference(plain, "static")
    first = BACKEND.lower(made, tmp_path / "out" / "a.onnx")
    second = BACKEND.lower(made, tmp_path / "out" / "b.onnx")
    assert (first.sha256, first.bytes) == (second.sha256, second.bytes)
    assert first.bytes == first.path.stat().st_size
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.onnx", "b.onnx"]


def test_the_file_carries_nothing_that_nobody_reads(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "static"), tmp_path)
    model = onnx.load_model(str(path))
    assert not model.producer_name and not model.doc_string and not model.graph.value_info
    assert not any(node.name or node.doc_string for node in model.graph.node)
    stored = [(c.data_type, tuple(c.dims), c.raw_data) for c in model.graph.initializer]
    assert len(stored) == len(set(stored))


def test_the_bias_is_int32_with_the_product_of_the_scales(plain: Captured, tmp_path: Path) -> None:
    made = reference(plain, "static")
    path, _ = lowered(made, tmp_path)
    stored, weight = constants(path), made.weights["features.0"]
    bias = numpy_helper.to_array(stored["features.0.b"])
    step = np.float64(made.activations[plain.program.input].scale) * weight.scale.double().numpy()
    assert bias.dtype == np.int32
    np.testing.assert_array_equal(
        bias, np.rint(plain.network.layer("features.0").bias.detach().double().numpy() / step)
    )
    node = next(n for n in onnx.load_model(str(path)).graph.node if n.input[0] == "features.0.b")
    np.testing.assert_array_equal(numpy_helper.to_array(stored[node.input[1]]), step.astype(np.float32))


def test_a_layer_that_is_not_quantized_stays_in_float_between_its_neighbours(plain: Captured, tmp_path: Path) -> None:
    made = reference(plain, "static")
    kept = {name: weight for name, weight in made.weights.items() if name != "features.3"}
    path, session = lowered(dataclasses.replace(made, weights=kept), tmp_path)
    assert constants(path)["features.3.w"].data_type == onnx.TensorProto.FLOAT
    assert constants(path)["features.3.b"].data_type == onnx.TensorProto.FLOAT
    x = images()
    assert np.abs(only(session.run(x.numpy())) - scores(plain, x)).max() < 0.1


def test_a_dynamic_network_may_keep_a_layer_in_float(plain: Captured, tmp_path: Path) -> None:
    made = reference(plain, "dynamic")
    kept = {name: weight for name, weight in made.weights.items() if name != "head"}
    path, session = lowered(dataclasses.replace(made, weights=kept), tmp_path)
    assert BACKEND.inspect(path)["operators"]["Gemm"] == 1
    assert session.kernels()["by"]["ConvInteger"] == session.kernels()["delegated"] == 2


def test_a_float_output_behind_integers(plain: Captured, tmp_path: Path) -> None:
    made = reference(plain, "static")
    parameters = {n: q for n, q in made.activations.items() if n != plain.program.only.tensor}
    _, session = lowered(dataclasses.replace(made, activations=parameters), tmp_path)
    x = images()
    assert session.only.scale == 0.0
    assert np.abs(only(session.run(x.numpy())) - scores(plain, x)).max() < 0.1


def test_an_activation_that_the_grid_does_not_imply_is_clamped_on_integers(plain: Captured, tmp_path: Path) -> None:
    """Symmetric parameters, as TensorRT wants them, represent negative values; 8/127 reaches beyond 6."""
    made = reference(plain, "static")
    wide = {s.name: QParams(8 / 127, 0) for s in plain.program.steps if s.activation}
    clamped = dataclasses.replace(made, activations={**made.activations, **wide})
    path, session = lowered(clamped, tmp_path)
    x = images(64)
    assert BACKEND.inspect(path)["operators"]["Clip"] == 2
    assert session.kernels()["by"]["QLinearConv"] == 2
    assert (np.abs(only(session.run_quantized(x.numpy())) - simulated(clamped, x)) <= 2).mean() >= 0.99


def test_a_bias_that_int32_cannot_hold_is_refused(tmp_path: Path) -> None:
    network = captured(Plain())
    made = reference(network, "static")
    network.network.layer("head").bias.data[1] = 1e9
    with pytest.raises(Unsupported, match="Layer 'head': A bias needs"):
        BACKEND.lower(made, tmp_path / "net.onnx")


def test_weights_that_float16_cannot_hold_are_refused(tmp_path: Path) -> None:
    network = captured(Plain())
    network.network.layer("head").weight.data[0, 0] = 1e5
    with pytest.raises(Unsupported, match=r"head\.w reaches 1e\+05; float16 ends at 65504"):
        BACKEND.lower(reference(network, "float16"), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_widths_without_a_kernel_are_refused(plain: Captured, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="no 6-bit static weights"):
        BACKEND.lower(reference(plain, "static", 6), tmp_path / "net.onnx")
    with pytest.raises(Unsupported, match="no 4-bit dynamic weights"):
        BACKEND.lower(reference(plain, "dynamic", 4), tmp_path / "net.onnx")
    made = reference(plain, "static")
    wide = dataclasses.replace(made, activations={plain.program.input: QParams(0.1, 0, bits=16)})
    with pytest.raises(Unsupported, match="no 16-bit activations"):
        BACKEND.lower(wide, tmp_path / "net.onnx")


def test_int4_is_packed_low_half_first() -> None:
    assert pack_int4(np.array([1, -1, -7], np.int8)) == bytes([0xF1, 0x09])


@pytest.mark.parametrize("kind", ["float32", "static", "dynamic"])
def test_a_batch_gives_what_its_images_give_alone(plain: Captured, tmp_path: Path, kind: RecipeKind) -> None:
    _, session = lowered(reference(plain, kind), tmp_path)
    x = images(5).numpy() * np.array([1, 9, 1, 0.1, 3], np.float32).reshape(-1, 1, 1, 1)
    alone = np.concatenate([only(session.run(x[i : i + 1])) for i in range(5)])
    np.testing.assert_allclose(only(session.run(x)), alone, atol=1e-5)


def test_the_input_is_rounded_half_to_even_and_saturates(plain: Captured, tmp_path: Path) -> None:
    made = reference(plain, "static")
    pixel = QParams(1 / 128, 0)
    path, session = lowered(
        dataclasses.replace(made, activations={**made.activations, plain.program.input: pixel}), tmp_path
    )
    border: Any = session.border  # type: ignore[attr-defined]
    got = border.quantize(np.array([-2, -1, 0.5 / 128, 1.5 / 128, 127 / 128, 2], np.float32))
    np.testing.assert_array_equal(got, np.array([0, 0, 128, 130, 255, 255], np.uint8))
    assert BACKEND.inspect(path)["tensors"][0]["type"] == "uint8"


@pytest.mark.parametrize("kind", ["float32", "static"])
def test_prepare_and_invoke_compute_the_same_scores(plain: Captured, tmp_path: Path, kind: RecipeKind) -> None:
    _, session = lowered(reference(plain, kind), tmp_path)
    x = images(1).numpy()
    session.prepare(x)
    session.invoke()
    bound = session._binding.copy_outputs_to_cpu()[0]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(session._sinks[0].dequantize(bound), only(session.run(x)))  # type: ignore[attr-defined]


def test_threads_and_order_are_as_asked(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "float32"), tmp_path)
    chosen = BACKEND.open(path, threads=2)._session.get_session_options()  # type: ignore[attr-defined]
    assert (chosen.intra_op_num_threads, chosen.inter_op_num_threads) == (2, 1)


def test_inspect_says_what_is_in_the_file(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "static"), tmp_path)
    found = BACKEND.inspect(path)
    assert found["metadata"] == {
        "recipe": "w8a8",
        "layout": "NCHW",
        "shape": [3, 16, 16],
        "mean": list(SPEC.mean),
        "std": list(SPEC.std),
        "resize": None,
        "interpolation": "bilinear",
        "classes": list(CLASSES),
    }
    assert found["operators"]["Conv"] == 2
    sizes = found["bytes"]
    assert sizes["total"] == path.stat().st_size == sum(n for key, n in sizes.items() if key != "total")
    weight = next(t for t in found["tensors"] if t["name"] == "features.0.w")
    assert (weight["type"], weight["bits"], weight["shape"], weight["role"]) == ("int8", 8, [8, 3, 3, 3], "weights")
    assert weight["bytes"] >= 8 * 27
    shapes = {t["role"]: t["shape"] for t in found["tensors"] if t["role"] in ("input", "output")}
    assert shapes == {"input": ["N", 3, 16, 16], "output": ["N", 5]}


@pytest.mark.parametrize("kind", ["float32", "float16", "weight-only", "dynamic", "static"])
def test_inspect_counts_weights_and_biases_of_every_kind(plain: Captured, tmp_path: Path, kind: RecipeKind) -> None:
    path, _ = lowered(reference(plain, kind), tmp_path)
    count = {"weights": 8 * 27 + 8 * 9 + 8 * 5, "biases": 8 + 8 + 5}
    for role, n in count.items():
        tensors = [t for t in BACKEND.inspect(path)["tensors"] if t["role"] == role]
        assert sum(int(np.prod(t["shape"])) for t in tensors) == n, role
    width = {"float32": 32, "float16": 16}.get(kind, 8)
    assert {t["bits"] for t in BACKEND.inspect(path)["tensors"] if t["role"] == "weights"} == {width}


def test_inspect_reads_a_type_name_with_two_numbers(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "weight-only", 4), tmp_path)
    weight = next(t for t in BACKEND.inspect(path)["tensors"] if t["name"] == "features.0.w")
    assert (weight["type"], weight["bits"]) == ("int4", 4)
    assert weight["bytes"] < 8 * 27


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "empty"])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(plain: Captured, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.onnx"
    if damage == "truncated":
        whole, _ = lowered(reference(plain, "float32"), tmp_path)
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    elif damage != "missing":
        path.write_bytes({"text": b"<html>not found</html>", "empty": b""}[damage])
    for use in (BACKEND.open, BACKEND.inspect):
        with pytest.raises(BadFile, match=r"bad\.onnx") as caught:
            use(path)
        assert "\n" not in str(caught.value)


def test_a_model_that_the_runtime_refuses_is_a_bad_file(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "float32"), tmp_path)
    model = onnx.load_model(str(path))
    model.graph.node[0].op_type = "Convolve"
    onnx.save_model(model, str(path))
    with pytest.raises(BadFile, match=r"ONNX Runtime cannot open .*Convolve"):
        BACKEND.open(path)


def test_metadata_that_is_not_json_is_a_bad_file(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "float32"), tmp_path)
    model = onnx.load_model(str(path))
    onnx.helper.set_model_props(model, {"edgequant": "{"})
    onnx.save_model(model, str(path))
    with pytest.raises(BadFile, match="metadata is not JSON"):
        BACKEND.inspect(path)


def test_an_unknown_provider_is_refused(plain: Captured, tmp_path: Path) -> None:
    path, _ = lowered(reference(plain, "float32"), tmp_path)
    with pytest.raises(Unsupported, match=r"no provider 'NoSuchProvider'. It has: .*CPUExecutionProvider"):
        OnnxRuntime("NoSuchProvider").open(path)


def foreign(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], stored: list[Any]) -> Path:
    graph = onnx.helper.make_graph(nodes, "g", inputs, outputs, stored)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.helper.set_model_props(model, {"author": "somebody"})
    onnx.save_model(model, str(path))
    return path


def value(name: str, kind: int, *shape: Any) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def test_a_foreign_file_of_a_fixed_batch(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Flatten", ["in"], ["out"])
    path = foreign(tmp_path / "f.onnx", [node], [value("in", 1, 2, 3, 1, 1)], [value("out", 1, 2, 3)], [])
    x = images(5, InputSpec(3, 1, 1)).numpy()
    np.testing.assert_array_equal(only(BACKEND.open(path).run(x)), x.reshape(5, 3))
    assert BACKEND.inspect(path)["metadata"] == {"author": "somebody"}


def test_a_foreign_integer_file_without_a_zero_point(tmp_path: Path) -> None:
    scale = numpy_helper.from_array(np.array(0.5, np.float32), "s")
    nodes = [
        onnx.helper.make_node("DequantizeLinear", ["in", "s"], ["real"]),
        onnx.helper.make_node("Relu", ["real"], ["positive"]),
        onnx.helper.make_node("QuantizeLinear", ["positive", "s"], ["q"]),
        onnx.helper.make_node("Flatten", ["q"], ["out"]),
    ]
    path = foreign(tmp_path / "f.onnx", nodes, [value("in", 2, "N", 2, 1, 1)], [value("out", 2, "N", 2)], [scale])
    session = BACKEND.open(path)
    x = np.array([[1.2, 3.0]], np.float32).reshape(1, 2, 1, 1)
    np.testing.assert_array_equal(only(session.run(x)), [[1.0, 3.0]])
    np.testing.assert_array_equal(only(session.run_quantized(x)), [[2 - 128, 6 - 128]])


def test_foreign_files_that_are_no_classifier_are_refused(tmp_path: Path) -> None:
    two = [onnx.helper.make_node("Add", ["a", "b"], ["out"])]
    path = foreign(tmp_path / "two.onnx", two, [value("a", 1, 1), value("b", 1, 1)], [value("out", 1, 1)], [])
    with pytest.raises(BadFile, match="has 2 inputs"):
        BACKEND.open(path)
    same = [onnx.helper.make_node("Identity", ["a"], ["out"])]
    path = foreign(tmp_path / "long.onnx", same, [value("a", 7, 1)], [value("out", 7, 1)], [])
    with pytest.raises(BadFile, match=r"input of .* is tensor\(int64\)"):
        BACKEND.open(path)
    path = foreign(tmp_path / "bare.onnx", same, [value("a", 3, 1)], [value("out", 3, 1)], [])
    with pytest.raises(BadFile, match="QuantizeLinear or DequantizeLinear with constant parameters was expected"):
        BACKEND.open(path)
    computed = [
        onnx.helper.make_node("Constant", [], ["s"], value_float=0.5),
        onnx.helper.make_node("DequantizeLinear", ["a", "s"], ["out"]),
    ]
    path = foreign(tmp_path / "computed.onnx", computed, [value("a", 3, 1)], [value("out", 1, 1)], [])
    with pytest.raises(BadFile, match="with constant parameters was expected"):
        BACKEND.open(path)


def test_metadata_names_the_classes_as_text(tmp_path: Path) -> None:
    network = captured(Plain(), classes=("ä", "b", "c", "d", '"e"'))
    path, _ = lowered(reference(network, "float32"), tmp_path)
    raw = {p.key: p.value for p in onnx.load_model(str(path)).metadata_props}
    assert json.loads(raw["edgequant"])["classes"] == ["ä", "b", "c", "d", '"e"']


def test_names_of_the_users_own_never_collide(tmp_path: Path) -> None:
    class Awkward(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(12, 5)

        def forward(self, flatten_dq: torch.Tensor) -> torch.Tensor:
            return self.head(torch.flatten(flatten_dq, 1))

    spec = InputSpec(3, 2, 2)
    _, session = lowered(reference(captured(Awkward(), spec), "static"), tmp_path)
    assert only(session.run(images(2, spec).numpy())).shape == (2, 5)
