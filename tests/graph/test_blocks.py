"""What a network is made of, as far as quantization minds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgequant.core.image import InputSpec
from edgequant.graph.blocks import has_squeeze_and_excitation, has_swish
from edgequant.graph.capture.capture import capture


class Gated(nn.Module):
    """A convolution whose channels are scaled by what their means say."""

    def __init__(self, activation: nn.Module, excite: bool) -> None:
        super().__init__()
        self.conv, self.squeeze, self.head = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(4, 2)
        self.activation, self.excite = activation, excite

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.activation(self.conv(x))
        if self.excite:
            x = x * torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))
        return self.head(x.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("excite", [False, True])
@pytest.mark.parametrize(("activation", "swish"), [(nn.ReLU(), False), (nn.SiLU(), True), (nn.Hardswish(), True)])
def test_gates_are_found(activation: nn.Module, swish: bool, excite: bool) -> None:
    torch.manual_seed(0)
    program = capture(Gated(activation, excite).eval(), InputSpec(1, 8, 8), ("a", "b")).program
    assert has_swish(program) is swish
    assert has_squeeze_and_excitation(program) is excite
