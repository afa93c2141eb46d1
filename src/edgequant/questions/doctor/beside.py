"""Which tensors of a file lie on one grid because a concatenation takes them all, and whether that can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...graph.ops.table import OPS
from ...graph.program import Program
from ...recipe.resolve import sharing
from ...refine.branch_paths import paths
from .evidence import TensorFacts


def shared_grids(program: Program, facts: Sequence[TensorFacts], several: frozenset[str]) -> tuple[TensorFacts, ...]:
    """The facts with `beside` and `bound`. `several`: layers that are calls of one module."""
    groups, moved = sharing(program), {s.name for s in program.steps if OPS[s.kind].shares_grid}
    made: dict[str, list[TensorFacts]] = {}
    for one in facts:
        if one.name not in moved:
            made.setdefault(groups[one.name], []).append(one)
    found = {}
    for members in made.values():
        if len(members) > 1:
            largest = max(members, key=_size)
            where = paths(program, tuple(m.name for m in members), several)
            for one in members:
                if one is not largest:
                    ends = [where.blocked.get(t.name, "") for t in (one, largest)]
                    found[one.name] = replace(one, beside=largest.name, bound=ends[0] if all(ends) else "")
    return tuple(found.get(one.name, one) for one in facts)


def _size(tensor: TensorFacts) -> float:
    return max(abs(tensor.seen_low), abs(tensor.seen_high))
