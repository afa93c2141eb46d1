"""The stopwatch: what every latency is measured with, on this machine and on any device.

Callables take turns in random order, so that a machine that slows down slows all of them alike. A turn begins
with one run that is not counted: it brings code and weights back into the caches. Garbage collection is off
meanwhile. No sample is removed: what lies far out is counted, and p90 and p99 show it.

This file needs numpy and the standard library only: it is copied to devices as it is.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadOption

Invoke = Callable[[], object]
Samples = NDArray[Any]  # (runs,) milliseconds

SAMPLE_NS = 20_000  # reading the clock costs about 0.1 us; on a sample this long that is half a percent
TURN_NS = 20_000_000
FLOOR = 10  # runs that even a session far over its budget gets
STABLE = 0.02  # of the median: how near both ends of its interval must come
FAR_OUT = 3.0  # interquartile ranges above the third quartile (Tukey, "Exploratory Data Analysis", 1977)


@final
@dataclass(frozen=True)
class Budget:
    """When to stop timing a session: the median is known to 2%, or the time is up. See `Budget.met`."""

    warmup_s: float = 0.2
    min_runs: int = 50
    max_runs: int = 2000
    budget_s: float = 2.0
    min_turns: int = 1  # turns before stability counts: more of them average over a machine's slower drifts

    def __post_init__(self) -> None:
        sensible = 1 <= self.min_runs <= self.max_runs and self.budget_s > 0 and self.warmup_s >= 0
        if not sensible or self.min_turns < 1:
            raise BadOption(
                "Expected 1 <= min_runs <= max_runs, budget_s > 0, warmup_s >= 0 and min_turns >= 1 for a benchmark."
                f" Got {self}."
            )

    def met(self, samples: list[float], spent: float, turns: int | None = None) -> bool:
        """`min_runs` are guaranteed, unless they take five budgets; then FLOOR are. `turns` None: not asked."""
        runs = len(samples)
        if runs < self.min_runs:
            return spent >= 5 * self.budget_s and runs >= FLOOR
        if runs >= self.max_runs or spent >= self.budget_s:
            return True
        return (turns is None or turns >= self.min_turns) and _stable(samples)


def sample(
    invokes: Mapping[str, Invoke],
    budget: Budget,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Samples]:
    """(runs,) milliseconds of each callable, in the order taken: the turns of `sample_turns`, one behind another."""
    return {name: np.concatenate(turns) for name, turns in sample_turns(invokes, budget, seed, tick).items()}


def sample_turns(
    invokes: Mapping[str, Invoke],
    budget: Budget,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, list[Samples]]:
    """Milliseconds of each callable, turn by turn. Turns of one number were taken beside one another.

    Where one run is shorter than SAMPLE_NS a sample is the mean over a block of runs: the median stands,
    and the tail (p99) is milder than that of single runs.
    """
    rng = np.random.default_rng(seed)
    with _no_gc():
        watches = {name: _watch(invoke, budget) for name, invoke in invokes.items()}
        active = list(watches)
        while active:
            for name in rng.permutation(active):
                watches[name].turn(budget.max_runs)
            active = [name for name in active if not watches[name].done(budget)]
            tick(len(watches) - len(active), len(watches))
    return {name: np.split(np.array(watch.samples), watch.ends[:-1]) for name, watch in watches.items()}


def describe(ms: Samples, threads: int) -> dict[str, Any]:
    """Percentiles and mean with the percentiles' 95% intervals, in milliseconds. `runs` counts samples.

    `outliers`: how many samples lie above the third quartile by more than FAR_OUT interquartile ranges. They are in
    every figure.
    """
    p50, p90, p99 = (float(value) for value in np.percentile(ms, [50, 90, 99]))
    figures: dict[str, Any] = {"p50": p50, "p90": p90, "p99": p99, "mean": float(ms.mean())}
    figures |= {"runs": len(ms), "threads": threads}
    figures |= {f"p{q}_ci95": list(quantile_interval(ms, q / 100)) for q in (50, 90, 99)}
    return figures | {"outliers": far_out(ms)}


def far_out(ms: Samples) -> int:
    """How many samples are far out, upwards: interrupted by something else, most likely."""
    first, third = np.percentile(ms, [25, 75])
    return int((ms > third + FAR_OUT * (third - first)).sum())


def median_interval(samples: Samples | list[float]) -> tuple[float, float]:
    """The 95% interval of the median."""
    return quantile_interval(samples, 0.5)


def quantile_interval(samples: Samples | list[float], quantile: float) -> tuple[float, float]:
    """The 95% interval of a quantile from order statistics, which supposes no distribution.

    Ranks nq -+ 1.96 sqrt(nq(1 - q)) (Conover, "Practical Nonparametric Statistics", 1999, section 3.2), cut off at
    the ends of the samples where n is too small. Samples of one run are not independent: it is a lower bound.
    """
    ordered = np.sort(np.asarray(samples))
    n = len(ordered)
    middle, half = n * quantile, 1.96 * math.sqrt(n * quantile * (1 - quantile))
    low, high = math.floor(middle - half), math.ceil(middle + half + 1)  # ranks from 1
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
    ends: list[int] = field(default_factory=list)  # how many samples there were after each turn

    def turn(self, max_runs: int) -> None:
        start = time.perf_counter()
        self.invoke()
        for _ in range(min(self.samples_in_turn, max_runs - len(self.samples))):
            self.samples.append(_time(self.invoke, self.block) / 1e6)
        self.spent += time.perf_counter() - start
        self.ends.append(len(self.samples))

    def done(self, budget: Budget) -> bool:
        return budget.met(self.samples, self.spent, len(self.ends))


def _watch(invoke: Invoke, budget: Budget) -> _Watch:
    """Warm the session up, and size its blocks and turns by how long a run then takes."""
    end, times = time.perf_counter() + budget.warmup_s, [_time(invoke, 1), _time(invoke, 1)]
    while time.perf_counter() < end:
        times.append(_time(invoke, 1))
    run_ns = max(1.0, float(np.median(times[len(times) // 2 :])))
    block = max(1, math.ceil(SAMPLE_NS / run_ns))
    most = max(3, budget.max_runs // budget.min_turns)  # or the runs would be spent before the turns are
    return _Watch(invoke, block, min(most, max(3, int(TURN_NS / (block * run_ns)))))


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
