"""A float .tflite as the network to start from: the same outputs, then quantized again like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.litert.source import TFLiteModel
from edgequant.core.arrays import only
from edgequant.core.errors import BadModel, BadOption
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.study.networks.sources import build_model
from tflite_samples import CLASSES, SPEC, captured, pixels, reference


@pytest.fixture(scope="module")
def lowered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("float")
    return lambda recipe: LiteRT().lower(reference(captured(), recipe), folder / f"{recipe}.tflite").path


@pytest.mark.parametrize(("recipe", "tolerance"), [("float32", 1e-6), ("float16", 1e-3)])
def test_a_float_file_of_ours_read_back_gives_the_same_outputs(
    recipe: str, tolerance: float, lowered: Callable[[str], Path]
) -> None:
    path = lowered(recipe)
    source = build_model(str(path))
    assert isinstance(source, TFLiteModel) and source.has_weights and source.inputs(None) == SPEC
    network = capture(source.build(SPEC, len(CLASSES)), SPEC, CLASSES)
    assert {step.layer for step in network.program.layers} == {
        "stem",
        "depthwise",
        "tail",
        "grouped",
        "gate",
        "fc1",
        "fc2",
    }
    x = normalise(pixels(), SPEC)
    with torch.no_grad():
        got = only(network.network(torch.from_numpy(x))).numpy()
    np.testing.assert_allclose(got, only(LiteRT().open(path).run(x)), atol=tolerance)


def test_it_is_quantized_to_the_very_file_that_its_original_is(lowered: Callable[[str], Path], tmp_path: Path) -> None:
    source = TFLiteModel(str(lowered("float32")))
    again = capture(source.build(SPEC, len(CLASSES)), SPEC, CLASSES)
    made = LiteRT().lower(reference(again, "w8a8"), tmp_path / "again.tflite").path
    x = normalise(pixels(), SPEC)
    assert np.array_equal(
        only(LiteRT().open(made).run_quantized(x)), only(LiteRT().open(lowered("w8a8")).run_quantized(x))
    )


def test_a_quantized_file_is_no_network_to_start_from(lowered: Callable[[str], Path]) -> None:
    with pytest.raises(BadModel, match=r"quantized already \(w8a8\)"):
        TFLiteModel(str(lowered("w8a8"))).build(SPEC, 5)


def test_a_file_without_our_record_needs_mean_and_std(lowered: Callable[[str], Path], tmp_path: Path) -> None:
    from tflite_edit import Edit

    edit = Edit(lowered("float32"))
    edit.model.metadata = None
    path = str(edit.save(tmp_path / "foreign.tflite"))
    assert TFLiteModel(path).inputs(None).mean == (), "not known, which is refused where it stays so"
    inputs = TFLiteModel(path, mean="0.5", std="0.1:0.2:0.3").inputs(None)
    assert (inputs.mean, inputs.std) == ((0.5,), (0.1, 0.2, 0.3))
    with pytest.raises(BadOption, match="--mean takes numbers"):
        TFLiteModel(path, mean="half", std="0.5").inputs(None)
    with pytest.raises(BadModel, match="needs a file"):
        TFLiteModel().inputs(None)
