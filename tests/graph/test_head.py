from __future__ import annotations

import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.head import body, width, with_head

SPEC = InputSpec(3, 8, 8)
X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """With a softmax behind the head, or with a head that is a 1x1 convolution, or one that reads an image."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.conv = kind, nn.Conv2d(3, 6, 3)
        self.head: nn.Module = nn.Linear(6, 5) if kind == "softmax" else nn.Conv2d(6, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.conv(x))
        if self.kind == "softmax":
            return torch.softmax(self.head(features.mean((2, 3))), 1)
        if self.kind == "conv":
            return torch.flatten(self.head(features.mean((2, 3), keepdim=True)), 1)
        return self.head(features).mean((2, 3))  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["softmax", "conv"])
@torch.no_grad()
def test_the_body_gives_the_features_and_a_new_head_scores_other_classes(kind: str) -> None:
    torch.manual_seed(0)
    net = Net(kind).eval()
    captured = capture(net, SPEC, ())
    features = torch.relu(net.conv(X)).mean((2, 3))
    assert width(captured) == 6
    assert torch.allclose(only(body(captured)(X)), features, atol=1e-6)
    head = nn.Linear(6, 2)
    new = with_head(captured, head, ("cat", "dog"))
    assert torch.allclose(only(new.network(X)), head(features), atol=1e-6)
    assert (new.classes, new.program.only.shape) == (("cat", "dog"), (2,))
    assert new.program.layers[-1].layer == "head" and new.network.layer("head") is head
    assert only(captured.network(X)).shape == (4, 5), "the old network is as it was"


def test_a_network_without_a_head_to_replace_is_refused() -> None:
    with pytest.raises(BadModel, match=r"head, reads \(6, 6, 6\) values"):
        width(capture(Net("late pooling").eval(), SPEC, ()))

    class Bare(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x).mean((2, 3))

    with pytest.raises(BadModel, match="no layer with weights"):
        body(capture(Bare(), SPEC, ()))
