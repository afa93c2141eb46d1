"""How long one image takes.

What is timed is `invoke` alone, on an input already in place, as the runtimes' own benchmark tools do. The protocol
is core.stopwatch's, which devices run too. Other processes on the machine are not kept away: see the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.interfaces import AbstractSession, Array
from ..core.stopwatch import Budget, describe, median_interval, quantile_interval, sample

if TYPE_CHECKING:
    from torch import nn


def benchmark(
    sessions: Mapping[str, AbstractSession],
    image: Array,
    *,
    threads: int,
    warmup_s: float = Budget.warmup_s,
    min_runs: int = Budget.min_runs,
    max_runs: int = Budget.max_runs,
    budget_s: float = Budget.budget_s,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, dict[str, Any]]:
    """Time the sessions on one normalised image (1, C, H, W); milliseconds per session, as `describe` gives them.

    `threads` is recorded: it is what the sessions were opened with. `tick` gets (sessions done, sessions).
    Raises BadOption.
    """
    for session in sessions.values():
        session.prepare(image)
    budget = Budget(warmup_s, min_runs, max_runs, budget_s)
    times = sample({name: session.invoke for name, session in sessions.items()}, budget, seed, tick)
    return {name: describe(ms, threads) for name, ms in times.items()}


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


__all__ = ["Budget", "benchmark", "describe", "eager_latency", "median_interval", "quantile_interval", "sample"]
