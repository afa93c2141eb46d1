"""What is known to go wrong is said beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgequant.study.running.risks import risks
from pipeline_samples import prepared, study, tiny


class Excited(nn.Module):
    """Scales its channels by one number each."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(x)
        return x * torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))


@pytest.mark.parametrize(
    ("activation", "recipes", "warned"),
    [
        (Excited(), ("w8a8", "dynamic-w8"), True),
        (Excited(), ("w8a8",), False),
        (nn.SiLU(), ("dynamic-w8",), False),
    ],
)
def test_dynamic_int8_of_a_gated_network_is_warned_of(
    activation: nn.Module, recipes: tuple[str, ...], warned: bool, tmp_path: Path
) -> None:
    network, asked = prepared(tmp_path, tiny(activation=activation)), study(recipes=recipes)
    lines = risks(asked, [(asked.network[0], network)])
    assert len(lines) == warned
    assert not warned or (network.name in lines[0] and "the drop of dynamic-w8" in lines[0])
