import pytest
import torch

from edgequant.core.errors import BadModel
from edgequant.models.architectures.micro_cnn import MicroCNN


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    "shape, last", [((1, 8, 8), 4), ((1, 28, 28), 7), ((3, 32, 32), 8), ((3, 33, 47), 9), ((3, 64, 64), 8)]
)
def test_the_strides_follow_the_size(shape, last):
    model = MicroCNN()
    network = model.build(model.inputs(shape), 10).eval()
    x = torch.zeros(2, *shape)
    assert network(x).shape == (2, 10)
    assert network.features(x).shape[2] == last
    assert 10_000 < parameters(network) < 20_000


def test_width_scales_the_channels_in_eights():
    spec = MicroCNN().inputs((3, 32, 32))
    half, whole = MicroCNN(width=0.5).build(spec, 10), MicroCNN().build(spec, 10)
    assert parameters(half) < parameters(whole) / 2
    assert all(c.out_channels % 8 == 0 for c in half.modules() if isinstance(c, torch.nn.Conv2d))


def test_images_of_any_size_get_the_size_option():
    assert MicroCNN(size=48).inputs(None).shape == (3, 48, 48)


def test_every_parameter_learns():
    model = MicroCNN()
    network = model.build(model.inputs((3, 32, 32)), 4)
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("make", [lambda: MicroCNN(width=0.0), lambda: MicroCNN().inputs((1, 7, 20))])
def test_refusals(make):
    with pytest.raises(BadModel, match=r"micro_cnn.* Got .*(0\.0|7x20)"):
        make()
