"""Every source is held against its own runtime before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.onnxruntime.backend import OnnxRuntime
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Network
from edgequant.models.model import AbstractModel
from edgequant.models.sources.keras.package import import_keras
from edgequant.quantization.build import build
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.study.networks.source_check import built, seen
from edgequant.study.networks.sources import build_model
from pipeline_samples import in_memory, prepared

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SPEC, CLASSES = InputSpec(1, 8, 8), 4


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.tail, self.head = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.tail(torch.relu(self.stem(x)))).mean((2, 3)))  # type: ignore[no-any-return]


def keras_model() -> Any:
    keras = import_keras()
    layers = keras.layers
    head = [layers.Rescaling(1 / 127.5, -1), layers.Conv2D(4, 3, name="stem", activation="relu")]
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, name="head", activation="softmax")]
    return keras.Sequential([keras.Input((8, 8, 1)), *head, *tail])


def onnx_file(folder: Path) -> str:
    return _float32(OnnxRuntime(), folder / "net.onnx")


def tflite_file(folder: Path) -> str:
    return _float32(LiteRT(), folder / "net.tflite")


def keras_file(folder: Path) -> str:
    path = folder / "net.keras"
    keras_model().save(path)
    return str(path)


def keras_without_softmax(folder: Path) -> str:
    return f"{keras_file(folder)},softmax=false"


def torch_export_file(folder: Path) -> str:
    path, batch = folder / "net.pt2", torch.export.Dim.DYNAMIC
    program = torch.export.export(Net().eval(), (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return f"{path},mean=0.5,std=0.5"


def _float32(backend: Any, path: Path) -> str:
    torch.manual_seed(0)
    captured = capture(Net().eval(), SPEC, ("a", "b", "c", "d"))
    plan = resolve(captured.program, parse_recipe("float32"), backend.capability.suffix, backend.capability)
    backend.lower(build(captured, plan, {}), path)
    return str(path)


FILES: dict[str, tuple[Callable[[Path], str], str]] = {
    "onnx": (onnx_file, "ONNX Runtime"),
    "tflite": (tflite_file, "LiteRT"),
    "keras": (keras_file, "Keras"),
    "keras without softmax": (keras_without_softmax, "Keras"),
}


def model_of(name: str, folder: Path) -> tuple[AbstractModel, InputSpec]:
    model = build_model(FILES[name][0](folder))
    return model, model.inputs(None)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_read_right_passes(name: str, tmp_path: Path) -> None:
    model, inputs = model_of(name, tmp_path)
    splits = in_memory().load(inputs)
    module = built(model, inputs, CLASSES, splits)
    judge, images = model.judge(module, inputs), seen(splits, inputs)
    assert judge is not None and judge.runtime == FILES[name][1] and images is not None
    ours: Any = module
    with torch.no_grad():
        named = ours.tensors(images[:1]) if hasattr(ours, "tensors") else {}
    shown = judge.tensors(images[:1].numpy())
    assert shown and (not named or set(shown) & set(named))
    for tensor in set(shown) & set(named):
        np.testing.assert_allclose(shown[tensor], named[tensor], atol=1e-4)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_read_as_another_network_is_refused(name: str, tmp_path: Path) -> None:
    model, inputs = model_of(name, tmp_path)
    module = model.build(inputs, CLASSES)
    stem = next(weight for weight in module.parameters() if weight.dim() == 4)
    stem.data *= 1.01
    where = r"the tensor '[^']+' is the first that differs" if hasattr(module, "tensors") else "scores differ"
    with pytest.raises(BadModel, match=rf"not the one that {FILES[name][1]} runs.*{where}"):
        capture(module, inputs, (), judge=model.judge(module, inputs))


def test_a_program_of_torch_export_is_its_own_judge(tmp_path: Path) -> None:
    model = build_model(torch_export_file(tmp_path))
    inputs = model.inputs(None)
    module = built(model, inputs, CLASSES, in_memory().load(inputs))
    assert model.judge(module, inputs) is None


def test_a_file_that_its_runtime_cannot_run_is_refused(tmp_path: Path) -> None:
    import onnx

    path = Path(onnx_file(tmp_path))
    model = onnx.load_model(str(path))
    model.ir_version = 99
    onnx.save_model(model, str(path))
    source = build_model(str(path))
    inputs = source.inputs(None)
    with pytest.raises(BadModel, match=r"ONNX Runtime cannot run .*give a file that runs there"):
        built(source, inputs, CLASSES)


def test_what_a_user_loads_or_trains_later_is_not_held_against_the_file(tmp_path: Path) -> None:
    """The reading is checked with the file's own weights; then the module is the source."""
    model, inputs = model_of("onnx", tmp_path)
    module = built(model, inputs, CLASSES)
    next(module.parameters()).data *= 2
    assert not isinstance(module, Network) and capture(module, inputs, ()).program.layers


class Wrapping(Net):
    def forward(self, x: torch.Tensor) -> Any:
        return {"logits": super().forward(x)}


def test_a_network_that_returns_a_dict_goes_through_the_pipeline(tmp_path: Path) -> None:
    from edgequant.models.wrap import Wrapped

    network = Wrapping()
    found = prepared(tmp_path, Wrapped(network, SPEC), in_memory(labelled=False))
    assert found.module(torch.zeros(2, 1, 8, 8)).shape == (2, CLASSES)
    assert isinstance(network(torch.zeros(2, 1, 8, 8)), dict), "the caller's own stays as it is"


def test_the_images_are_from_all_over_the_training_set() -> None:
    splits = in_memory().load(SPEC)
    images = seen(splits, SPEC)
    assert images is not None and images.shape == (16, 1, 8, 8) and images.dtype == torch.float32
