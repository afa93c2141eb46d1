"""The smallest input contract, as tests state it where their network does not say one: `(pixel - 128) / 128`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from edgequant.core.arrays import Array
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise

RAW: dict[str, Any] = {"mean": 128 / 255, "std": 128 / 255}  # of `edgequant.quantize`
WORDS = ("--mean", 128 / 255, "--std", 128 / 255)  # on the command line
SPEC = f"mean={128 / 255},std={128 / 255}"  # in a model's spec


def taught(network: nn.Module, images: Array, labels: Array, inputs: InputSpec, steps: int = 80) -> nn.Module:
    """The network, trained for a moment in the mode it is in: one at chance is refused. Nobody's seed is changed."""
    x, y = torch.from_numpy(normalise(images, inputs)), torch.from_numpy(np.asarray(labels, np.int64))
    optimizer = torch.optim.Adam(network.parameters(), 0.03)
    with torch.enable_grad():
        for _ in range(steps):
            loss = nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.zero_grad(set_to_none=True)
    return network
