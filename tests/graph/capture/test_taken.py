"""What a network takes, said in words of images before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture

SPEC = InputSpec(3, 32, 32)
Body = Callable[[Any, torch.Tensor], Any]


class Net(nn.Module):
    def __init__(self, body: Body, channels: int = 3, width: int = 8) -> None:
        super().__init__()
        self.body, self.conv, self.fc = body, nn.Conv2d(channels, 8, 3, padding=1), nn.Linear(width, 5)

    def forward(self, x: torch.Tensor) -> Any:
        return self.body(self, x)


class Two(nn.Module):
    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return image * mask


class Nothing(nn.Module):
    def forward(self) -> torch.Tensor:
        return torch.zeros(2, 5)


def scores(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.fc(m.conv(x).mean((2, 3)))  # type: ignore[no-any-return]


CASES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "half": (lambda: Net(scores).half(), r"weights are float16 .*'conv\.weight'.* Write net\.float\(\)"),
    "bfloat16": (lambda: Net(scores).bfloat16(), r"weights are bfloat16 .* Write net\.float\(\)"),
    "double": (lambda: Net(scores).double(), r"weights are float64 .* Write net\.float\(\)"),
    "eight at once": (
        lambda: Net(lambda m, x: m.fc(m.conv(x).view(8, -1)[:, :8])),
        r"8 results for 2 images.*batches of one size only \(test_taken\.py, line \d+\).* Write x\.flatten\(1\)",
    ),
    "one at once": (
        lambda: Net(lambda m, x: m.fc(m.conv(x).mean((2, 3)).view(1, 8))),
        r"batches of one size only \(test_taken\.py, line \d+\)",
    ),
    "two in a constant": (
        lambda: Net(lambda m, x: m.fc(m.conv(x).mean((2, 3)) + torch.zeros(2, 8))),
        r"batches of one size only \(test_taken\.py, line \d+\)",
    ),
    "a size": (
        lambda: Net(lambda m, x: m.fc(F.avg_pool2d(m.conv(x), 28).flatten(1)), width=8 * 64),
        r"takes images of 224x224 pixels and was given 32x32 .* Give size=224",
    ),
    "grey": (
        lambda: Net(scores, 1),
        r"grey images of 1 channel, .* given 3 channels\. Give channels=1 \(--channels grey\)",
    ),
    "grey, another size": (
        lambda: Net(lambda m, x: m.fc(m.conv(x).flatten(1)), 1, 8 * 28 * 28),
        r"channels=1 \(--channels grey\)\. It takes 28x28 pixels, not 32x32: size=28",
    ),
    "several inputs": (Two, r"several inputs \(image, mask\)"),
    "no input": (Nothing, "takes no input"),
    "a number": (lambda: Net(lambda _, x: x.sum()), "gives a single number"),
    "a fault of its own": (
        lambda: Net(lambda m, x: m.fc(x * (1 / len([])))),
        r"does not run on images \(N, 3, 32, 32\): ZeroDivisionError: division by zero\. Expected",
    ),
}  # fmt: skip


class Reading(nn.Module):
    """As what a file is read to: it has the file's name, holds the batch, and refuses by itself what it cannot read."""

    name = "net.onnx"

    def __init__(self, refuses: bool) -> None:
        super().__init__()
        self.refuses = refuses

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.mean((2, 3)).reshape(1, 3)
        if self.refuses:
            raise BadModel("net.onnx: the node 'Gather_18' picks from a tensor.")
        return x


def test_a_file_goes_by_its_name_and_its_reader_has_the_word() -> None:
    with pytest.raises(
        BadModel, match=r"^net\.onnx takes batches of one size only.* export a file with a dynamic batch"
    ):
        capture(Reading(False), SPEC, ())
    with pytest.raises(BadModel, match="Gather_18"):
        capture(Reading(True), SPEC, ())


@pytest.mark.parametrize("name", CASES)
def test_what_a_network_does_not_take_is_said_in_one_line(name: str) -> None:
    make, message = CASES[name]
    with pytest.raises(BadModel, match=message) as error:
        capture(make(), SPEC, ())
    assert "\n" not in str(error.value) and "control flow" not in str(error.value)


@pytest.mark.parametrize("side", [20, 40, 48, 56, 100, 144])
def test_a_size_that_is_not_among_the_usual_ones_is_found_too(side: int) -> None:
    net = Net(lambda m, x: m.fc(F.avg_pool2d(m.conv(x), 4).flatten(1)), width=8 * (side // 4) ** 2)
    with pytest.raises(BadModel, match=rf"takes images of {side}x{side} pixels and was given 32x32"):
        capture(net, SPEC, ())
