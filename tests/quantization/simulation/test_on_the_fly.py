"""Quantization on the fly against plain Python, one number at a time; whole dynamic networks against the runtimes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from edgequant.catalog import BACKENDS
from edgequant.core.arrays import only
from edgequant.core.errors import Unsupported
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.quantization.build import build
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.dynamic import DynamicNetwork
from edgequant.quantization.simulation.kernels.wide import WIDE
from edgequant.quantization.simulation.on_the_fly import asymmetric_int8, dynamic_quantize_linear, qd8, symmetric_int8
from edgequant.quantization.simulation.simulate import simulator, with_stored_weights
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

f32 = np.float32
VALUES = st.lists(st.floats(-100, 100, width=32).map(lambda v: round(v, 3)), min_size=1, max_size=12)
RULES = [qd8, asymmetric_int8, symmetric_int8, dynamic_quantize_linear]


@pytest.mark.parametrize("rule", RULES)
@given(VALUES)
def test_every_rule_is_within_a_step_and_keeps_zero(rule: object, values: list[float]) -> None:
    x = torch.tensor([[*values, 0.0]])
    q, scale = rule(x, (1,))  # type: ignore[operator]
    assert torch.equal(q, q.round()) and float(q[0, -1]) == 0
    assert float(q.max() - q.min()) <= 255
    assert float((q * scale - x).abs().max()) <= 1.01 * float(scale)


@given(VALUES)
def test_uint8_is_that_of_the_onnx_definition(values: list[float]) -> None:
    low, high = f32(min(*values, 0.0)), f32(max(*values, 0.0))
    scale = f32(1) if low == high else f32((high - low) / f32(255))
    zero_point = round(min(255.0, max(0.0, float(f32(-low) / scale))))
    wanted = [min(255, max(0, round(float(f32(v) / scale)) + zero_point)) - zero_point for v in values]
    q, found = dynamic_quantize_linear(torch.tensor([values]), (1,))
    assert q[0].tolist() == wanted and float(found) == float(scale)


@given(VALUES)
def test_int8_is_that_of_litert_in_float64(values: list[float]) -> None:
    low, high = float(f32(min(*values, 0.0))), float(f32(max(*values, 0.0)))
    q, found = asymmetric_int8(torch.tensor([values]), (1,))
    if low == high:
        assert q[0].tolist() == [0.0] * len(values) and float(found) == 1
        return
    scale = (high - low) / 255
    near_low = 128 + abs(low / scale) < 127 + abs(high / scale)
    exact = min(127.0, max(-128.0, -128 - low / scale if near_low else 127 - high / scale))
    zero_point = math.copysign(math.floor(abs(exact) + 0.5), exact)
    inverse = f32(1) / f32(scale)
    steps = [float(f32(zero_point) + f32(v) * inverse) for v in values]
    wanted = [min(127.0, max(-128.0, math.copysign(math.floor(abs(s) + 0.5), s))) - zero_point for s in steps]
    assert q[0].tolist() == wanted and float(found) == float(f32(scale))


def test_each_image_and_each_pixel_has_a_range_of_its_own() -> None:
    x = torch.zeros(2, 3, 2, 2)
    x[0, 0, 0, 0], x[0, 1, 1, 1], x[1, 2, 0, 1] = 1.0, 10.0, 100.0
    for rule in RULES:
        _, by_image = rule(x, (1, 2, 3))
        assert by_image.shape == (2, 1, 1, 1) and float(by_image[1] / by_image[0]) == pytest.approx(10, rel=1e-6)
    q, by_pixel = qd8(x, (1,))
    assert by_pixel.shape == (2, 1, 2, 2) and float(by_pixel[0, 0, 1, 1] / by_pixel[0, 0, 0, 0]) == pytest.approx(10)
    assert float((q * by_pixel - x).abs().max()) < 1e-5


class Around(nn.Module):
    """One convolution, ReLU, a mean and a linear layer."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv, self.fc = conv, nn.Linear(conv.out_channels, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


LAYERS = {
    "3x3, stride 2": ((8, 12, 3, 2, 1), {}),
    "1x1": ((8, 12, 1), {}),
    "1x1, stride 2": ((8, 12, 1, 2), {"bias": False}),
    "depthwise": ((8, 8, 3, 1, 1), {"groups": 8}),
    "grouped 1x1": ((8, 12, 1), {"groups": 2}),
    "dilated": ((8, 12, 3, 1, 2, 2), {}),
}


def dynamic(name: str, target: str, recipe: str = "dynamic-w8") -> Reference:
    torch.manual_seed(1)
    arguments, options = LAYERS[name]
    spec = InputSpec(8, 9, 7, mean=(0.5,) * 8, std=(0.5,) * 8)
    captured = capture(Around(nn.Conv2d(*arguments, **options)).eval(), spec, ())  # type: ignore[arg-type]
    return build(
        captured, resolve(captured.program, parse_recipe(recipe), target, BACKENDS.build(target).capability), {}
    )


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("target", ["litert", "litert:delegate=false", "onnxruntime"])
def test_what_is_simulated_is_what_the_runtime_answers(name: str, target: str, tmp_path: Path) -> None:
    made, backend = dynamic(name, target), BACKENDS.build(target)
    path = tmp_path / f"net{backend.capability.suffix}"
    backend.lower(made, path)
    x = np.random.default_rng(0).standard_normal((10, 8, 9, 7)).astype(f32)
    theirs = only(backend.open(path).run(x))
    ours = only(simulator(made, backend.arithmetic(made, path))(torch.from_numpy(x))).numpy()
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    with torch.inference_mode():
        floats = only(with_stored_weights(made)(torch.from_numpy(x))).numpy()
    assert np.abs(floats - theirs).max() > 1e-4, "rounding of activations is seen in the answers"


def test_an_arithmetic_that_knows_no_rule_is_refused() -> None:
    with pytest.raises(Unsupported, match="wide arithmetic quantizes no activation on the fly"):
        DynamicNetwork(dynamic("1x1", "litert"), WIDE)
