"""Keras layers as PyTorch modules: one function for each way a layer computes.

Keras keeps images as (N, H, W, C), PyTorch as (N, C, H, W). Each module here takes and gives the latter and
computes what the layer does on the former, so that no permutation is left in the graph. Weights are copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from . import activations as keras_activations
from .convolutions import conv2d, conv2d_transpose, dense, depthwise, same_padding, separable
from .modules import Affine, Crop, GlobalMean, KerasOrder, Merge, View
from .site import KerasCall, Parts, pair, tensor

Translate = Callable[[KerasCall], Parts]


def one(module: nn.Module) -> Parts:
    return [("", module)]


def batch_norm(site: KerasCall) -> Parts:
    """Keras' momentum is what is kept, PyTorch's what is taken in."""
    layer = site.layer
    _check_channels(site, site.get("axis"))
    kind = nn.BatchNorm2d if site.image else nn.BatchNorm1d
    norm: Any = kind(site.channels, site.get("epsilon"), 1 - site.get("momentum"))
    _fill(norm.weight, layer.gamma)
    _fill(norm.bias, layer.beta)
    _fill(norm.running_mean, layer.moving_mean)
    _fill(norm.running_var, layer.moving_variance)
    return one(norm)


def layer_norm(site: KerasCall) -> Parts:
    """Over channels; a vector is an image of one pixel."""
    _check_channels(site, site.get("axis"))
    if site.image and not site.channels_last:
        site.refuse("normalises along axis 1, where Keras on PyTorch takes the last", "a channels_last model")
    norm = nn.LayerNorm(site.channels, site.get("epsilon"))
    _fill(norm.weight, site.layer.gamma)
    _fill(norm.bias, site.layer.beta)
    if site.image:
        return one(KerasOrder(norm))
    return [("_image", View((site.channels, 1, 1))), ("", KerasOrder(norm)), ("_vector", nn.Flatten(1))]


def _fill(parameter: torch.Tensor, variable: Any) -> None:
    """None is a gamma of 1 or a beta of 0, which a fresh parameter is."""
    if variable is not None:
        parameter.data.copy_(tensor(variable))


def check_axis(site: KerasCall, axis: Any) -> None:
    """Raises BadModel where a layer works along anything but the channels."""
    rank = len(site.inputs[0]) + 1
    axes = {int(a) % rank for a in (axis if isinstance(axis, list | tuple) else [axis])}
    if axes != {1 if rank == 4 and not site.channels_last else rank - 1}:
        site.refuse(f"works along axis {axis}", "the axis of the channels")


def _check_channels(site: KerasCall, axis: Any) -> None:
    """Raises BadModel for anything but the channels of an image or a vector."""
    if not site.image and not site.vector:
        site.refuse(f"works on {len(site.inputs[0]) + 1} dimensions", "an image or a vector")
    check_axis(site, axis)


def pooling(kind: type[nn.MaxPool2d] | type[nn.AvgPool2d]) -> Translate:
    """SAME counts neither as a maximum nor towards an average, and may be a row or column more behind than before.

    torch says that with ceil_mode, which adds the one window that hangs over the edge; with a stride of 1 it cannot.
    An average with such a window is refused: Keras' torch backend repeats the edge there, its others leave it out.
    """

    def translate(site: KerasCall) -> Parts:
        kernel, stride = pair(site.get("pool_size")), pair(site.get("strides"))
        same = site.get("padding") == "same"
        left, right, top, bottom = same_padding(site, list(kernel), stride) if same else (0, 0, 0, 0)
        if (top != bottom and stride[0] == 1) or (left != right and stride[1] == 1):
            site.refuse(f"is an even window {kernel} at stride 1 with SAME padding", "an odd window")
        if kind is nn.AvgPool2d and (left, top) != (right, bottom):
            site.refuse("averages over uneven SAME padding, where Keras' backends differ", "even padding, or VALID")
        options: Any = {"ceil_mode": (left, top) != (right, bottom)}
        options |= {"count_include_pad": False} if kind is nn.AvgPool2d else {}
        return one(kind(kernel, stride, (top, left), **options))

    return translate


def global_max(site: KerasCall) -> Parts:
    pool = ("", nn.AdaptiveMaxPool2d(1))
    return [pool] if site.get("keepdims") else [pool, ("_flat", nn.Flatten(1))]


def zero_padding(site: KerasCall) -> Parts:
    (top, bottom), (left, right) = site.get("padding")
    return one(nn.ZeroPad2d((left, right, top, bottom)))


def cropping(site: KerasCall) -> Parts:
    (top, bottom), (left, right) = site.get("cropping")
    return one(Crop(top, bottom, left, right))


def upsampling(site: KerasCall) -> Parts:
    mode = site.get("interpolation")
    if mode not in ("nearest", "bilinear"):
        site.refuse(f"interpolates by {mode}", "nearest or bilinear")
    size: Any = tuple(float(s) for s in pair(site.get("size")))
    return one(nn.Upsample(scale_factor=size, mode=mode))


def reshape(site: KerasCall) -> Parts:
    """Keras' order is (H, W, C). It is the order here too for vectors and for images of one pixel.

    A flattened image keeps the order (C, H, W); the walk notes it for the dense layer that reads the vector.
    """
    before, after = site.inputs[0], site.output
    if before == after:
        return one(nn.Identity())
    if len(after) == 1 and len(before) == 3:
        return one(nn.Flatten(1))
    if all(len(s) == 1 or (len(s) == 3 and s[1] * s[2] == 1) for s in (before, after)):
        return one(View(after))
    if not site.channels_last:
        return one(View(after))
    return one(KerasOrder(View((*after[1:], after[0]) if len(after) == 3 else after)))


def affine_layer(site: KerasCall) -> Parts:
    """`gain * x + shift` where it is not the model's preprocessing."""
    found = affine_of(site)
    if found is None:
        site.refuse("scales what is no image by values that are not stored", "a scale and an offset for each channel")
    gain, shift = (value.float().reshape(-1).expand(site.channels) for value in found)
    return one(Affine(gain, shift))


