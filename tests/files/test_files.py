"""What the commands do with a finished file: one of ours, one of another tool's, .tflite and .onnx."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from edgequant.backends.litert.backend import METADATA
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import Array
from edgequant.core.errors import BadData, BadFile, BadModel, BadOption, Unsupported
from edgequant.core.image import InputSpec
from edgequant.core.pixels import Stated
from edgequant.files.files import (
    benchmark_file,
    evaluate_file,
    inspect_file,
    open_file,
    parity_file,
    predict_files,
    softmax,
    spec_for,
    target_for,
)
from edgequant.graph.capture.capture import capture
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

SPEC = InputSpec(3, 8, 8, mean=(0.5,), std=(0.25,))
CLASSES = ("dark", "light", "red")
REAL = Path(os.environ.get("EDGEQUANT_DATA", ""))
MLPERF = REAL / "weights" / "mlperf_tiny_resnet8"
RAW = Stated(mean=0, std=1 / 255)
ZERO_ONE = Stated(mean=0, std=1)


class Brightness(nn.Module):
    """Scores by the mean of the channels, so that what is right is known."""

    def __init__(self, probabilities: bool = False) -> None:
        super().__init__()
        self.conv, self.head, self.probabilities = nn.Conv2d(3, 3, 1), nn.Linear(3, 3), probabilities
        self.conv.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.conv.bias.data.fill_(2)  # type: ignore[union-attr]
        self.head.weight.data = torch.tensor([[-1.0, -1, -1], [1, 1, 1], [3, -1.5, -1.5]])
        self.head.bias.data = torch.tensor([12.0, 0, 0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.head(self.conv(x).mean((2, 3)))
        return torch.softmax(scores, 1) if self.probabilities else scores


Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """The path of a file of that recipe; each is made once."""
    folder, made = tmp_path_factory.mktemp("files"), {}

    def one(recipe: str, target: str = "litert", probabilities: bool = False) -> Path:
        backend = BACKENDS.build(target)
        path = folder / f"{recipe}-{probabilities}{backend.capability.suffix}"
        if path not in made:
            network = capture(Brightness(probabilities), SPEC, CLASSES)
            plan = resolve(network.program, parse_recipe(recipe), target, backend.capability)
            tensors = observed_tensors(network, plan) if plan.tensors else ()
            made[path] = backend.lower(build(network, plan, collect(network, [pixels()], MinMax(), tensors)), path)
        return path

    return one


@pytest.fixture
def foreign(make: Make, tmp_path: Path) -> Callable[[str], Path]:
    """The same files with edgequant's metadata under another name: nobody's."""

    def one(recipe: str) -> Path:
        data = make(recipe).read_bytes()
        path = tmp_path / f"foreign-{recipe}.tflite"
        path.write_bytes(
            data.replace(METADATA.encode() + b"\0", b"someone_\0"[: len(METADATA) + 1].ljust(len(METADATA) + 1, b"\0"))
        )
        return path

    return one


def pixels(count: int = 60) -> Array:
    """(n, 8, 8, 3): dark, light and red images in turn."""
    noise = np.random.default_rng(0).integers(0, 60, (count, 8, 8, 3))
    noise[1::3] += 180
    noise[2::3, ..., 0] += 190
    return noise.astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> str:
    labels = np.arange(60) % 3
    np.savez(tmp_path / "set.npz", images=pixels(), labels=labels, class_names=np.array(CLASSES))
    return f"arrays:{tmp_path / 'set.npz'}"


def test_the_suffix_says_which_target_opens_a_file() -> None:
    assert target_for(Path("a.tflite")) == "litert"
    assert target_for(Path("a.ONNX")) == "onnxruntime"
    assert target_for(Path("a.micro.tflite")) == "tflm"
    assert target_for(Path("a.trt.onnx")) == "tensorrt"
    with pytest.raises(BadFile, match=r"a.bin ends in .bin; edgequant opens .onnx, .pte, .tflite"):
        target_for(Path("a.bin"))


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_our_files_say_what_they_take(target: str, make: Make) -> None:
    file = open_file(make("w8a8", target))
    assert (file.target, file.inputs, file.classes) == (target, SPEC, CLASSES)
    assert spec_for(file) == SPEC
    with pytest.raises(BadOption, match="itself says mean and std"):
        spec_for(file, ZERO_ONE)


def test_damaged_metadata_is_a_bad_file(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(make("w8a8").read_bytes().replace(b'"shape"', b'"sharp"'))
    with pytest.raises(BadFile, match="metadata in it cannot be read"):
        open_file(path)


def test_a_foreign_float_file_needs_to_be_told_its_pixels(foreign: Any) -> None:
    file = open_file(foreign("float32"))
    assert file.inputs is None
    with pytest.raises(BadModel, match=r"Nothing says how pixels become.*--mean"):
        spec_for(file)
    with pytest.raises(BadOption, match="one for each of 3 channels"):
        spec_for(file, Stated(mean=(0.0, 1.0), std=1))
    with pytest.raises(BadOption, match="every std above 0"):
        spec_for(file, Stated(mean=0, std=0.0))
    assert spec_for(file, Stated(mean=SPEC.mean, std=SPEC.std)) == SPEC


def test_a_foreign_integer_file_takes_raw_bytes(foreign: Any) -> None:
    from edgequant.backends.litert.session import Session
    from edgequant.core.preprocess import normalise

    file = open_file(foreign("w8a8"))
    encoded = Session(file.path).encode(normalise(pixels(), spec_for(file)))
    assert np.array_equal(encoded, pixels().astype(np.int16) - 128)
    assert spec_for(file, Stated(mean=SPEC.mean, std=SPEC.std)) == SPEC


def test_an_onnx_file_without_metadata_is_described_by_its_input(tmp_path: Path) -> None:
    import onnx

    def save(shape: list[Any]) -> Path:
        sides = [onnx.helper.make_tensor_value_info(n, 1, s) for n, s in (("x", shape), ("y", ["N", 3]))]
        nodes = [
            onnx.helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            onnx.helper.make_node("Flatten", ["p"], ["y"]),
        ]
        graph = onnx.helper.make_graph(nodes, "g", sides[:1], sides[1:])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
        onnx.save(model, tmp_path / "foreign.onnx")
        return tmp_path / "foreign.onnx"

    assert spec_for(open_file(save(["N", 3, 8, 8])), ZERO_ONE).shape == (3, 8, 8)
    with pytest.raises(BadFile, match="of one size were expected"):
        spec_for(open_file(save(["N", 3, "H", "W"])), ZERO_ONE)


def test_a_file_that_takes_a_vector_is_refused(tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from edgequant.backends.tflite import writer

    w = writer.Writer()
    x, y = (w.tensor((1, 4), schema.TensorType.FLOAT32) for _ in range(2))
    w.operator(schema.BuiltinOperator.RELU, (x,), (y,))
    path = tmp_path / "vector.tflite"
    path.write_bytes(w.finish({"x": x}, {"y": y}, {}))
    with pytest.raises(BadFile, match="one image was expected"):
        spec_for(open_file(path), ZERO_ONE)


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_evaluation_is_of_the_test_split_in_the_runtime(target: str, make: Make, data: str) -> None:
    found = evaluate_file(make("w8a8", target), data)
    assert (found["top1"], found["top5"], found["split"]) == (1.0, None, "test")
    assert found["bytes"] == make("w8a8", target).stat().st_size
    assert found["kernels"]["total"] > 0 and found["seconds"] > 0
    assert found["top1_ci95"][0] < 1 and found["top1_ci95"][1] == 1
    quick = evaluate_file(make("w8a8", target), data, quick=3)
    assert (quick["n"], quick["quick"]) == (3, 3)
    assert isinstance(quick["note"], str)


def test_unlabelled_images_are_scored_without_an_accuracy(make: Make, tmp_path: Path) -> None:
    for i, image in enumerate(pixels(4)):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    found = evaluate_file(make("w8a8"), f"images:{tmp_path}")
    assert (found["n"], found["top1"], found["split"]) == (4, None, "validation")


def test_data_of_other_classes_is_refused(make: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "five.npz", images=pixels(), labels=np.arange(60) % 5, class_names=np.array(list("abcde")))
    with pytest.raises(BadData, match=r"scores 3 classes and .* has 5"):
        evaluate_file(make("w8a8"), f"arrays:{tmp_path / 'five.npz'}")
    with pytest.raises(BadData, match="at least one image"):
        evaluate_file(make("w8a8"), f"arrays:{tmp_path / 'five.npz'}", quick=-1)


@pytest.mark.parametrize(
    ("recipe", "mode"),
    [
        ("float32", "float"),
        ("float16", "float"),
        ("w8", "float"),
        ("dynamic-w8", "dynamic"),
        ("w8a8", "integer"),
        ("w8a16", "integer"),
    ],
)
def test_parity_follows_the_file_in_its_kind(recipe: str, mode: str, make: Make) -> None:
    found = parity_file(make(recipe), n=30)
    assert (found["mode"], found["gate"], found["recipe"], found["n"]) == (mode, "passed", recipe, 30)
    assert found["data"] == "random bytes, seed 0: no images"
    assert found["first_difference"] is None
    if mode == "integer":
        assert (found["exact_fraction"], found["max_lsb"], found["top1_agreement"]) == (1.0, 0, 1.0)
        assert [t["op"] for t in found["tensors"]] == ["conv2d", "mean", "linear"]


def test_parity_on_a_data_set_says_which_images(make: Make, data: str) -> None:
    found = parity_file(make("w8a8"), data, n=5)
    assert (found["n"], found["gate"]) == (5, "passed")
    assert found["data"].endswith("a class-balanced draw of 5 images of test")
    with pytest.raises(BadOption, match="at least one image"):
        parity_file(make("w8a8"), data, n=0)


def test_parity_names_the_first_tensor_that_differs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor that rounds the mean otherwise is found out there, not at the output."""
    from dataclasses import replace

    from edgequant.quantization.simulation.kernels import pick
    from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK

    wrong = replace(XNNPACK, ops={**XNNPACK.ops, "mean": lambda o: XNNPACK.ops["mean"](o) - 3})
    monkeypatch.setattr(pick, "XNNPACK", wrong)
    found = parity_file(make("w8a8"), n=10)
    assert found["gate"] == "failed"
    assert found["first_difference"]["op"] == "mean"
    assert found["tensors"][0]["max_lsb"] == 0


