import pytest
import torch

from edgequant.core.errors import BadModel
from edgequant.models.architectures.standard_cnn import StandardCNN


def multiplications(network: torch.nn.Module, x: torch.Tensor) -> int:
    counted: list[int] = []
    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            layer.register_forward_hook(lambda m, _, out: counted.append(out[0].numel() * m.weight[0].numel()))
    network(x)
    return sum(counted)


@pytest.mark.parametrize("shape, last", [((1, 8, 8), 4), ((1, 28, 28), 3), ((3, 32, 32), 4), ((3, 40, 64), 5)])
def test_pools_while_something_is_left(shape, last):
    model = StandardCNN()
    network = model.build(model.inputs(shape), 10).eval()
    assert network.features(torch.zeros(1, *shape)).shape[2] == last
    assert network(torch.zeros(2, *shape)).shape == (2, 10)


def test_size_and_cost_at_32x32_are_what_the_docstring_says():
    model = StandardCNN()
    network = model.build(model.inputs((3, 32, 32)), 10).eval()
    assert sum(p.numel() for p in network.parameters()) == 357_962
    assert multiplications(network, torch.zeros(1, 3, 32, 32)) == 24_478_976


def test_width_and_size_options():
    spec = StandardCNN(size=24).inputs(None)
    assert spec.shape == (3, 24, 24)
    assert StandardCNN(width=0.25).build(spec, 10).classifier[1].in_features == 32


@pytest.mark.parametrize(
    "make",
    [lambda: StandardCNN(width=-1.0), lambda: StandardCNN(dropout=1.0), lambda: StandardCNN().inputs((1, 4, 4))],
)
def test_refusals(make):
    with pytest.raises(BadModel, match=r"standard_cnn.* Got "):
        make()
