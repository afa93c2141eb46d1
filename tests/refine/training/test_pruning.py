"""Structured pruning: the target is met, the network still runs, and the same channels can be taken again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.catalog import MODELS
from edgequant.core.errors import BadModel, BadOption
from edgequant.refine.training.channels import Pruning, count, last_layer, rebuild, shrink

SHAPE = (3, 16, 16)
CASES = [
    ("micro_cnn", "params"),
    ("resnet8", "macs"),
    ("standard_cnn", "channels"),
    ("mobilenet_v2:width=0.25", "params"),
]


def network(name: str = "mobilenet_v2:width=0.25") -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(name)
    return model.build(model.inputs(SHAPE), 10).eval()


@pytest.mark.parametrize(("name", "measure"), CASES)
def test_the_target_is_met_and_not_by_far(name: str, measure: str) -> None:
    module = network(name)
    whole = count(module, SHAPE, measure)
    shrink(module, SHAPE, Pruning(measure=measure, round_to=1), 0.6)
    assert 0.5 < count(module, SHAPE, measure) / whole <= 0.6
    assert module(torch.zeros(2, *SHAPE)).shape == (2, 10)


def test_the_same_channels_can_be_taken_from_a_fresh_network() -> None:
    module = network()
    history = shrink(module, SHAPE, Pruning(), 0.5)
    again = network()
    rebuild(again, SHAPE, history)
    again.load_state_dict(module.state_dict())
    x = torch.randn(2, *SHAPE)
    assert torch.equal(module(x), again(x))
    untouched = network()
    rebuild(untouched, SHAPE, [])
    assert torch.equal(untouched(x), network()(x))


def test_pruning_in_steps_goes_on_from_what_is_left() -> None:
    module = network("resnet8")
    whole = count(module, SHAPE, "params")
    first = shrink(module, SHAPE, Pruning(), 0.7)
    shrink(module, SHAPE, Pruning(), 0.5 * whole / count(module, SHAPE, "params"))
    assert count(module, SHAPE, "params") <= 0.5 * whole and first


def test_channels_stay_a_multiple() -> None:
    module = network("standard_cnn")
    shrink(module, SHAPE, Pruning(round_to=8), 0.4)
    widths = [m.out_channels for m in module.modules() if isinstance(m, nn.Conv2d)]
    assert all(width % 8 == 0 for width in widths), widths


def test_bottlenecks_and_what_is_added_to_them_can_be_spared() -> None:
    module, whole = network(), network()
    shrink(module, SHAPE, Pruning(spare="bottlenecks", scope="layer", round_to=1), 0.6)
    layers = [m for m in whole.modules() if isinstance(m, nn.Conv2d)]
    for before, after in zip(layers, [m for m in module.modules() if isinstance(m, nn.Conv2d)]):
        stays = before.out_channels < before.in_channels or before is layers[0]
        assert (after.out_channels == before.out_channels) == (stays or before.out_channels == 8), (before, after)


def test_dead_channels_go_first() -> None:
    """Channels whose weights are all zero carry nothing; magnitude takes them, and the answers stay."""
    module = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 14 * 14, 10)).eval()
    with torch.no_grad():
        module[0].weight[::2], module[0].bias[::2] = 0, 0
        module[3].weight.view(10, 16, -1)[:, ::2] = 0
    x = torch.randn(4, *SHAPE)
    before = module(x)
    shrink(module, SHAPE, Pruning(measure="channels", round_to=1), 18.5 / 26)
    assert module[0].out_channels == 8
    assert torch.allclose(before, module(x), atol=1e-5)


def test_taylor_asks_the_loss() -> None:
    module, x, y = network("micro_cnn"), torch.randn(8, *SHAPE), torch.arange(8)
    asked = []

    def loss(m: nn.Module) -> torch.Tensor:
        asked.append(m)
        return F.cross_entropy(m(x), y)

    shrink(module, SHAPE, Pruning(importance="taylor", round_to=1), 0.8, loss)
    assert asked and all(p.grad is None for p in module.parameters())
    with pytest.raises(BadOption, match=r"taylor.*labelled"):
        shrink(module, SHAPE, Pruning(importance="taylor"), 0.5)


def test_bn_scales_rank_channels() -> None:
    module = network("resnet8")
    whole = count(module, SHAPE, "params")
    shrink(module, SHAPE, Pruning(importance="bn", scope="layer"), 0.6)
    assert count(module, SHAPE, "params") <= 0.6 * whole


def test_what_cannot_get_so_small_is_refused() -> None:
    with pytest.raises(BadModel, match=r"Pruning stopped at .* of the params, and 1% was asked for"):
        shrink(network("micro_cnn"), SHAPE, Pruning(least=0.9), 0.01)


def test_the_last_layer_is_the_one_that_runs_last() -> None:
    module = network("resnet8")
    found = last_layer(copy.deepcopy(module), SHAPE)
    assert isinstance(found, nn.Linear) and found.out_features == 10
    with pytest.raises(BadModel, match="nothing to prune"):
        last_layer(nn.Flatten(), SHAPE)


def test_a_network_that_cannot_be_traced_is_refused() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
            raise RuntimeError("no dummy inputs here")

    with pytest.raises(BadModel, match="Odd cannot be pruned"):
        rebuild(Odd(), SHAPE, [("x", True, [0])])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 1.5}, "0 < keep < 1"),
        ({"least": 0.0}, "0 < least < 1"),
        ({"round_to": 0}, "round_to of 1 or more"),
        ({"measure": "parms"}, "Did you mean 'params'"),
        ({"importance": "luck"}, "importance is named 'luck'"),
        ({"scope": "all"}, "scope is named 'all'"),
        ({"spare": "some"}, "spare is named 'some'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Pruning(**options)
