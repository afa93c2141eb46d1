"""Keras' activations, as functions and as layers, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ....graph.ops.table import OPS
from .site import Parts, Site, tensor
from .table import kind_of

FUNCTIONS: dict[str, Callable[[], nn.Module | None]] = {
    "hard_sigmoid": nn.Hardsigmoid,
    "linear": lambda: None,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    **{row.keras.function: row.keras.module for row in OPS.values() if row.keras},
}
FUNCTIONS = dict(sorted(FUNCTIONS.items()))


def behind(site: Site, parts: Parts) -> Parts:
    """`parts`, and the layer's `activation=` behind them."""
    module = _function(site, site.get("activation"))
    return parts if module is None else [*parts, ("_activation", module)]


def _function(site: Site, activation: Any) -> nn.Module | None:
    """A keras.activations function as a module; None for none."""
    name = "linear" if activation is None else getattr(activation, "__name__", type(activation).__name__)
    if activation is not None and not _of_keras(activation):
        site.refuse(f"has an activation of the user's own, {name!r}", f"one of {', '.join(FUNCTIONS)}, by its name")
    if name not in FUNCTIONS:
        site.refuse(f"has the activation {name!r}", f"one of {', '.join(FUNCTIONS)}")
    module = FUNCTIONS[name]()
    if name == "softmax" and len(site.output) != 1:
        site.refuse("is a softmax over an image", "one over class scores")
    return module


def _of_keras(activation: Any) -> bool:
    """Whether it is Keras' own: anyone may call a function of theirs relu."""
    return str(getattr(activation, "__module__", "")).partition(".")[0] == "keras"


def activation(site: Site) -> Parts:
    """Activation(function): of a layer of that name a Keras layer may stand inside."""
    inner = site.get("activation")
    if kind_of(inner) in LAYERS:
        return LAYERS[kind_of(inner)](Site(inner, site.inputs, site.output, site.channels_last, site.flat))
    module = _function(site, inner)
    return [("", nn.Identity() if module is None else module)]


def relu(site: Site) -> Parts:
    slope, most = site.get("negative_slope"), site.get("max_value")
    if slope and most is not None:
        site.refuse("has both a slope and a maximum", "relu, relu6 or leaky relu")
    if slope:
        return [("", nn.LeakyReLU(float(slope)))]
    if most is None:
        return [("", nn.ReLU())]
    top = float(most)
    if top <= 0:
        site.refuse(f"has the maximum {top}", "one above 0")
    return [("", nn.ReLU6() if top == 6 else nn.Hardtanh(0.0, top))]


def leaky_relu(site: Site) -> Parts:
    return [("", nn.LeakyReLU(float(site.get("negative_slope"))))]


def elu(site: Site) -> Parts:
    return [("", nn.ELU(float(site.get("alpha"))))]


def prelu(site: Site) -> Parts:
    """One slope a channel, or one for all: alpha shared over height and width."""
    alpha = tensor(site.layer.alpha)
    channels = (site.channels, 1, 1) if not site.channels_last else (1, 1, site.channels)
    if not site.image or (alpha.numel() != 1 and tuple(alpha.shape) != channels):
        site.refuse("has a slope for each pixel", "shared_axes=[1, 2]")
    module = nn.PReLU(alpha.numel())
    module.weight.data.copy_(alpha.reshape(-1))
    return [("", module)]


def softmax(site: Site) -> Parts:
    rank = len(site.inputs[0]) + 1
    if site.get("axis") not in (-1, rank - 1) or rank != 2:
        site.refuse(f"is a softmax along axis {site.get('axis')} of {rank} dimensions", "one over class scores (N, C)")
    return [("", nn.Softmax(1))]


LAYERS: dict[str, Callable[[Site], Parts]] = {
    "Activation": activation,
    "ELU": elu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "ReLU": relu,
    "Softmax": softmax,
}
