"""From the command line to a file that takes the camera's bytes, and back through predict and evaluate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgequant as package
from edgequant.core.image import Deployment, InputSpec
from edgequant.core.preprocess import normalise
from edgequant.files.files import evaluate_file, open_file
from edgequant.models.wrap import Wrapped
from edgequant.study.study import Calibration

SPEC = InputSpec(3, 8, 8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


class Colours(nn.Module):
    """The class is the strongest channel; the stem pads, so the normalisation is a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 3)
        weight = torch.zeros(3, 3, 3, 3)
        weight[range(3), range(3), 1, 1] = 1.0
        self.stem.weight.data, self.head.weight.data = weight, torch.eye(3)
        self.stem.bias.data.fill_(3.0)  # type: ignore[union-attr]
        self.head.bias.data.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(200) % 3
    pixels = np.random.default_rng(0).integers(0, 90, (200, 8, 8, 3))
    pixels[np.arange(200), :, :, labels] += 120
    return pixels.astype(np.uint8), labels


def test_every_variant_has_the_deployed_border_and_the_floats_answers(
    images: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    how = Deployment("uint8", "float32", "nchw")
    result = package.quantize(
        Wrapped(Colours().eval(), SPEC), images, out=tmp_path / "run", calibration=Calibration(n=100), deployed=how
    )
    for variant in result.run.results["variants"]:
        assert variant["deployed"] == {"input": "uint8", "output": "float32", "layout": "nchw"}
        assert variant["parity"]["gate"] == "passed" and variant["top1"] == 1.0
        file = open_file(tmp_path / "run" / variant["file"])
        assert file.inputs is not None and file.inputs.mean == (128 / 255,)
        session = file.backend.open(file.path)
        assert np.array_equal(
            session.encode(normalise(images[0][:2], file.inputs)), images[0][:2].transpose(0, 3, 1, 2)
        )
    np.savez(tmp_path / "set.npz", images=images[0], labels=images[1])
    assert result.file is not None and evaluate_file(result.file, f"arrays:{tmp_path / 'set.npz'}")["top1"] == 1.0


def test_a_wrong_type_is_the_users_mistake(edgequant: Callable[..., Any]) -> None:
    said = edgequant("quantize", "micro_cnn", "--data", "digits", "--weights", "random", "--input", "uint9")
    assert "A network's input is one of uint8, int8, float32" in said.refusal