def affine_of(site: KerasCall) -> tuple[torch.Tensor, torch.Tensor] | None:
    """(gain, shift), one number or one a channel, float64, of a layer that only scales an image; None for any other."""
    if site.kind not in ("Rescaling", "Normalization", "LayerScale") or not site.image:
        return None
    if site.kind == "LayerScale":
        gain, shift = _per_channel(site, site.layer.gamma), torch.zeros(1, dtype=torch.float64)
        return None if gain is None else (gain, shift)
    first, second = ("scale", "offset") if site.kind == "Rescaling" else ("mean", "variance")
    a, b = (None if site.get(n) is None else _per_channel(site, site.get(n)) for n in (first, second))
    if a is None or b is None:
        return None
    if site.kind == "Rescaling":
        return a, b
    deviation = torch.clamp(b.sqrt(), min=1e-7)  # Keras: max(sqrt(variance), epsilon)
    return (deviation, a) if site.get("invert") else (1 / deviation, -a / deviation)


def _per_channel(site: KerasCall, given: Any) -> torch.Tensor | None:
    """(1,) or (C,) float64 of values that Keras broadcasts to its image; None where they differ by the place."""
    held = hasattr(given, "value") or isinstance(given, torch.Tensor)
    values = tensor(given).double() if held else torch.from_numpy(np.asarray(given, np.float64))
    shape = (1,) * (3 - values.dim()) + tuple(values.shape)[-3:]
    channels = (1, 1, site.channels) if site.channels_last else (site.channels, 1, 1)
    if values.numel() != 1 and (shape != channels or values.numel() != site.channels):
        return None
    return values.reshape(-1)


def concatenate(site: KerasCall) -> Parts:
    site.check_ranks()
    check_axis(site, site.get("axis"))
    return one(Merge("cat", 1 if site.image else len(site.inputs[0])))


def _merge(kind: str) -> Translate:
    def translate(site: KerasCall) -> Parts:
        site.check_ranks()
        return one(Merge(kind))

    return translate


# Layers that augment or regularise while a model is trained, and change nothing when it is used.
TRAINING_ONLY = (
    "ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity", "RandomBrightness",
    "RandomColorJitter", "RandomContrast", "RandomErasing", "RandomFlip", "RandomHue", "RandomRotation",
    "RandomSaturation", "RandomTranslation", "RandomZoom", "StochasticDepth",
)  # fmt: skip
LAYERS: dict[str, Translate] = {
    **keras_activations.LAYERS,
    **dict.fromkeys(TRAINING_ONLY, lambda site: one(nn.Identity())),
    "Add": _merge("add"),
    "Average": _merge("average"),
    "AveragePooling2D": pooling(nn.AvgPool2d),
    "BatchNormalization": batch_norm,
    "Concatenate": concatenate,
    "Conv2D": conv2d,
    "Conv2DTranspose": conv2d_transpose,
    "Cropping2D": cropping,
    "Dense": dense,
    "DepthwiseConv2D": depthwise,
    "Dropout": lambda site: one(nn.Dropout(site.get("rate"))),
    "Flatten": reshape,
    "GlobalAveragePooling2D": lambda site: one(GlobalMean(site.get("keepdims"))),
    "GlobalMaxPooling2D": global_max,
    "LayerNormalization": layer_norm,
    "LayerScale": affine_layer,
    "MaxPooling2D": pooling(nn.MaxPool2d),
    "Maximum": _merge("maximum"),
    "Minimum": _merge("minimum"),
    "Multiply": _merge("mul"),
    "Normalization": affine_layer,
    "Rescaling": affine_layer,
    "Reshape": reshape,
    "SeparableConv2D": separable,
    "SpatialDropout2D": lambda site: one(nn.Dropout2d(site.get("rate"))),
    "Subtract": _merge("sub"),
    "UpSampling2D": upsampling,
    "ZeroPadding2D": zero_padding,
}
