"""The lines that the report shows run, and answer what `edgequant predict` answers."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.image import Deployment, InputSpec
from edgequant.files.files import predict_files
from edgequant.graph.capture.capture import capture
from edgequant.graph.deploy import deployed
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.report.snippets.snippet import snippet
from edgequant.report.snippets.usage import usage
from edgequant.store.run import Run
from edgequant.study.study import to_dict

CLASSES = tuple(f"class {k}" for k in range(9))
COLOUR = InputSpec(3, 16, 12, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), resize=20, interpolation="bicubic")
GREY = InputSpec(1, 12, 12)
BLUE_FIRST = InputSpec(3, 16, 12, mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229), order="bgr", fit="letterbox")
MIDDLE = InputSpec(3, 12, 16, order="bgr", fit="crop")


class Places(nn.Module):
    """Scores that depend on every pixel: what the snippet feeds decides the class."""

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.conv = nn.Conv2d(spec.channels, 2, 3, padding=1)
        torch.manual_seed(1)
        self.head = nn.Linear(2 * spec.height * spec.width, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.flatten(torch.relu(self.conv(x)), 1))  # type: ignore[no-any-return]


def lower(spec: InputSpec, recipe: str, target: str, how: Deployment, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A file, and its record as a run leaves it."""
    torch.manual_seed(0)
    captured, backend = deployed(capture(Places(spec).eval(), spec, CLASSES), how), BACKENDS.build(target)
    plan = resolve(captured.program, parse_recipe(recipe), target, backend.capability)
    pixels = np.random.default_rng(0).integers(0, 256, (20, spec.height, spec.width, spec.channels), np.uint8)
    tensors = observed_tensors(captured, plan) if plan.tensors else ()
    path = folder / f"{target}-{recipe}{backend.capability.suffix}"
    backend.lower(build(captured, plan, collect(captured, [pixels], MinMax(), tensors)), path)
    record = {"id": "v", "recipe": recipe, "file": f"artifacts/{path.name}", "input": to_dict(captured.inputs)}
    return path, record | {"deployed": to_dict(captured.deployed)}


def photos(folder: Path, count: int = 8) -> list[Path]:
    """Smooth pictures, so that a half pixel of the crop does not decide."""
    paths = []
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
        paths.append(folder / f"{seed}.jpg")
        Image.fromarray(coarse).resize((75, 60), Image.Resampling.BICUBIC).save(paths[-1], quality=95)
    return paths


def printed(code: str, folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    Image.open(photo).save(folder / "photo.jpg", quality=100, subsampling=0)
    monkeypatch.chdir(folder)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "snippet", "exec"), {})
    return int(said.getvalue())


@pytest.mark.parametrize("target", ["litert", "onnxruntime"])
@pytest.mark.parametrize(
    ("recipe", "how"),
    [
        ("w8a8", Deployment("uint8")),
        ("w8a8", Deployment("int8", "float32", "nchw")),
        ("w8a8", Deployment("uint8", layout="nhwc")),
        ("w8a8", Deployment()),
        ("float32", Deployment("uint8")),
        ("float32", Deployment()),
        ("w8a8", Deployment("float32")),
    ],
)
@pytest.mark.parametrize("spec", [COLOUR, GREY, BLUE_FIRST, MIDDLE], ids=["colour", "grey", "bgr", "middle"])
def test_the_python_runs_and_answers_what_predict_answers(
    target: str, recipe: str, how: Deployment, spec: InputSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, record = lower(spec, recipe, target, how, tmp_path)
    text = snippet(Run({}, tmp_path), record)
    code = text.split("```python\n")[1].split("```")[0]
    same = 0
    for photo in photos(tmp_path, 5):
        number = printed(code, tmp_path, photo, monkeypatch)
        (found,) = predict_files(path, [tmp_path / "photo.jpg"])
        same += found.top[0][0] == CLASSES[number]
    assert same >= 4, "a crop that begins between two pixels may decide a close call"


def test_raw_bytes_take_ten_lines(tmp_path: Path) -> None:
    plain = InputSpec(3, 12, 12)
    for target in ("litert", "onnxruntime"):
        _, record = lower(plain, "w8a8", target, Deployment("uint8"), tmp_path)
        code = snippet(Run({}, tmp_path), record).split("```python\n")[1].split("```")[0]
        assert len([line for line in code.splitlines() if line]) <= 12
        assert "255" not in code, "nothing is normalised"


def test_the_c_says_what_goes_in_and_what_comes_out(tmp_path: Path) -> None:
    _, record = lower(COLOUR, "w8a8", "litert", Deployment("uint8"), tmp_path)
    text = snippet(Run({}, tmp_path), record).split("```c\n")[1]
    assert "uint8_t pixels[16][12][3]: RGB bytes 0..255 as the camera gives them" in text and "int8_t scores[]" in text
    _, record = lower(COLOUR, "float32", "onnxruntime", Deployment(), tmp_path)
    text = snippet(Run({}, tmp_path), record).split("```c\n")[1]
    assert "{1, 3, 16, 12}" in text and "CreateTensor<float>(memory, pixels, 576, shape, 4)" in text
    assert "(RGB byte / 255 - {0.485, 0.456, 0.406}) / {0.229, 0.224, 0.225}" in text
    _, record = lower(COLOUR, "w8a8", "litert", Deployment(), tmp_path)
    assert "/ 0.018658" in snippet(Run({}, tmp_path), record).split("```c\n")[1]


def test_the_grid_is_the_files_own(tmp_path: Path) -> None:
    """Recomputed from mean and std; the file's header is the judge."""
    from edgequant.backends.litert.session import Session

    for recipe in ("w8a8", "w8a16"):
        path, record = lower(COLOUR, recipe, "litert", Deployment(), tmp_path)
        use = usage(Run({}, tmp_path), record)
        assert use is not None
        scale, zero_point = Session(path).source["quantization"]
        assert use.grid == (pytest.approx(scale, rel=1e-6), zero_point)


def test_a_recipe_of_the_users_own_is_known_by_its_first_layer(tmp_path: Path) -> None:
    record = {"file": "a.tflite", "recipe": "mine", "layers": [{"activation_bits": 8}]}
    found = usage(Run({}, tmp_path), record)
    assert found is not None and (found.type, found.size, found.recorded) == ("int8", None, False)
    assert usage(Run({}, tmp_path), {"file": "a.bin"}) is None


def test_the_snippets_say_that_blue_comes_first_and_what_is_measured(tmp_path: Path) -> None:
    _, record = lower(BLUE_FIRST, "w8a8", "litert", Deployment("uint8"), tmp_path)
    text = snippet(Run({}, tmp_path), record)
    assert "BGR bytes 0..255" in text and "[..., ::-1]" in text and "between bars of grey 114" in text
    _, record = lower(MIDDLE, "w8a8", "litert", Deployment("uint8"), tmp_path)
    assert "the largest box of the image's middle" in snippet(Run({}, tmp_path), record)
