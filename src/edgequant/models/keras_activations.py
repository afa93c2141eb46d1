"""Keras' activations, as functions and as layers, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .keras_site import Parts, Site, tensor

FUNCTIONS: dict[str, Callable[[], nn.Module | None]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_silu": nn.Hardswish,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "linear": lambda: None,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softmax": lambda: nn.Softmax(1),
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
}


def behind(site: Site, parts: Parts, activation: Any) -> Parts:
    """`parts`, and a layer's `activation=` behind them."""
    module = _function(site, activation)
    return parts if module is None else [*parts, ("_activation", module)]


def _function(site: Site, activation: Any) -> nn.Module | None:
    """A keras.activations function as a module; None for none."""
    name = "linear" if activation is None else getattr(activation, "__name__", type(activation).__name__)
    if name not in FUNCTIONS:
        site.refuse(f"has the activation {name!r}", f"one of {', '.join(FUNCTIONS)}")
    module = FUNCTIONS[name]()
    if name == "softmax" and len(site.output) != 1:
        site.refuse("is a softmax over an image", "one over class scores")
    return module


def activation(site: Site) -> Parts:
    """Activation(function): of a layer of that name a Keras layer may stand inside."""
    inner = site.layer.activation
    if type(inner).__name__ in LAYERS:
        return LAYERS[type(inner).__name__](Site(inner, site.inputs, site.output, site.channels_last, site.flat))
    module = _function(site, inner)
    return [("", nn.Identity() if module is None else module)]


def relu(site: Site) -> Parts:
    layer = site.layer
    if layer.threshold or (layer.negative_slope and layer.max_value is not None):
        site.refuse("has a threshold, or both a slope and a maximum", "relu, relu6 or leaky relu")
    if layer.negative_slope:
        return [("", nn.LeakyReLU(float(layer.negative_slope)))]
    if layer.max_value is None:
        return [("", nn.ReLU())]
    top = float(layer.max_value)
    return [("", nn.ReLU6() if top == 6 else nn.Hardtanh(0.0, top))]


def leaky_relu(site: Site) -> Parts:
    return [("", nn.LeakyReLU(float(site.layer.negative_slope)))]


def elu(site: Site) -> Parts:
    return [("", nn.ELU(float(site.layer.alpha)))]


def prelu(site: Site) -> Parts:
    """One slope a channel, or one for all: alpha shared over height and width."""
    alpha = tensor(site.layer.alpha)
    if alpha.numel() not in (1, site.inputs[0][0]) or len(site.inputs[0]) != 3:
        site.refuse("has a slope for each pixel", "shared_axes=[1, 2]")
    module = nn.PReLU(alpha.numel())
    module.weight.data.copy_(alpha.reshape(-1))
    return [("", module)]


def softmax(site: Site) -> Parts:
    rank = len(site.inputs[0]) + 1
    if site.layer.axis not in (-1, rank - 1) or rank != 2:
        site.refuse(f"is a softmax along axis {site.layer.axis} of {rank} dimensions", "one over class scores (N, C)")
    return [("", nn.Softmax(1))]


LAYERS: dict[str, Callable[[Site], Parts]] = {
    "Activation": activation,
    "ELU": elu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "ReLU": relu,
    "Softmax": softmax,
}


def hard_sigmoid_of(offset: float, top: float, scale: float) -> bool:
    """Whether `clamp(x + offset, 0, top) * scale` is the hard sigmoid of MobileNetV3."""
    return offset == 3.0 and top == 6.0 and bool(torch.isclose(torch.tensor(scale), torch.tensor(1 / 6)))