def test_parity_of_an_onnx_file_alone_is_not_known(make: Make) -> None:
    with pytest.raises(Unsupported, match=r"parity of a file alone is known for .tflite"):
        parity_file(make("w8a8", "onnxruntime"))


def test_benchmark_times_files_in_turns(make: Make) -> None:
    paths = [make("w8a8"), make("float32"), make("w8a8", "onnxruntime")]
    found = benchmark_file(paths[0], against=paths[1:], memory=False)
    assert [f["file"] for f in found["files"]] == [str(p) for p in paths]
    assert (found["input"], found["threads"]) == ([3, 8, 8], 1)
    for record, path in zip(found["files"], paths):
        assert record["latency_ms"]["p50"] > 0 and record["latency_ms"]["threads"] == 1
        assert record["bytes"] == path.stat().st_size
        assert record["kernels"]["total"] > 0


def test_benchmark_measures_memory_in_processes_of_its_own(foreign: Any) -> None:
    (record,) = benchmark_file(foreign("w8a8"))["files"]
    assert (record["peak_memory_bytes"] or 0) > 0 or record["peak_memory_reason"].startswith("this system")


def test_benchmark_needs_a_thread_and_one_shape(make: Make, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"--threads is at least 1\. Got 0"):
        benchmark_file(make("w8a8"), threads=0)
    network = capture(Brightness(), InputSpec(3, 4, 4), CLASSES)
    plan = resolve(network.program, parse_recipe("float32"), "litert", BACKENDS.get("litert").capability)
    other = BACKENDS.build("litert").lower(build(network, plan, {}), tmp_path / "small.tflite").path
    with pytest.raises(BadOption, match=r"one shape, and these take .*3x8x8, small\.tflite 3x4x4"):
        benchmark_file(make("w8a8"), against=[other])


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
@pytest.mark.parametrize("probabilities", [False, True])
def test_predictions_are_labels_with_probabilities(
    target: str, probabilities: bool, make: Make, tmp_path: Path
) -> None:
    images = []
    for name, pixel in zip(CLASSES, pixels(3)):
        Image.fromarray(pixel).resize((20, 16)).save(tmp_path / f"{name}.png")
        images.append(tmp_path / f"{name}.png")
    path = make("w8a8", target, probabilities)
    assert BACKENDS.build(target).ending(path) == ("softmax" if probabilities else "")
    for found, expected in zip(predict_files(path, images), images):
        assert (found.image, found.fault) == (expected, "")
        assert found.top[0][0] == found.image.stem
        assert found.top[0][1] > 0.5
        assert sum(p for _, p in found.top) == pytest.approx(1, abs=0.02)


