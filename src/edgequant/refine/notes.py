"""What a refiner did to a layer, written where the report reads it: the reason of the layer's fate. And its copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from ..core.grid import WeightQ
from ..quantization.reference import Reference
from ..recipe.scheme import LayerFate


def noted(reference: Reference, notes: Mapping[str, str]) -> Reference:
    """The reference with `notes` (layer -> a line) behind what its layers' reasons already say."""
    return replace(reference, layers=tuple(_extend(fate, notes.get(fate.name, "")) for fate in reference.layers))


def _extend(fate: LayerFate, note: str) -> LayerFate:
    return replace(fate, reason="; ".join(filter(None, (fate.reason, note)))) if note else fate


def same_integers(one: WeightQ, other: WeightQ) -> bool:
    """Whether a file stores the two once: the calls of one module."""
    equal = one.q.shape == other.q.shape and torch.equal(one.q, other.q)
    return equal and one.bits == other.bits and torch.equal(one.scale, other.scale)
