"""How long one image takes.

What is timed is `invoke` alone, on an input already in place, as the runtimes' own benchmark tools do.
The sessions take turns in random order, so that a machine that slows down slows all of them alike.
A turn begins with one run that is not counted: it brings the session's code and weights back into the caches.
Garbage collection is off meanwhile. Other processes on the machine are not kept away: see the spread.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..core.errors import BadOption
from ..core.interfaces import AbstractSession, Array

if TYPE_CHECKING:
    from torch import nn

Invoke = Callable[[], object]

SAMPLE_NS = 20_000  # reading the clock costs about 0.1 us; on a sample this long that is half a percent
TURN_NS = 20_000_000
FLOOR = 10  # runs that even a session far over its budget gets
STABLE = 0.02  # of the median: how near both ends of its interval must come


@final
@dataclass(frozen=True)
class Budget:
    """When to stop timing a session: the median is known to 2%, or the time is up. See `Budget.met`."""

    warmup_s: float = 0.2
    min_runs: int = 50
    max_runs: int = 2000
    budget_s: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.min_runs <= self.max_runs or self.budget_s <= 0 or self.warmup_s < 0:
            raise BadOption(
                f"Expected 1 <= min_runs <= max_runs, budget_s > 0 and warmup_s >= 0 for a benchmark. Got {self}."
            )

    def met(self, samples: list[float], spent: float) -> bool:
        """`min_runs` are guaranteed, unless they take five budgets; then FLOOR are."""
        runs = len(samples)
        if runs < self.min_runs:
            return spent >= 5 * self.budget_s and runs >= FLOOR
        return runs >= self.max_runs or spent >= self.budget_s or _stable(samples)


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


def sample(
    invokes: Mapping[str, Invoke],
    budget: Budget,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Array]:
    """(runs,) milliseconds of each callable, in the order taken.

    Where one run is shorter than SAMPLE_NS a sample is the mean over a block of runs: the median stands,
    and the tail (p99) is milder than that of single runs.
    """
    rng = np.random.default_rng(seed)
    with _no_gc():
        watches = {name: _watch(invoke, budget.warmup_s) for name, invoke in invokes.items()}
        active = list(watches)
        while active:
            for name in rng.permutation(active):
                watches[name].turn(budget.max_runs)
            active = [name for name in active if not budget.met(watches[name].samples, watches[name].spent)]
            tick(len(watches) - len(active), len(watches))
    return {name: np.array(watch.samples) for name, watch in watches.items()}


def describe(ms: Array, threads: int) -> dict[str, Any]:
    """Percentiles, mean and the median's 95% interval, in milliseconds. `runs` counts samples."""
    p50, p90, p99 = (float(value) for value in np.percentile(ms, [50, 90, 99]))
    figures: dict[str, Any] = {"p50": p50, "p90": p90, "p99": p99, "mean": float(ms.mean())}
    return figures | {"runs": len(ms), "threads": threads, "p50_ci95": list(median_interval(ms))}


def median_interval(samples: Array | list[float]) -> tuple[float, float]:
    """The 95% interval of the median from order statistics, which supposes no distribution.

    Ranks n/2 -+ 1.96 sqrt(n)/2 (Conover, "Practical Nonparametric Statistics", 1999, section 3.2); the whole
    range where n is too small for it. Samples of one run are not independent: it is a lower bound of the spread.
    """
    ordered = np.sort(np.asarray(samples))
    n, half = len(ordered), 0.98 * math.sqrt(len(ordered))
    low, high = math.floor(n / 2 - half), math.ceil(n / 2 + half + 1)  # ranks from 1
    return float(ordered[max(low, 1) - 1]), float(ordered[min(high, n) - 1])


def _stable(samples: list[float]) -> bool:
    low, high = median_interval(samples)
    middle = float(np.median(samples))
    return middle - low <= STABLE * middle and high - middle <= STABLE * middle


@final
@dataclass
class _Watch:
    """One session under the clock."""

    invoke: Invoke
    block: int  # runs in a sample
    samples_in_turn: int
    samples: list[float] = field(default_factory=list)  # ms a run
    spent: float = 0.0  # s

    def turn(self, max_runs: int) -> None:
        start = time.perf_counter()
        self.invoke()
        for _ in range(min(self.samples_in_turn, max_runs - len(self.samples))):
            self.samples.append(_time(self.invoke, self.block) / 1e6)
        self.spent += time.perf_counter() - start


def _watch(invoke: Invoke, warmup_s: float) -> _Watch:
    """Warm the session up, and size its blocks and turns by how long a run then takes."""
    end, times = time.perf_counter() + warmup_s, [_time(invoke, 1), _time(invoke, 1)]
    while time.perf_counter() < end:
        times.append(_time(invoke, 1))
    run_ns = max(1.0, float(np.median(times[len(times) // 2 :])))
    block = max(1, math.ceil(SAMPLE_NS / run_ns))
    return _Watch(invoke, block, max(3, int(TURN_NS / (block * run_ns))))


def _time(invoke: Invoke, block: int) -> float:
    """Nanoseconds a run, the mean of `block`."""
    start = time.perf_counter_ns()
    for _ in range(block):
        invoke()
    return (time.perf_counter_ns() - start) / block


@contextmanager
def _no_gc() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
