"""How long one image takes.

What is timed is `invoke` alone, on an input already in place, as the runtimes' own benchmark tools do. The protocol
is core.stopwatch's, which devices run too. Other processes on the machine are not kept away: see the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.contract import AbstractSession
from ..core.arrays import Array
from ..host.stopwatch import Budget, describe, median_interval, quantile_interval, sample, sample_turns

if TYPE_CHECKING:
    from torch import nn

TURNS = 8  # to take of each file where two are compared: an interval of a ratio needs some to draw from
FEWEST_TURNS = 5  # turns beside one another, below which a ratio of two files has no interval


def benchmark(
    sessions: Mapping[str, AbstractSession],
    image: Array,
    *,
    threads: int,
    warmup_s: float = Budget.warmup_s,
    min_runs: int = Budget.min_runs,
    max_runs: int = Budget.max_runs,
    budget_s: float = Budget.budget_s,
    min_turns: int = Budget.min_turns,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, dict[str, Any]]:
    """Time the sessions on one normalised image (1, C, H, W); milliseconds per session, as `describe` gives them.

    "turns" are the medians of each session's turns, which `ratio` compares. `threads` is recorded: it is what the
    sessions were opened with. `tick` gets (sessions done, sessions).
    Raises BadOption.
    """
    for session in sessions.values():
        session.prepare(image)
    budget = Budget(warmup_s, min_runs, max_runs, budget_s, min_turns)
    times = sample_turns({name: session.invoke for name, session in sessions.items()}, budget, seed, tick)
    return {name: described(turns, threads) for name, turns in times.items()}


def described(turns: Sequence[Array], threads: int) -> dict[str, Any]:
    """`describe` of all samples, and "turns": the median of each turn."""
    return describe(np.concatenate(turns), threads) | {"turns": [float(np.median(t)) for t in turns]}


def ratio(ours: Sequence[float], theirs: Sequence[float], seed: int = 0, draws: int = 2000) -> dict[str, Any] | None:
    """{"value", "ci95", "turns"}: how many times longer the first takes, of the medians of turns that two files took
    beside one another; None where there were fewer than FEWEST_TURNS, which decide nothing.

    The 95% percentile interval of a bootstrap over turns, each with both of its medians (paired), so that what slowed
    the machine for a while slows both sides. Samples within a turn are not independent; turns nearly are.
    """
    count = min(len(ours), len(theirs))
    if count < FEWEST_TURNS:
        return None
    pair = np.array([ours[:count], theirs[:count]])
    chosen = np.random.default_rng(seed).integers(0, count, (draws, count))
    medians = np.median(pair[:, chosen], axis=2)
    low, high = np.percentile(medians[0] / medians[1], [2.5, 97.5])
    value = float(np.median(pair[0]) / np.median(pair[1]))
    return {"value": value, "ci95": [float(low), float(high)], "turns": count}


def eager_latency(module: nn.Module, image: Array, threads: int, budget: Budget | None = None) -> dict[str, Any]:
    """The same for a PyTorch module in eager float32, in the mode (`eval`) and memory format it is in."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            tensor = torch.from_numpy(image)
            times = sample({"eager": lambda: module(tensor)}, budget or Budget())
    finally:
        torch.set_num_threads(before)
    return describe(times["eager"], threads)


__all__ = [
    "TURNS", "Budget", "benchmark", "describe", "described", "eager_latency", "median_interval", "quantile_interval",
    "ratio", "sample", "sample_turns",
]  # fmt: skip
