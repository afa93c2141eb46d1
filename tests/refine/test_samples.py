"""The rows of a layer, held against the layer itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgequant.graph.program import activate
from edgequant.refine.samples import draw
from edgequant.refine.walk import Walk
from refine_samples import captured, images, reference_of


class One(nn.Module):
    """One convolution of interest behind a stem that makes 6 channels."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 1)
        self.layer = nn.Conv2d(**{"in_channels": 6, "out_channels": 12, **options})  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.layer(self.stem(x))).mean((2, 3))


OPTIONS = [
    {"kernel_size": 1},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "padding": "same", "dilation": 2},
    {"kernel_size": (1, 3), "stride": (2, 1)},
    {"kernel_size": 3, "padding": 1, "groups": 2},
    {"kernel_size": 3, "padding": 1, "groups": 6},
    {"kernel_size": (3, 1), "padding": (1, 0), "groups": 6, "out_channels": 6},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("positions", [40, 10_000])
def test_rows_times_weights_are_the_layer(options: dict[str, object], positions: int) -> None:
    """With weights kept in float and inputs compared alike, the product of each row is its target."""
    network = captured(One(**options))
    walk = Walk(reference_of(network, "float32"), images(10))
    stem, step = network.program.steps[:2]
    for one in (stem, step):
        walk.run_float(one)
        if one is stem:
            walk.run_quantized(one)
    samples = draw(walk, step, positions, torch.Generator().manual_seed(0))
    layer = network.network.layer("layer")
    assert layer.bias is not None
    with torch.no_grad():
        got = activate(samples.times(layer.weight) + layer.bias, step.activation)
    assert got.shape == (min(positions, 10 * step.shape[1] * step.shape[2]), step.shape[0])
    torch.testing.assert_close(got, samples.targets, atol=1e-5, rtol=1e-4)
    assert len(samples.targets.unique(dim=0)) > len(samples) // 8  # not the same place again and again
