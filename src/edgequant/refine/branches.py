"""Branches of very different size that share one grid keep scales of their own: the layers around it take a gain.

A concatenation has one grid. A branch of 0..1 beside one of 0..600 falls on a single step of it. Multiplied by a power
of two, which goes into the layer that makes it, and divided out again in the layers that read it, every branch fills
the grid and the network computes the same. How far to go is weighed as in cross-layer equalization (Nagel et al., 2019,
arXiv:1906.04721, section 4.1): what the activations gain, the weights that read them lose.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from ..core.grid import choose_qparams
from ..core.preprocess import input_range
from ..graph.copies import copied
from ..graph.ops.table import OPS
from ..graph.program import Captured, Network, Program, Step
from ..quantization.build import Ranges
from ..recipe.resolve import Plan
from .branch_paths import Paths, paths
from .equalize import by_input, scale_inputs, scale_outputs

# Of values that lie evenly over a branch's range, on the shared grid: 30 dB is 16 steps, of which real activations,
# most of them small, use a few. Below it a branch of a w8a8 network is its noisiest tensor (the usual ones: 30 to 45).
LEAST_SQNR = 30.0
WORTH = 12.0  # dB that a grid of its own would have to give: two bits
FURTHEST = 20  # the exponent of a gain: weights and biases stay far from the ends of float32
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way from no gain to ranges of equal size


@dataclass(frozen=True)
class Branch:
    """A tensor that a shared grid takes in: one that is computed, not moved."""

    tensor: str
    low: float
    high: float
    bits: int
    symmetric: bool

    @property
    def size(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def power(self) -> float:
        """The mean square of values that lie evenly over the range."""
        return (self.low**2 + self.low * self.high + self.high**2) / 3

    def sqnr(self, scale: float) -> float:
        """dB on a grid of this step: the noise of rounding is step^2 / 12 (Widrow and Kollar, 2008)."""
        return 10 * math.log10(max(self.power, 1e-300) / (scale**2 / 12))


def balanced(captured: Captured, plan: Plan, observers: Ranges) -> tuple[Captured, dict[str, str]]:
    """`captured` itself where every branch keeps LEAST_SQNR on its grid. Else the network with gains, and the notes.

    A note (layer -> a line) says for each branch that was short of it by which gain it was helped, or why not. The
    program stays as it is; ranges have to be seen anew where the network is another.
    """
    network = captured.network
    notes: dict[str, str] = {}
    for branches in shared(captured, plan, observers):
        short = [b for b in branches if _short(b, branches)]
        if not short:
            continue
        found = paths(captured.program, tuple(b.tensor for b in branches), copied(captured.network))
        gains = _best(network, plan, branches, found)
        if any(gain != 1 for gain in gains):
            network = _with_gains(network, branches, found, gains)
        for branch in short:
            layer, note = _layer_of(captured.program, branch), _note(branch, branches, found, gains)
            notes[layer] = "; ".join(filter(None, (notes.get(layer, ""), note)))
    return captured if network is captured.network else replace(captured, network=network), notes


def shared(captured: Captured, plan: Plan, observers: Ranges) -> Iterator[tuple[Branch, ...]]:
    """The branches of every grid that more than one tensor is computed onto."""
    program = captured.program
    moved = {s.name for s in program.steps if OPS[s.kind].shares_grid}
    fixed = {s.name for s in program.steps if OPS[s.kind].fixed}
    groups: dict[str, list[str]] = {}
    for tensor in plan.tensors:
        if tensor not in moved | fixed:
            groups.setdefault(plan.groups[tensor], []).append(tensor)
    for members in groups.values():
        branches = []
        for tensor in members if len(members) > 1 else ():
            bits, symmetric = plan.tensors[tensor], tensor in plan.symmetric
            is_input = tensor == program.input
            low, high = input_range(captured.inputs) if is_input else observers[tensor].range(bits, symmetric)
            branches.append(Branch(tensor, low, high, bits, symmetric))
        if branches:
            yield tuple(branches)


def _step(branches: tuple[Branch, ...], gains: tuple[float, ...] | None = None) -> float:
    """The step of the grid that holds them all."""
    gains = gains or (1.0,) * len(branches)
    low = min(b.low * g for b, g in zip(branches, gains))
    high = max(b.high * g for b, g in zip(branches, gains))
    return choose_qparams(low, high, branches[0].bits, branches[0].symmetric).scale


def _short(branch: Branch, branches: tuple[Branch, ...]) -> bool:
    """Whether the shared grid leaves the branch too little, and one of its own would give clearly more."""
    sqnr = branch.sqnr(_step(branches))
    return sqnr < LEAST_SQNR and branch.sqnr(_step((branch,))) - sqnr > WORTH


def _best(network: Network, plan: Plan, branches: tuple[Branch, ...], found: Paths) -> tuple[float, ...]:
    """The gains, of those on the way to equal ranges, that leave the layers behind the least noise."""
    candidates = [_gains(branches, found, part) for part in PARTS]
    return min(candidates, key=lambda gains: _noise(network, plan, branches, found, gains))


def _gains(branches: tuple[Branch, ...], found: Paths, part: float) -> tuple[float, ...]:
    """Powers of two, so that in float nothing is rounded. What cannot take one is what the others are brought to."""
    bound = [b.size for b in branches if b.tensor not in found.makers]
    wanted = max(bound or [b.size for b in branches])
    gains = []
    for branch in branches:
        exponent = math.floor(part * math.log2(wanted / branch.size)) if branch.tensor in found.makers else 0
        gains.append(float(2.0 ** max(-FURTHEST, min(FURTHEST, exponent))))
    return tuple(gains)


def _noise(network: Network, plan: Plan, branches: tuple[Branch, ...], found: Paths, gains: tuple[float, ...]) -> float:
    """The readers' noise over their signal, summed: of rounding what they read, and of rounding their weights.

    Of an output channel: `sum w^2 step^2 / 12 + sum E[x^2] step_w^2 / 12` over `sum w^2 E[x^2]`, for values and errors
    that do not depend on one another.
    """
    gain, power = (torch.tensor(v, dtype=torch.float64) for v in (gains, [b.power for b in branches]))
    step, total = _step(branches, gains), 0.0
    layers = {step.name: step.layer for step in network.program.layers}
    for reader, ids in found.readers.items():
        weight = by_input(network.layer(layers[reader]), len(ids)).double()  # (groups, O, I, rest)
        shape = (weight.shape[0], 1, weight.shape[2], 1)
        g, x2 = gain[ids].view(shape), power[ids].view(shape)
        bits = plan.schemes[reader].weight_bits
        steps = 0.0 if bits is None else (weight / g).abs().amax((2, 3), keepdim=True) / (2 ** (bits - 1) - 1)
        noise = ((weight / g) ** 2 * step**2 + torch.as_tensor(steps) ** 2 * x2 * g**2).sum((2, 3)) / 12
        signal = (weight**2 * x2).sum((2, 3)).clamp(min=1e-300)
        total += float((noise / signal).mean())
    return total


def _with_gains(network: Network, branches: tuple[Branch, ...], found: Paths, gains: tuple[float, ...]) -> Network:
    program = network.program
    layers = {step.layer: copy.deepcopy(network.layer(step.layer)) for step in program.layers}
    scaled = Network(program, layers).train(network.training)
    for branch, gain in zip(branches, gains):
        for layer in found.makers.get(branch.tensor, ()) if gain != 1 else ():
            scale_outputs(scaled.layer(layer), torch.full((len(scaled.layer(layer).weight),), 1 / gain))
    for step in program.layers:
        if step.name in found.readers:
            scale_inputs(scaled.layer(step.layer), 1 / torch.tensor(gains)[found.readers[step.name]])
    return scaled


def _layer_of(program: Program, branch: Branch) -> str:
    """The layer with weights that the branch comes from: where a reader of the report looks for it."""
    makers = {step.name: step for step in program.steps}
    step: Step | None = makers.get(branch.tensor)
    while step is not None and not step.weighted:
        step = makers.get(step.inputs[0])
    return step.layer if step is not None else program.layers[0].layer


def _note(branch: Branch, branches: tuple[Branch, ...], found: Paths, gains: tuple[float, ...]) -> str:
    before, own = branch.sqnr(_step(branches)), gains[branches.index(branch)]
    after = replace(branch, low=branch.low * own, high=branch.high * own).sqnr(_step(branches, gains))
    largest = max(branches, key=lambda b: b.size).tensor
    said = f"{branch.tensor} shares a grid with {largest}, which leaves it {before:.0f} dB"
    if after >= LEAST_SQNR:
        return f"{said}: rescaled into the layers behind, {after:.0f} dB"
    why = found.blocked.get(branch.tensor) or found.blocked.get(largest) or "the weights behind would lose more"
    better = f"; rescaled to {after:.0f} dB" if after > before else ""
    return f"{said} of the {LEAST_SQNR:.0f} wanted{better}; not rescaled further: {why}"
