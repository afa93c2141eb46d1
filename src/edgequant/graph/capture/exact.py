"""A network in float64, and how far float32 may stray from it: the judge where float32 itself is uncertain.

Deep networks whose activations grow, or whose sums cancel, amplify a rounding of float32 to any size, so that two
right networks differ. In float64 they agree to many digits. How much float32 may differ there is not assumed but
measured, by Monte Carlo arithmetic: the network runs with each tensor disturbed at random by some units in the last
place of float32 (Parker, Pierce and Eggert, 2000, "Monte Carlo Arithmetic: How to Gamble with Floating Point and
Win", Computing in Science and Engineering 2(4)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx
from torch.utils._pytree import tree_map

from ...core.arrays import only
from ..parse.constants import retyped
from ..program import Network

DISTURBED = 2.0**-22  # of a value: two units in the last place, of which a sum of a few hundred products loses some
RUNS = 2
FACTOR = 32  # a difference of so many times the measured one is still rounding
Seen = Callable[[fx.Node, torch.Tensor], None]


class Exact(fx.Interpreter):
    """An exported graph, run in float64 on the CPU whatever types it names. `seen` is shown each tensor."""

    def __init__(self, graph: fx.GraphModule, seen: Seen | None = None) -> None:
        super().__init__(graph)
        self.seen = seen

    def run_node(self, n: fx.Node) -> Any:
        made = tree_map(_double, super().run_node(n))
        if self.seen is not None and isinstance(made, torch.Tensor):
            self.seen(n, made)
        return made

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        return super().call_function(target, retyped(args, torch.float64), retyped(dict(kwargs), torch.float64))


def _double(value: Any) -> Any:
    return value.cpu().double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def run_exact(graph: fx.GraphModule, images: torch.Tensor, seen: Seen | None = None) -> torch.Tensor:
    """What the exported graph answers in float64, where it gives one tensor."""
    with torch.no_grad():
        result: Any = Exact(graph, seen).run(images.detach().cpu().double())
    while not isinstance(result, torch.Tensor):
        result = next(iter(result.values() if isinstance(result, Mapping) else result))
    return result


def uncertainty(network: Network, images: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The largest difference from `wanted` that disturbances of float32's size make in the answers; a number.

    `network` and `images` are float64, `wanted` its answers to them.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    found = torch.zeros((), dtype=torch.float64, device="cpu")
    with torch.no_grad():
        for _ in range(RUNS):
            found = torch.maximum(found, (_disturbed(network, images, generator) - wanted).abs().max())
    return found


def _disturbed(network: Network, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    def disturb(value: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(value.shape, dtype=value.dtype, device="cpu", generator=generator)
        return value * (1 + DISTURBED * noise)

    program = network.program
    values = {program.input: disturb(images)}
    for step in program.steps:
        values[step.name] = disturb(network.run_step(step, values))
    return only(program.results(values))
