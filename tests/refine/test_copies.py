"""A module that is called several times is stored once, whatever refines its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgequant.backends.litert.backend import LiteRT
from edgequant.graph.copies import copied, copies
from edgequant.quantization.reference import Reference
from edgequant.refine.adaround import AdaRound
from edgequant.refine.bias_correct import BiasCorrect
from edgequant.refine.equalize import Equalize
from edgequant.refine.refiner import Corrects
from edgequant.refine.training.learned import learned
from edgequant.refine.training.network import FakeQuantized
from edgequant.refine.training.oscillation import Freezing
from refine_samples import SPEC, captured, images, reference_of


class Recurrent(nn.Module):
    """One convolution three times, and one that is only like it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again, self.alone = nn.Conv2d(3, 24, 3, padding=1), conv(), conv()
        self.head = nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        for _ in range(3):
            x = torch.relu(self.again(x))
        return self.head(torch.relu(self.alone(x)).mean((2, 3)))  # type: ignore[no-any-return]


def conv() -> nn.Conv2d:
    return nn.Conv2d(24, 24, 3, padding=1)


def size(reference: Reference, folder: Path) -> int:
    return LiteRT().lower(reference, folder / "net.tflite").bytes


def test_calls_of_one_module_are_known_by_their_weights() -> None:
    network = captured(Recurrent()).network
    assert copied(network) == {"again", "again#2", "again#3"}
    assert {layer: first for layer, first in copies(network).items() if layer != first} == {
        "again#2": "again",
        "again#3": "again",
    }
    network.layer("again#3").weight.data += 1
    assert copied(network) == {"again", "again#2"}


@pytest.mark.parametrize(
    "refiner", [Equalize(), AdaRound(iterations=20, bits_below=9), BiasCorrect()], ids=["equalize", "adaround", "bias"]
)
def test_a_refined_file_stores_them_once(refiner: Corrects, tmp_path: Path) -> None:
    network = captured(Recurrent())
    plain = size(reference_of(network, "w8a8"), tmp_path)
    reference = reference_of(network, "w8a8", [refiner])
    refined = refiner.reference(reference, images(32, spec=SPEC), lambda *_: None)
    assert size(refined, tmp_path) < plain + 24 * 24 * 9 // 2  # another copy of the weights alone would be twice that


def test_equalize_says_which_pairs_it_leaves_and_takes_the_others() -> None:
    network = captured(Recurrent())
    reference = Equalize().reference(reference_of(network, "w8a8"), images(8), lambda *_: None)
    reasons = {fate.name: fate.reason for fate in reference.layers}
    assert "again, again#2 is called more than once" in reasons["again"]
    assert reasons["alone"] == "equalized with head"


@pytest.mark.parametrize("bits", [8, 4])
def test_qat_moves_all_calls_together(bits: int) -> None:
    network = FakeQuantized(reference_of(captured(Recurrent()), f"w{bits}a8-all"), Freezing())
    optimizer = torch.optim.SGD(network.parameters(), 0.05)
    for step in range(3):
        network.begin(step, 3)
        optimizer.zero_grad()
        network(torch.randn(8, *SPEC.shape)).square().mean().backward()
        optimizer.step()
    weights = learned(network).weights
    assert not torch.equal(weights["again"].q, network.reference.weights["again"].q)
    for other in ("again#2", "again#3"):
        assert torch.equal(weights["again"].q, weights[other].q)
        assert torch.equal(weights["again"].scale, weights[other].scale)