def test_a_folder_stands_for_its_images_and_a_damaged_one_does_not_stop_the_others(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for name, pixel in zip(("a.png", "below/b.png"), pixels(2)):
        Image.fromarray(pixel).save(folder / name)
    (folder / "c.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no image at all")
    found = predict_files(make("w8a8"), [folder])
    assert [f.image.name for f in found] == ["a.png", "c.jpg", "b.png"]
    assert [f.top[0][0] if f.top else f.fault for f in found if not f.fault] == ["dark", "light"]
    assert "c.jpg is not a whole image" in found[1].fault and found[1].top == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="has no image, nor has any folder in it"):
        predict_files(make("w8a8"), [tmp_path / "empty"])


def test_the_command_prints_what_it_can_and_a_line_for_what_it_cannot(
    make: Make, tmp_path: Path, edgequant: Callable[..., Any]
) -> None:
    Image.fromarray(pixels(1)[0]).save(tmp_path / "dark.png")
    said = edgequant("predict", make("w8a8"), tmp_path / "dark.png")
    assert said.status == 0 and said.out.startswith(f"{tmp_path / 'dark.png'}: dark ")
    said = edgequant("predict", make("w8a8"), tmp_path / "dark.png", tmp_path / "none.png")
    assert said.out.startswith(f"{tmp_path / 'dark.png'}: dark ") and "There is no image" in said.refusal


