"""Cross-layer equalization (Nagel et al., 2019, arXiv:1906.04721, section 4.1, equations 9 to 11).

Which consecutive layers may exchange a factor per channel, how a factor enters their weights, and which factors do.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import nn

from ..core.arrays import Array
from ..core.progress import Tick
from ..graph.copies import copied
from ..graph.ops.table import OPS
from ..graph.program import TOPS, Captured, Network, Program, Step
from ..quantization.reference import Reference
from .refiner import Corrects, Rewrites, noted

SWEEPS = 50  # over chains of pairs; a chain of three converges in about ten
CONVERGED = 1e-3  # no factor of a sweep is further from 1
DEAD = 1e-6  # of the layer's widest channel: equalizing a channel that says nothing would blow up its bias
# op(s * x) = s * op(x) for s > 0 and one s a channel. All but `relu` and `relu6` hold for any channelwise x.
HOMOGENEOUS = frozenset(kind for kind, row in OPS.items() if row.homogeneous)

Layer = nn.Conv2d | nn.Linear


@final
@dataclass(frozen=True)
class Equalize(Rewrites, Corrects):
    """Moves a factor per channel from one layer to the next, so that the weight ranges of both become equal.

    s_i = sqrt(r1_i / r2_i), r1 the range of an output channel, r2 that of the weights that read it (equation 11:
    `s = (1/r2) sqrt(r1 r2)`); W1 and b1 are divided by s, W2 is multiplied by it. Pairs of layers between which
    nothing but ReLU, pooling, padding or reshaping happens are swept until they settle.

    A module that is called several times is left out: each call would want factors, and so weights, of its own.

    The network computes the same in float: ReLU6, which cuts at 6 whatever the scale, bars a pair. With
    `relu6_as_relu` it becomes a ReLU there, as in the paper; outputs above 6 then change, and so does the network.
    """

    relu6_as_relu: bool = False  # equalize across ReLU6 as well; the float network changes where it saturated

    def network(self, captured: Captured) -> Captured:
        old = captured.network
        program = without_relu6(old.program) if self.relu6_as_relu else old.program
        several = copied(old)
        pairs = [pair for pair in consecutive(program) if not (pair.saturates or several & pair.layers)]
        if not pairs:
            return captured
        layers = {step.layer: copy.deepcopy(old.layer(step.layer)) for step in program.layers}
        network = Network(program, layers).train(old.training)
        equalize(network, pairs)
        return replace(captured, network=network)

    def reference(self, reference: Reference, images: Array, tick: Tick) -> Reference:  # noqa: ARG002
        """Its integers are left as they are; the layers' fates say which pairs were equalized and which were barred."""
        pairs, several = consecutive(reference.captured.program), copied(reference.captured.network)
        return noted(reference, {pair.producer.layer: self._note(pair, several & pair.layers) for pair in pairs})

    def _note(self, pair: Pair, several: frozenset[str]) -> str:
        if several:
            return (
                f"not equalized with {pair.consumer.layer}: {', '.join(sorted(several))} is called more than once, and"
                " factors of each call would store its weights again"
            )
        if pair.saturates:
            return f"not equalized with {pair.consumer.layer}: ReLU6 between them is not scale equivariant"
        relaxed = " (a ReLU6 between them is taken for a ReLU)" if self.relu6_as_relu else ""
        return f"equalized with {pair.consumer.layer}{relaxed}"


@dataclass(frozen=True)
class Pair:
    """Two layers with weights, and what lies between; nobody else reads any tensor between them."""

    producer: Step
    consumer: Step
    between: tuple[Step, ...]

    @property
    def layers(self) -> frozenset[str]:
        return frozenset((self.producer.layer, self.consumer.layer))

    @property
    def saturates(self) -> tuple[str, ...]:
        """The steps at which a ReLU6 (ReLU1) cuts at 6 (1), whatever the scale: there, no factor can pass."""
        return tuple(s.name for s in (self.producer, *self.between) if TOPS.keys() & {s.activation, s.kind})


def consecutive(program: Program) -> Iterator[Pair]:
    """Every producer whose result reaches exactly one layer, through channelwise homogeneous steps or ReLU6 only."""
    for producer in program.layers:
        between: list[Step] = []
        last = producer
        while last.name not in program.returned and len(users := program.users(last.name)) == 1:
            last = users[0]
            if last.weighted:
                yield Pair(producer, last, tuple(between))
                break
            if last.kind not in HOMOGENEOUS | {"relu6"} or last.attrs.get("value"):
                break
            between.append(last)


def without_relu6(program: Program) -> Program:
    """The ReLU6 of every pair becomes a ReLU; others stay."""
    cut = {name for pair in consecutive(program) for name in pair.saturates}
    steps = []
    for step in program.steps:
        if step.name in cut and step.kind == "relu6":
            step = replace(step, kind="relu")
        elif step.name in cut and step.activation == "relu6":
            step = replace(step, activation="relu")
        steps.append(step)
    return replace(program, steps=tuple(steps))


def equalize(network: Network, pairs: list[Pair]) -> None:
    """Sweep over the pairs, in place, until no factor of a sweep is far from 1, in logarithms.

    A pair's factors are exact for the two layers alone; what they do to the next pair of a chain is mended when that
    one's turn comes, and by the next sweep.
    """
    for _ in range(SWEEPS):
        furthest = 0.0
        for pair in pairs:
            first, second = network.layer(pair.producer.layer), network.layer(pair.consumer.layer)
            r1 = output_ranges(first)
            r2 = input_ranges(second, len(r1))
            alive = (r1 > DEAD * r1.max()) & (r2 > DEAD * r2.max())
            factors = torch.where(alive, torch.sqrt(r1 / r2), 1.0)
            scale_outputs(first, factors)
            scale_inputs(second, factors)
            furthest = max(furthest, float(factors.log().abs().max()))
        if furthest < CONVERGED:
            return


def output_ranges(layer: Layer) -> torch.Tensor:
    """(O,) float64: the largest magnitude of each output channel's weights."""
    return layer.weight.detach().double().flatten(1).abs().amax(1)


def input_ranges(layer: Layer, channels: int) -> torch.Tensor:
    """(C,) float64: the largest magnitude of the weights that read each of `channels` input channels."""
    return by_input(layer, channels).double().abs().amax((1, 3)).flatten()


def scale_outputs(layer: Layer, factors: torch.Tensor) -> None:
    """Divide each output channel, bias included, by its factor, in place."""
    layer.weight.data = (layer.weight.detach() / factors.view(-1, *[1] * (layer.weight.dim() - 1))).float()
    if layer.bias is not None:
        layer.bias.data = (layer.bias.detach() / factors).float()


def scale_inputs(layer: Layer, factors: torch.Tensor) -> None:
    """Multiply the weights that read each input channel by its factor, in place."""
    grouped = by_input(layer, len(factors))
    scaled = grouped * factors.view(grouped.shape[0], 1, grouped.shape[2], 1)
    layer.weight.data = scaled.reshape(layer.weight.shape).float()


def by_input(layer: Layer, channels: int) -> torch.Tensor:
    """The weight as (groups, outputs a group, input channels a group, the rest).

    A linear layer behind a flattened image has `in_features / channels` columns a channel: NCHW order.
    """
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    outputs = layer.weight.shape[0]
    return layer.weight.detach().reshape(groups, outputs // groups, channels // groups, -1)
