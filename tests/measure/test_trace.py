"""A difference is found where it was planted, and none where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.backends.litert.backend import LiteRT
from edgequant.backends.litert.session import Session
from edgequant.core.arrays import Array
from edgequant.core.grid import QParams, WeightQ
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.measure.trace import TensorDifference, first_difference, trace
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.arithmetic import Pick

SPEC = InputSpec(3, 8, 6)
X = np.random.default_rng(0).uniform(-1, 1, (6, 3, 8, 6)).astype(np.float32)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 5, 3, 2)
        self.head = nn.Linear(5 * 3 * 2, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(F.relu(self.first(x)))
        return self.head(torch.flatten(x, 1))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def made() -> Reference:
    captured = capture(Small().eval(), SPEC, ())
    grid = dict.fromkeys(captured.program.tensors, QParams(1 / 64, -3))
    weights = {}
    for step in captured.program.layers:
        value = captured.network.layer(step.layer).weight.detach()
        scale = value.flatten(1).abs().amax(1) / 127
        weights[step.layer] = WeightQ(
            torch.round(value / scale.view(-1, *[1] * (value.dim() - 1))).to(torch.int8), scale
        )
    return Reference(captured, "by hand", "static", grid, weights)


@pytest.fixture(scope="module")
def file(made: Reference, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Array], Pick]:
    path = tmp_path_factory.mktemp("trace") / "net.tflite"
    LiteRT().lower(made, path)
    return Session(path, preserve=True).run_all(X), LiteRT().arithmetic(made, path)


def test_all_tensors_of_the_file_are_compared_and_equal(made: Reference, file: tuple[dict[str, Array], Pick]) -> None:
    found, pick = file
    assert trace(made, pick, found, X) == [
        TensorDifference("relu", "first", "conv2d", 1.0, 0),
        TensorDifference("conv2d_1", "second", "conv2d", 1.0, 0),
        TensorDifference("flatten", "", "reshape", 1.0, 0),
        TensorDifference("linear", "head", "linear", 1.0, 0),
    ]
    assert first_difference(made, pick, found, X) is None


def test_the_layer_that_differs_is_named(made: Reference, file: tuple[dict[str, Array], Pick]) -> None:
    found, pick = file
    weight = made.weights["second"]
    moved = weight.q.clone()
    moved[2] = -moved[2]
    wrong = replace(made, weights={**made.weights, "second": replace(weight, q=moved)})
    difference = first_difference(wrong, pick, found, X)
    assert difference is not None
    assert (difference.tensor, difference.layer, difference.op) == ("conv2d_1", "second", "conv2d")
    assert 0.7 < difference.exact_fraction < 0.9 and difference.max_lsb > 1  # one channel of five is wrong


def test_how_far_is_counted_in_steps(made: Reference, file: tuple[dict[str, Array], Pick]) -> None:
    found, pick = file
    shifted = {**found, "linear": found["linear"].astype(np.int16) + 3}
    difference = first_difference(made, pick, shifted, X)
    assert difference == TensorDifference("linear", "head", "linear", 0.0, 3)
