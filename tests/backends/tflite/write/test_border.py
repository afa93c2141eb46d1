"""What an app meets: every input, output and layout of both kinds of file, against the file that has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import only
from edgequant.core.errors import Unsupported
from edgequant.core.image import Deployment, InputSpec
from edgequant.core.preprocess import normalise
from edgequant.files.files import open_file, parity_file, spec_for
from edgequant.graph.capture.capture import capture
from edgequant.graph.deploy import deployed
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.simulate import simulator
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

SPEC = InputSpec(3, 8, 6, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 6, 3), np.uint8)
TARGETS = ("litert", "onnxruntime")
TYPES = {"uint8": np.uint8, "int8": np.int8, "float32": np.float32}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depthwise = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.depthwise(torch.relu(self.stem(x)))).mean((2, 3)))  # type: ignore[no-any-return]


def network() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def reference(recipe: str, target: str, how: Deployment) -> Reference:
    captured = deployed(capture(network(), SPEC, ("a", "b", "c", "d", "e")), how)
    plan = resolve(captured.program, parse_recipe(recipe), target, BACKENDS.get(target).capability)
    tensors = observed_tensors(captured, plan) if plan.tensors else ()
    return build(captured, plan, collect(captured, [PIXELS], MinMax(), tensors))


def lowered(recipe: str, target: str, how: Deployment, folder: Path) -> tuple[Reference, Path]:
    backend = BACKENDS.build(target)
    made = reference(recipe, target, how)
    return made, backend.lower(made, folder / f"{recipe}{backend.capability.suffix}").path


def fed_by_hand(path: Path, images: np.ndarray) -> np.ndarray:
    """(N, ...) of the file's type and layout -> scores of its type: the runtime alone, none of ours between."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for image in images:
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(sink["index"])[0])
    return np.array(found)


def bytes_for(how: Deployment, target: str) -> np.ndarray:
    """The camera's pixels as the file takes them."""
    taken = PIXELS if how.input == "uint8" else (PIXELS.astype(np.int16) - 128).astype(np.int8)
    layout = how.layout or ("nhwc" if target == "litert" else "nchw")
    return np.ascontiguousarray(taken if layout == "nhwc" else taken.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("recipe", ["float32", "w8a8"])
@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_raw_bytes_go_in_and_the_pipelines_scores_come_out(
    target: str, recipe: str, kind: str, layout: str, tmp_path: Path
) -> None:
    how = Deployment(kind, "float32", layout)
    made, path = lowered(recipe, target, how, tmp_path)
    by_hand = fed_by_hand(path, bytes_for(how, target))
    assert by_hand.dtype == np.float32
    with torch.no_grad():
        wanted = network()(torch.from_numpy(normalise(PIXELS, SPEC))).numpy()
    assert np.abs(by_hand - wanted).max() < (1e-5 if recipe == "float32" else 0.02)
    x = normalise(PIXELS, made.captured.inputs)
    assert np.array_equal(only(BACKENDS.build(target).open(path).run(x)), by_hand)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("recipe", ["float32", "float16", "w8", "w8a8"])
@pytest.mark.parametrize("kind", ["", *TYPES])
@pytest.mark.parametrize("output", ["", *TYPES])
def test_every_border_follows_the_simulation(target: str, recipe: str, kind: str, output: str, tmp_path: Path) -> None:
    made, path = lowered(recipe, target, Deployment(kind, output), tmp_path)
    backend = BACKENDS.build(target)
    session, x = backend.open(path), normalise(PIXELS, made.captured.inputs)
    with torch.inference_mode():
        promised = only(simulator(made, backend.arithmetic(made, path))(torch.from_numpy(x))).numpy()
    assert np.abs(only(session.run(x)) - promised).max() <= 1e-5
    static = recipe == "w8a8"
    assert (session.only.scale > 0) == static, "one step of the scores, also where the file dequantizes them"
    if kind:
        assert session.encode(x).dtype == TYPES[kind]  # type: ignore[attr-defined]
    if output:
        raw = fed_by_hand(path, session.encode(x))  # type: ignore[attr-defined]
        assert raw.dtype == (TYPES[output] if static else np.float32), "scores without a grid stay float"


def test_8_bit_scores_of_a_16_bit_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"w8a16 computes 16-bit scores, and as uint8 they would lose"):
        lowered("w8a16", "litert", Deployment("uint8", "uint8"), tmp_path)
    made, path = lowered("w8a16", "litert", Deployment("uint8", "float32", "nchw"), tmp_path)
    assert np.abs(fed_by_hand(path, bytes_for(made.captured.deployed, "litert"))).max() > 0
    _, plain = lowered("w8a16", "litert", Deployment(layout="nchw"), tmp_path)
    assert only(BACKENDS.build("litert").open(plain).run(normalise(PIXELS, SPEC))).shape == (12, 5)


