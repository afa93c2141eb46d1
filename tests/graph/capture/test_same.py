"""The source check: what is another network is refused, and what only rounds otherwise is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.arrays import Array, only
from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph import program
from edgequant.graph.capture.capture import capture
from edgequant.graph.capture.one_result import the_tensor
from edgequant.graph.ops.table import OPS, Op
from edgequant.graph.parse import builder
from edgequant.graph.program import Network

SPEC = InputSpec(3, 16, 16)


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al., 2018, arXiv:1709.01507)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.up(F.silu(self.down(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    """As EfficientNet has it: widened, SiLU, gated, narrowed, added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.parts = nn.Sequential(
            *(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU()),
            *(nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.SiLU()),
            *(Gate(wide), nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.parts(x)  # type: ignore[no-any-return]


def photographs(contrast: float) -> torch.Tensor:
    """(16, 3, 16, 16) smooth and pale, as photographs are beside noise."""
    coarse = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, 16, mode="bilinear") * contrast


def of_photographs(depth: int, contrast: float) -> nn.Module:
    """A deep network whose BatchNorms have the statistics of photographs: noise makes it explode."""
    torch.manual_seed(0)
    blocks = [Block(8) for _ in range(depth)]
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            part.momentum = None
    with torch.no_grad():
        network(photographs(contrast))
    return network.eval()


@pytest.mark.parametrize("contrast", [0.3, 1e-4])
def test_a_network_that_noise_makes_explode_is_no_other_network(contrast: float) -> None:
    network = of_photographs(12, contrast)
    found = capture(network, SPEC, (), photographs(contrast))
    images = photographs(contrast)
    with torch.no_grad():
        torch.testing.assert_close(only(found.network(images)), network(images), rtol=1e-2, atol=1e-3)


def wrong(kind: str, run: Any) -> dict[str, Op]:
    return {**OPS, kind: dataclasses.replace(OPS[kind], run=run)}


def test_another_network_is_refused_with_the_first_tensor_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.sigmoid(self.conv(x))
            x = torch.tanh(x)
            return self.head(x.mean((2, 3)))  # type: ignore[no-any-return]

    monkeypatch.setattr(program, "OPS", wrong("sigmoid", lambda _a, _m, x: torch.sigmoid(x) * 1.001))
    line = Net.forward.__code__.co_firstlineno + 1
    with pytest.raises(
        BadModel, match=rf"not the model: aten\.sigmoid\.default \(test_same\.py, line {line}\)"
    ) as error:
        capture(Net(), SPEC, ())
    assert "on noise the scores differ by up to" in str(error.value) and "largest value" in str(error.value)


def test_a_difference_that_only_images_show_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    monkeypatch.setitem(builder.__dict__, "OPS", builder.OPS)
    monkeypatch.setattr("edgequant.graph.program.TOPS", {"relu6": 6.5, "relu1": 1.0})
    capture(network, SPEC, ())
    with pytest.raises(BadModel, match="on images of the data set the scores differ"):
        capture(network, SPEC, (), 40 * photographs(1.0))


def test_a_network_that_answers_nan_is_refused() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x) * float("inf")
            return self.head((x - x).mean((2, 3)))  # type: ignore[no-any-return]

    with pytest.raises(BadModel, match="answers NaN or infinity on noise"):
        capture(Net(), SPEC, ())


def test_a_module_with_a_state_of_its_own_is_refused() -> None:
    class Counting(nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.compiler.is_compiling():
                Counting.calls += 1
            return self.head(x.mean((2, 3))) * Counting.calls  # type: ignore[no-any-return]

    with pytest.raises(BadModel, match="no state, no chance"):
        capture(Counting(), SPEC, ())


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """A runtime whose network is `module`; `shape` is what it makes of the scores."""

    module: nn.Module
    shape: tuple[int, ...] = (-1, 4)
    runtime = "a runtime"

    def takes(self, images: Array) -> Array:
        return images

    def scores(self, images: Array) -> Array:
        with torch.no_grad():
            return the_tensor(self.module(torch.from_numpy(images)), "").reshape(self.shape).numpy()

    def tensors(self, images: Array) -> Mapping[str, Array]:
        made: Any = getattr(self.module, "tensors", lambda _: {})
        with torch.no_grad():
            return {name: np.array(value) for name, value in made(torch.from_numpy(images)).items()}


def plain(activation: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 8, 3),
        activation,
        nn.Conv2d(8, 8, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ]
    return nn.Sequential(*layers).eval()


def test_a_runtime_that_agrees_is_no_obstacle() -> None:
    network = of_photographs(12, 0.03)
    capture(network, SPEC, (), photographs(0.03), Elsewhere(capture(network, SPEC, ()).network))


def test_a_runtime_that_answers_otherwise_refuses_and_names_its_tensor() -> None:
    captured: Network = capture(plain(nn.GELU()), SPEC, ()).network
    other = capture(plain(nn.GELU("tanh")), SPEC, ()).network
    with pytest.raises(BadModel, match=r"not the one that a runtime runs: .* on noise the scores differ by up to"):
        capture(plain(nn.GELU()), SPEC, (), judge=Elsewhere(other))
    sigmoid = capture(plain(nn.Sigmoid()), SPEC, ()).network
    with pytest.raises(BadModel, match=r"the tensor 'gelu' is the first that differs, by up to .* \(largest value"):
        capture(captured, SPEC, (), judge=Elsewhere(Renamed(sigmoid)))
    with pytest.raises(BadModel, match=r"scores have the shape \(2,\) there and \(4,\) here"):
        capture(captured, SPEC, (), judge=Elsewhere(captured, (-1, 2)))


def test_where_rounding_explains_everything_nothing_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    captured = capture(plain(nn.GELU()), SPEC, ()).network
    other = capture(plain(nn.Sigmoid()), SPEC, ()).network
    monkeypatch.setattr("edgequant.graph.capture.same.uncertainty", lambda *_: torch.ones(()))
    with pytest.raises(BadModel, match="the one that a runtime runs cannot be told: on noise and on images"):
        capture(captured, SPEC, (), photographs(1.0), Elsewhere(other))
    monkeypatch.undo()
    overflowing = photographs(1.0) * 3e38
    capture(captured, SPEC, (), overflowing, Elsewhere(captured))


class Renamed(nn.Module):
    """Another network under the tensor names of the first."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)  # type: ignore[no-any-return]

    def tensors(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name.replace("sigmoid", "gelu"): value for name, value in self.network.tensors(x).items()}
