"""Which layer gets which scheme under a budget: a multiple-choice knapsack, solved exactly as an integer program.

One binary variable for each layer and scheme, one scheme a layer; harm, bytes and milliseconds add up over layers.
That they do is an assumption (Dong et al., "HAWQ-V2", 2020, section 3, makes the same), so what comes out is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array


@dataclass(frozen=True)
class Option:
    """A scheme of one layer: what it costs and what it does."""

    scheme: str
    bytes: float
    ms: float  # 0 where nothing was timed
    harm: float  # nats of divergence, alone


Choice = dict[str, str]  # layer -> scheme
Options = Mapping[str, Sequence[Option]]
TIE = 1e-9  # of the harm of everything: of two equal answers the smaller


def allocate(
    options: Options, max_bytes: float = np.inf, max_ms: float = np.inf, minimise: str = "harm"
) -> Choice | None:
    """The choice with the least `minimise` (harm, bytes or ms) within both budgets; None where none is."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    flat = [(layer, option) for layer, several in options.items() for option in several]
    costs = {key: np.array([getattr(option, key) for _, option in flat]) for key in ("harm", "bytes", "ms")}
    # x is 1 for a scheme that is taken: a row a layer says that the sum over its schemes is 1, then a row a budget
    owners = np.array([[float(layer == name) for layer, _ in flat] for name in options])
    rows = [LinearConstraint(owners, 1, 1)]
    rows += [LinearConstraint(costs[k], -np.inf, b) for k, b in (("bytes", max_bytes), ("ms", max_ms)) if b < np.inf]
    # scaled to 1, for the solver stops at an absolute gap; of equal ones the fewer bytes, or the less harm
    second = "harm" if minimise == "bytes" else "bytes"
    objective = _scaled(costs[minimise]) + TIE * _scaled(costs[second])
    found = milp(objective, constraints=rows, integrality=np.ones(len(flat)), bounds=Bounds(0, 1))
    if found.x is None:
        return None
    # a binary variable comes back as nearly 0 or nearly 1
    return {layer: option.scheme for (layer, option), taken in zip(flat, found.x) if taken > 0.5}


def _scaled(values: Array) -> Array:
    return values / max(float(values.max()), 1e-30)


def total(options: Options, choice: Choice, key: str) -> float:
    """The sum of `key` (harm, bytes or ms) over the layers of a choice."""
    taken = (option for layer, several in options.items() for option in several if option.scheme == choice[layer])
    return float(sum(getattr(option, key) for option in taken))


def front(options: Options, points: int, max_ms: float = np.inf) -> list[Choice]:
    """The least harm at `points` budgets of bytes, from the smallest that is possible to the largest; each once."""
    smallest, largest = allocate(options, max_ms=max_ms, minimise="bytes"), allocate(options, max_ms=max_ms)
    if smallest is None or largest is None:
        return []
    ends = total(options, smallest, "bytes"), total(options, largest, "bytes")
    found = [allocate(options, budget, max_ms) for budget in np.linspace(*ends, points)]
    return list({tuple(c.items()): c for c in [smallest, *found, largest] if c is not None}.values())


def without(options: Options, layer: str, scheme: str) -> dict[str, Sequence[Option]]:
    """The same options, but this layer may not have this scheme."""
    left = [option for option in options[layer] if option.scheme != scheme]
    return {**options, layer: left or list(options[layer])}
