"""Small networks with every kind of constraint on a tensor's parameters, captured."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured, Program, Step
from edgequant.recipe.recipe import Recipe
from edgequant.recipe.resolve import Plan, resolve
from edgequant.recipe.scheme import Capability

SPEC = InputSpec(3, 8, 8)
KINDS = frozenset({"float32", "float16", "dynamic", "weight-only", "static"})
ANY = Capability(KINDS, frozenset(range(2, 9)), frozenset(range(2, 17)))


class Branches(nn.Module):
    """A stem, a depthwise and a pooled branch that are concatenated, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.side = nn.Conv2d(8, 4, 1)
        self.head = nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        joined = torch.cat([torch.relu(self.deep(x)), self.side(x), F.max_pool2d(x, 3, 1, 1)], 1)
        return self.head(joined.mean((2, 3)))  # type: ignore[no-any-return]


@cache
def branches() -> Captured:
    """Shared: no test may change it."""
    torch.manual_seed(0)
    return capture(Branches().eval(), SPEC, ())


def planned(recipe: Recipe, can: Capability = ANY, target: str = "anything") -> Plan:
    return resolve(branches().program, recipe, target, can)


def program() -> Program:
    return branches().program


def step(layer_or_kind: str) -> Step:
    """The step of a layer, else the only one of a kind."""
    named = [s for s in program().steps if s.layer == layer_or_kind and s.weighted]
    found = named or [s for s in program().steps if s.kind == layer_or_kind]
    assert len(found) == 1, [(s.name, s.kind, s.layer) for s in program().steps]
    return found[0]
