"""Cross-layer equalization (Nagel et al., 2019, arXiv:1906.04721, section 4.1, equations 9 to 11)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import final

import torch

from ..core.arrays import Array
from ..core.progress import Tick
from ..graph.copies import copied
from ..graph.program import Captured, Network, Program, Step
from ..quantization.reference import Reference
from .pairs import Pair, consecutive, input_ranges, output_ranges, scale_inputs, scale_outputs
from .refiner import Corrects, Rewrites, noted

SWEEPS = 50  # over chains of pairs; a chain of three converges in about ten
CONVERGED = 1e-3  # no factor of a sweep is further from 1
DEAD = 1e-6  # of the layer's widest channel: equalizing a channel that says nothing would blow up its bias


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
        program = _without_relu6(old.program) if self.relu6_as_relu else old.program
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


def equalize(network: Network, pairs: list[Pair]) -> None:
    """Sweep over the pairs, in place, until no factor moves."""
    for _ in range(SWEEPS):
        if max(_equalize_pair(network, pair) for pair in pairs) < CONVERGED:
            return


def _equalize_pair(network: Network, pair: Pair) -> float:
    """How far the pair's factors were from 1, the largest first: max |log s|."""
    first, second = network.layer(pair.producer.layer), network.layer(pair.consumer.layer)
    r1 = output_ranges(first)
    r2 = input_ranges(second, len(r1))
    alive = (r1 > DEAD * r1.max()) & (r2 > DEAD * r2.max())
    factors = torch.where(alive, torch.sqrt(r1 / r2), 1.0)
    scale_outputs(first, factors)
    scale_inputs(second, factors)
    return float(factors.log().abs().max())


def _without_relu6(program: Program) -> Program:
    """The ReLU6 of every pair becomes a ReLU; others stay."""
    cut = {name for pair in consecutive(program) for name in pair.saturates}
    return replace(program, steps=tuple(_relaxed(step) if step.name in cut else step for step in program.steps))


def _relaxed(step: Step) -> Step:
    if step.kind == "relu6":
        return replace(step, kind="relu")
    return replace(step, activation="relu") if step.activation == "relu6" else step
