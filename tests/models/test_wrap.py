import pytest
import torch
from torch import nn

from edgequant.core.errors import BadModel
from edgequant.core.image import InputSpec
from edgequant.models.wrap import Wrapped

SPEC = InputSpec(1, 4, 4)


def test_it_builds_a_copy_with_the_same_weights():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    model = Wrapped(network, SPEC)
    built = model.build(model.inputs((3, 9, 9)), 3)
    assert model.inputs(None) is SPEC
    assert torch.equal(built[1].weight, network[1].weight)
    with torch.no_grad():
        built[1].weight.zero_()
    assert network[1].weight.abs().sum() > 0


def test_equal_only_to_itself():
    network = nn.Linear(2, 2)
    model = Wrapped(network, SPEC)
    assert model == model and hash(model) == hash(model)
    assert model != Wrapped(network, SPEC)


def test_a_network_that_cannot_be_copied():
    network = nn.Linear(2, 2)
    network.kept = torch.ones(1, requires_grad=True) * 2
    with pytest.raises(BadModel, match=r"^The network Linear cannot be copied: .*deepcopy"):
        Wrapped(network, SPEC).build(SPEC, 2)