@pytest.mark.parametrize("recipe", ["float32", "dynamic-w8", "w8", "w8a8", "w8a16"])
@pytest.mark.parametrize("how", [Deployment("uint8", "float32", "nchw"), Deployment("float32"), Deployment("int8")])
def test_a_tflite_file_is_read_back_as_it_was_written(recipe: str, how: Deployment, tmp_path: Path) -> None:
    """The same bytes again, and parity of the file alone."""
    from edgequant.backends.tflite.read.read import read_reference

    _, path = lowered(recipe, "litert", how, tmp_path)
    again = BACKENDS.build("litert").lower(read_reference(path), tmp_path / "again.tflite").path
    if recipe != "w8a16":  # its bytes become floats and then integers, which the reference has no word for
        assert again.read_bytes() == path.read_bytes()
    assert parity_file(path, n=4)["gate"] == "passed"


@pytest.mark.parametrize("target", TARGETS)
def test_the_file_says_what_it_takes(target: str, tmp_path: Path) -> None:
    _, path = lowered("w8a8", target, Deployment("uint8", layout="nchw" if target == "litert" else "nhwc"), tmp_path)
    file = open_file(path)
    found: Any = spec_for(file)
    assert found == replace(SPEC, mean=(128 / 255,), std=(128 / 255,)) and file.classes == tuple("abcde")
    assert file.metadata["layout"] == ("NCHW" if target == "litert" else "NHWC")


def test_an_inner_transpose_is_refused_by_name(tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from edgequant.backends.tflite import writer
    from edgequant.backends.tflite.read.read import read
    from edgequant.core.errors import BadFile

    w = writer.Writer()
    x, y = (w.tensor((1, 4, 4, 3), schema.TensorType.FLOAT32) for _ in range(2))
    z = w.tensor((1, 4, 3, 4), schema.TensorType.FLOAT32)
    order = w.constant(np.array([0, 1, 3, 2], np.int32).tobytes(), (4,), schema.TensorType.INT32)
    w.operator(schema.BuiltinOperator.RELU, (x,), (y,))
    w.operator(schema.BuiltinOperator.TRANSPOSE, (y, order), (z,))
    (tmp_path / "t.tflite").write_bytes(w.finish({"x": x}, {"y": z}, {}))
    with pytest.raises(BadFile, match=r"TRANSPOSE, reorders the dimensions of an inner tensor to \[0, 1, 3, 2\]"):
        read(tmp_path / "t.tflite")


@pytest.mark.parametrize("target", TARGETS)
def test_a_recipe_that_leaves_operations_without_weights_in_float_is_no_full_integer_file(
    target: str, tmp_path: Path
) -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.gate, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 1), nn.Linear(8, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.stem(x)
            z = torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
            return self.head((y * z).mean((2, 3)))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    captured, backend = capture(Gated().eval(), SPEC, ()), BACKENDS.build(target)
    plan = resolve(captured.program, parse_recipe("w8a8-conv-dense"), target, backend.capability)
    made = build(captured, plan, collect(captured, [PIXELS], MinMax(), observed_tensors(captured, plan)))
    assert made.float_layers == () and set(made.weights) == {"stem", "gate", "head"}
    assert not set(captured.program.tensors) <= set(made.activations), "the gate's sigmoid and product stay float"
    path = backend.lower(made, tmp_path / f"gated{backend.capability.suffix}").path
    x = normalise(PIXELS, SPEC)
    with torch.inference_mode():
        promised = only(simulator(made, backend.arithmetic(made, path))(torch.from_numpy(x))).numpy()
    assert np.abs(only(backend.open(path).run(x)) - promised).max() <= 1e-6
