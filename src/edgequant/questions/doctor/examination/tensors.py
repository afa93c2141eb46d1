"""What the tensors inside a file take on images: run in float, next to the grids that the file stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ....core.arrays import Array
from ....core.grid import QParams, quantize
from ....graph.copies import copied
from ....graph.ops.table import OPS
from ....graph.program import Program, Step
from ....recipe.resolve import sharing
from ....refine.branch_paths import paths
from ..evidence import TensorFacts
from .twin import FloatTwin

BATCH = 32


@torch.inference_mode()
def tensor_facts(twin: FloatTwin, x: Array) -> tuple[TensorFacts, ...]:
    """Of every tensor inside, in order, on normalised images `x` (N, C, H, W). In float throughout."""
    network = twin.floats or twin.stored
    seen = {step.name: _Seen(twin.activations[step.name]) for step in twin.inside}

    def visit(name: str, value: torch.Tensor) -> None:
        if name in seen:
            seen[name].update(value)

    for at in range(0, len(x), BATCH):
        network.run_all(torch.from_numpy(x[at : at + BATCH]), visit=visit)
    return shared_grids(twin.program, [seen[step.name].facts(step) for step in twin.inside], copied(twin.stored))


@dataclass
class _Seen:
    """One tensor, batch after batch."""

    grid: QParams
    low: float = np.inf
    high: float = -np.inf
    values: int = 0
    total: float = 0.0
    squares: float = 0.0
    images: int = 0
    clipped: int = 0
    clip_squares: float = 0.0
    used: Array = field(default_factory=lambda: np.zeros(0, bool))

    def update(self, x: torch.Tensor) -> None:
        flat = x.flatten(1).double()  # sums of squares over all images: float32 would lose the small ones
        low, high = grid_range(self.grid)
        outside = (torch.maximum(flat - high, low - flat) - self.grid.scale).clamp(min=0)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.values += flat.numel()
        self.total += float(flat.sum())
        self.squares += float((flat**2).sum())
        self.images += len(flat)
        self.clipped += int((outside > 0).any(1).sum())
        self.clip_squares += float((outside**2).sum())
        codes = (quantize(flat, self.grid) - self.grid.low).long()
        count = torch.bincount(codes.flatten(), minlength=2**self.grid.bits)
        self.used = (count.numpy() > 0) | (self.used if len(self.used) else False)

    def facts(self, step: Step) -> TensorFacts:
        low, high = grid_range(self.grid)
        mean = self.total / self.values
        # By E[x^2] - E[x]^2, which for a constant tensor is not zero but what rounding left of it.
        variance = 0.0 if self.low == self.high else max(0.0, self.squares / self.values - mean**2)
        return TensorFacts(
            step.name, step.layer or step.kind, self.grid.scale, low, high, self.low, self.high, self.images,
            self.clipped, self.clip_squares / self.values, variance, int(self.used.sum()),
        )  # fmt: skip


def grid_range(grid: QParams) -> tuple[float, float]:
    """The reals that the grid holds."""
    return (grid.low - grid.zero_point) * grid.scale, (grid.high - grid.zero_point) * grid.scale


def shared_grids(program: Program, facts: Sequence[TensorFacts], several: frozenset[str]) -> tuple[TensorFacts, ...]:
    """The facts with `beside` and `bound`: which tensors lie on one grid because a concatenation takes them all, and
    whether that can be changed. `several`: layers that are calls of one module."""
    groups, moved = sharing(program), {s.name for s in program.steps if OPS[s.kind].shares_grid}
    made: dict[str, list[TensorFacts]] = {}
    for one in facts:
        if one.name not in moved:  # what only moves values has its grid from a tensor that is in the group already
            made.setdefault(groups[one.name], []).append(one)
    found = {}
    for members in made.values():
        if len(members) > 1:
            largest = max(members, key=lambda tensor: max(abs(tensor.seen_low), abs(tensor.seen_high)))
            where = paths(program, tuple(m.name for m in members), several)
            for one in members:
                if one is not largest:  # gains on either branch would part the two grids
                    ends = [where.blocked.get(t.name, "") for t in (one, largest)]
                    found[one.name] = replace(one, beside=largest.name, bound=ends[0] if all(ends) else "")
    return tuple(found.get(one.name, one) for one in facts)
