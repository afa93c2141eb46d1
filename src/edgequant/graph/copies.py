"""A module that is called several times is a layer for each call, and all of them hold the same weights."""

from __future__ import annotations

import torch

from .program import Network


def copies(network: Network) -> dict[str, str]:
    """Each layer -> the first call of the same module, as long as both hold equal weights; else itself.

    A file stores equal weights once, so whoever changes those of one call has to change those of the others alike.
    """
    return {step.layer: _first(network, step.layer) for step in network.program.layers}


def copied(network: Network) -> frozenset[str]:
    """The layers that are not alone with their weights."""
    found = copies(network)
    again = {first for layer, first in found.items() if first != layer}
    return frozenset(layer for layer, first in found.items() if first in again)


def _first(network: Network, layer: str) -> str:
    """`features.1#3` is the third call of `features.1` (graph/parse/constants.py)."""
    name, _, count = layer.rpartition("#")
    known = name and count.isdigit() and any(step.layer == name for step in network.program.layers)
    return name if known and _equal(network.layer(name).weight, network.layer(layer).weight) else layer


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)