def test_without_class_names_a_prediction_is_an_index(foreign: Any, tmp_path: Path) -> None:
    Image.fromarray(pixels(1)[0]).save(tmp_path / "dark.png")
    (found,) = predict_files(foreign("w8a8"), [tmp_path / "dark.png"])
    assert sorted(name for name, _ in found.top) == ["0", "1", "2"]


def test_predictions_need_class_scores(tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from edgequant.backends.tflite import writer

    w = writer.Writer()
    x, y = (w.tensor((1, 8, 8, 3), schema.TensorType.FLOAT32) for _ in range(2))
    w.operator(schema.BuiltinOperator.RELU, (x,), (y,))
    path = tmp_path / "image.tflite"
    path.write_bytes(w.finish({"x": x}, {"y": y}, {}))
    Image.fromarray(pixels(1)[0]).save(tmp_path / "a.png")
    with pytest.raises(BadFile, match="class scores were expected"):
        predict_files(path, [tmp_path / "a.png"], ZERO_ONE)
    assert "class scores" in str(inspect_file(path)["unreadable"])


def test_softmax_does_not_overflow() -> None:
    assert softmax(np.array([1e4, 1e4], np.float32)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
def test_inspection_says_what_is_in_a_file(target: str, make: Make) -> None:
    found = inspect_file(make("w8a8", target))
    assert found["bytes"]["total"] == make("w8a8", target).stat().st_size
    assert found["metadata"]["recipe"] == "w8a8"
    assert found["unreadable"] == ("" if target == "litert" else None)


needs_mlperf = pytest.mark.skipif(not MLPERF.is_dir(), reason="EDGEQUANT_DATA has no weights/mlperf_tiny_resnet8")


@needs_mlperf
def test_the_published_integer_file_follows_the_executor() -> None:
    found = parity_file(MLPERF / "pretrainedResnet_quant.tflite", "cifar10", n=50)
    assert (found["exact_fraction"], found["max_lsb"], found["first_difference"]) == (1.0, 0, None)
    assert len(found["tensors"]) == 16


@needs_mlperf
@pytest.mark.soak
def test_the_published_files_have_their_published_accuracy() -> None:
    integer = evaluate_file(MLPERF / "pretrainedResnet_quant.tflite", "cifar10")
    floats = evaluate_file(MLPERF / "pretrainedResnet.tflite", "cifar10", RAW)
    assert (integer["n"], integer["top1"], floats["top1"]) == (10_000, 0.8697, 0.8719)
