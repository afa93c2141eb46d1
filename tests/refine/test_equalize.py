"""Equalization: the same network in float, a better one in integers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgequant.core.arrays import only
from edgequant.graph.program import Captured
from edgequant.refine.equalize import Equalize, consecutive, input_ranges, output_ranges
from refine_samples import Residual, captured, images, per_tensor, reference_of, silent, simulated, tensors


class Chain(nn.Module):
    """Convolution, depthwise, convolution; then pooling and a flattened image into a linear layer."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.first, self.act1 = nn.Conv2d(3, 12, 3, 1, 1), activation()
        self.depthwise, self.act2 = nn.Conv2d(12, 12, 3, 1, 1, groups=12, bias=False), activation()
        self.second, self.act3 = nn.Conv2d(12, 6, 1), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(6 * 16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act2(self.depthwise(self.act1(self.first(x))))
        return self.head(self.pool(self.act3(self.second(x))).flatten(1))  # type: ignore[no-any-return]


def badly_scaled(activation: type[nn.Module] = nn.ReLU) -> Captured:
    """The channels of `first` differ a thousandfold, and `depthwise` makes up for it."""
    network = captured(Chain(activation))
    factors = torch.logspace(-2, 1, 12)
    first, depthwise = network.network.layer("first"), network.network.layer("depthwise")
    first.weight.data *= factors.view(-1, 1, 1, 1)
    assert first.bias is not None
    first.bias.data *= factors
    depthwise.weight.data /= factors.view(-1, 1, 1, 1)
    return network


@pytest.mark.parametrize("module", [Chain(), Residual(), Residual(nn.ReLU6)])
def test_the_float_network_computes_the_same(module: nn.Module) -> None:
    before = captured(module)
    after = Equalize().network(before)
    x = tensors(images(16, 1))
    with torch.no_grad():
        torch.testing.assert_close(only(after.network(x)), only(before.network(x)), atol=1e-5, rtol=1e-5)


def test_pairs_go_through_whatever_passes_a_factor_on() -> None:
    pairs = list(consecutive(captured(Chain()).program))
    assert [(p.producer.layer, p.consumer.layer) for p in pairs] == [
        ("first", "depthwise"),
        ("depthwise", "second"),
        ("second", "head"),
    ]
    # The stem is read twice, the block's end is added to something: neither can be in a pair.
    pairs = list(consecutive(captured(Residual()).program))
    assert [(p.producer.layer, p.consumer.layer) for p in pairs] == [
        ("block.0", "block.2"),
        ("block.2", "block.4"),
        ("down.0", "head"),
    ]


def test_a_sigmoid_ends_a_pair() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    network = captured(module)
    assert not list(consecutive(network.program))
    assert Equalize().network(network) is network


def test_the_ranges_of_both_sides_become_equal() -> None:
    network = Equalize().network(badly_scaled()).network
    for pair in consecutive(network.program):
        r1 = output_ranges(network.layer(pair.producer.layer))
        torch.testing.assert_close(r1, input_ranges(network.layer(pair.consumer.layer), len(r1)), rtol=5e-3, atol=0)


def test_integers_per_tensor_err_less() -> None:
    before, refiner, held_out = badly_scaled(), Equalize(), images(64, 2)
    with torch.no_grad():
        truth = only(before.network(tensors(held_out)))
    errors = [
        float((simulated(reference_of(before, per_tensor(8), refiners), held_out) - truth).square().mean())
        for refiners in ((), (refiner,))
    ]
    assert errors[1] < errors[0] / 10


def test_the_argument_is_left_as_it_was() -> None:
    before = badly_scaled()
    state = {k: v.clone() for k, v in before.network.state_dict().items()}
    after = Equalize().network(before)
    assert after is not before and after.network is not before.network
    assert all(torch.equal(v, state[k]) for k, v in before.network.state_dict().items())
    assert not torch.equal(after.network.layer("first").weight, before.network.layer("first").weight)


def test_a_dead_channel_is_left_alone() -> None:
    before = captured(Chain())
    layer = before.network.layer("first")
    layer.weight.data[3] = 1e-9
    assert layer.bias is not None
    after = Equalize().network(before).network.layer("first")
    assert after.bias is not None
    assert torch.equal(after.bias[3], layer.bias[3]) and torch.isfinite(after.weight).all()


def test_relu6_bars_a_pair_and_the_fate_says_so() -> None:
    before = badly_scaled(nn.ReLU6)
    after = Equalize().network(before)
    assert torch.equal(after.network.layer("first").weight, before.network.layer("first").weight)
    fates = {f.name: f.reason for f in Equalize().reference(reference_of(after, "w8a8"), images(8), silent).layers}
    assert fates["first"] == "not equalized with depthwise: ReLU6 between them is not scale equivariant"
    assert fates["second"] == "equalized with head"
    assert fates["head"] == ""


def test_relu6_taken_for_relu() -> None:
    before, refiner = badly_scaled(nn.ReLU6), Equalize(relu6_as_relu=True)
    after = refiner.network(before)
    assert {s.activation for s in after.program.layers} == {"relu", ""}
    assert "relu6" in {s.activation for s in before.program.layers}
    with torch.no_grad():
        same = only(badly_scaled(nn.ReLU).network(tensors(images(16, 1))))
        torch.testing.assert_close(only(after.network(tensors(images(16, 1)))), same, atol=1e-4, rtol=1e-4)
    fates = {f.name: f.reason for f in refiner.reference(reference_of(after, "w8a8"), images(8), silent).layers}
    assert fates["first"] == "equalized with depthwise (a ReLU6 between them is taken for a ReLU)"


def test_a_relu6_that_is_a_step_of_its_own() -> None:
    class Split(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(nn.functional.relu6(nn.functional.max_pool2d(self.first(x), 1))).flatten(1)  # type: ignore[no-any-return]

    before = captured(Split())
    assert Equalize().network(before) is before
    assert "relu" in {s.kind for s in Equalize(relu6_as_relu=True).network(before).program.steps}


def test_every_option_has_a_default() -> None:
    assert Equalize() == Equalize(relu6_as_relu=False)
