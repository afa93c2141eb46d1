"""MLPerf Tiny's CIFAR-10 network: `resnet_v1_eembc` of Banbury et al., 2021 (arXiv:2106.07597).

Mirrors mlcommons/tiny, benchmark/training/image_classification/keras_model.py, so that its
pretrained Keras weights load: convolutions with biases, BatchNorm with epsilon 1e-3, raw pixels
0..255 as input, no BatchNorm on the shortcuts, and Keras's own way of padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import torch
import torch.nn.functional as F
from torch import nn

from ...core.errors import BadModel
from ...core.extras import need
from ...core.image import InputSpec
from ..model import AbstractModel
from ..weights import load_state, load_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...core.arrays import Array


class SameConv(nn.Conv2d):
    """Keras's `padding="same"`: where the padding is odd, the extra row and column are at the bottom and the right.

    On even sides a 3x3 kernel of stride 2 pads (0, 1). PyTorch's `padding=1` pads (1, 1) and shifts
    every window by a pixel: the network still runs, a few points worse.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        top, bottom = same_padding(x.shape[2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(x.shape[3], self.kernel_size[1], self.stride[1])
        padded = F.pad(x, (left, right, top, bottom)) if top + bottom + left + right else x
        return super().forward(padded)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after), as TensorFlow computes it: ceil(size / stride) outputs, the odd pixel after."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut; a 1x1 convolution on it where the block halves the image."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = SameConv(inputs, outputs, 3, stride), batch_norm(outputs)
        self.conv2, self.bn2 = SameConv(outputs, outputs, 3), batch_norm(outputs)
        self.shortcut = SameConv(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.shortcut(x) + self.bn2(self.conv2(y)))


class Network(nn.Module):
    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv, self.bn = SameConv(channels, 16, 3), batch_norm(16)
        self.stack1, self.stack2, self.stack3 = Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)
        self.classifier = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn(self.conv(x)))
        x = self.stack3(self.stack2(self.stack1(x)))
        return self.classifier(x.mean((2, 3)))  # type: ignore[no-any-return]


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Keras's defaults: epsilon 1e-3, and a moving average that keeps 0.99."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


# Keras's layers, in the order it numbers them (conv2d, conv2d_1, ...): the shortcut comes after the second convolution.
CONVOLUTIONS = (
    *("conv", "stack1.conv1", "stack1.conv2"),
    *("stack2.conv1", "stack2.conv2", "stack2.shortcut"),
    *("stack3.conv1", "stack3.conv2", "stack3.shortcut"),
)
NORMS = ("bn", "stack1.bn1", "stack1.bn2", "stack2.bn1", "stack2.bn2", "stack3.bn1", "stack3.bn2")
NORM_ENTRIES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def load_keras_weights(network: nn.Module, path: Path | str) -> None:
    """Put the weights of an .h5 that Keras saved for this architecture into `network` (a ResNet8), in place.

    Raises MissingExtra without h5py, and BadModel for a file that is missing, damaged or of another network.
    """
    load_state(network, _translate(_read_h5(Path(path)), Path(path)), Path(path))


def _read_h5(path: Path) -> dict[str, Array]:
    """{"conv2d/kernel": values, ...}: each layer's name and the last part of the variable's."""
    h5py = need("keras", "h5py", "A .h5 file of Keras weights")
    found: dict[str, Array] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer_weights"):
            parts = name.removeprefix("model_weights/").split("/")
            found[f"{parts[0]}/{parts[-1].removesuffix(':0')}"] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise BadModel(f"{path} cannot be read as HDF5: {error}. Expected weights that Keras saved as .h5.") from error
    return found


def _translate(found: Mapping[str, Array], path: Path) -> dict[str, torch.Tensor]:
    """Keras's names and layouts to PyTorch's: (h, w, in, out) -> (out, in, h, w) and (in, out) -> (out, in)."""
    state = {}
    try:
        for number, name in enumerate(CONVOLUTIONS):
            layer = f"conv2d_{number}" if number else "conv2d"
            state[f"{name}.weight"] = torch.from_numpy(found[f"{layer}/kernel"].transpose(3, 2, 0, 1))
            state[f"{name}.bias"] = torch.from_numpy(found[f"{layer}/bias"])
        for number, name in enumerate(NORMS):
            layer = f"batch_normalization_{number}" if number else "batch_normalization"
            for theirs, ours in NORM_ENTRIES.items():
                state[f"{name}.{ours}"] = torch.from_numpy(found[f"{layer}/{theirs}"])
        state["classifier.weight"] = torch.from_numpy(found["dense/kernel"].T)
        state["classifier.bias"] = torch.from_numpy(found["dense/bias"])
    except (KeyError, ValueError) as error:
        raise BadModel(
            f"{path} is not MLPerf Tiny's ResNet-8: {error} is missing or of another shape."
            " Expected pretrainedResnet.h5 of mlcommons/tiny."
        ) from error
    return state


@final
@dataclass(frozen=True)
class ResNet8(AbstractModel):
    """ResNet-8, 78 k parameters; `weights` names its Keras .h5, or weights that edgequant or PyTorch saved."""

    weights: str = ""

    @property
    def has_weights(self) -> bool:
        return bool(self.weights)

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        return InputSpec(*(image_shape or (3, 32, 32)), mean=(0.0,), std=(1 / 255,))

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        network = Network(inputs.channels, classes)
        if self.weights.endswith((".h5", ".hdf5")):
            load_keras_weights(network, self.weights)
        elif self.weights:
            load_weights(network, self.weights)
        return network
