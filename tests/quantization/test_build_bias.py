"""Channels that training switched off: weights next to nothing, and a bias that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import only
from edgequant.core.grid import QParams, quantize_bias
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.quantization.build import build, observed_tensors, roomy
from edgequant.quantization.simulation.simulate import simulator
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

SPEC = InputSpec(3, 8, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)


@given(scale=st.floats(1e-12, 1.0), bias=st.floats(-50, 50), step=st.floats(1e-4, 1.0), wide=st.booleans())
@settings(max_examples=100)
def test_every_bias_fits_and_a_scale_with_room_is_not_touched(
    scale: float, bias: float, step: float, wide: bool
) -> None:
    source, scales = QParams(step, 0, 16 if wide else 8), torch.tensor([scale, 0.01])
    found = roomy(scales, torch.tensor([bias, 0.0]), source)
    quantize_bias(torch.tensor([bias, 0.0]), source.scale, found, 64 if wide else 32)  # raises where one does not fit
    assert found[1] == scales[1] and found[0] >= scales[0]
    if abs(bias) / (scale * step) < 2.0 ** (62 if wide else 30) * 0.99:
        assert found[0] == scales[0]


class SwitchedOff(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)
        self.stem.weight.data[2] *= 1e-11
        self.stem.bias.data[2] = 1.5  # type: ignore[index]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]


def test_one_such_channel_does_not_leave_its_layer_in_float(tmp_path: Path) -> None:
    torch.manual_seed(0)
    captured = capture(SwitchedOff().eval(), SPEC, ())
    backend = BACKENDS.build("litert")
    plan = resolve(captured.program, parse_recipe("w8a8"), "litert", backend.capability)
    reference = build(captured, plan, collect(captured, [PIXELS], MinMax(), observed_tensors(captured, plan)))
    assert reference.float_layers == () and not reference.weights["stem"].q[2].any()
    path = backend.lower(reference, tmp_path / "off.tflite").path
    x = normalise(PIXELS, SPEC)
    with torch.inference_mode():
        promised = only(simulator(reference, backend.arithmetic(reference, path))(torch.from_numpy(x))).numpy()
        floats = only(captured.network(torch.from_numpy(x))).numpy()
    found = only(backend.open(path).run(x))
    assert np.array_equal(found, promised)
    assert np.abs(found - floats).max() < 0.05 * np.abs(floats).max()
