"""What PyTorch puts around a network is taken off; the network stays the caller's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgequant.core.errors import BadModel
from edgequant.models.sources.unwrapped import unwrapped

pytestmark = pytest.mark.filterwarnings("ignore:.*torch\\.jit")  # of torch.compile itself


class Holder(nn.Module):
    """Of the user's own, and no wrapper of PyTorch's, though it has the names."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(2, 2)


def test_wrappers_of_pytorch_are_taken_off() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    for wrapped in (torch.compile(network), nn.DataParallel(network), torch.compile(nn.DataParallel(network)), network):
        assert unwrapped(wrapped) is network  # type: ignore[arg-type]
    own = Holder()
    assert unwrapped(own) is own


def test_torchscript_is_refused_with_what_to_give() -> None:
    with pytest.raises(BadModel, match=r"TorchScript.*Give the nn\.Module"):
        unwrapped(torch.jit.script(nn.Linear(2, 2)))
