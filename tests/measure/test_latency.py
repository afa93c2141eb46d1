"""The stopwatch, on callables whose time is known."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.backends.contract import AbstractSession, OutputInfo
from edgequant.core.arrays import Array, Outputs
from edgequant.core.errors import BadOption
from edgequant.host import stopwatch
from edgequant.host.stopwatch import Budget, describe, far_out, median_interval, quantile_interval, sample, sample_turns
from edgequant.measure.latency import benchmark, described, eager_latency, ratio

QUICK = Budget(warmup_s=0.01, min_runs=12, max_runs=30, budget_s=0.1)


class Clock:
    """Time that only work, and a microsecond for each look at it, makes go by: the machine's load plays no part."""

    now = 0

    def perf_counter_ns(self) -> int:
        self.now += 1000
        return self.now

    def perf_counter(self) -> float:
        return self.perf_counter_ns() / 1e9


CLOCK = Clock()


@pytest.fixture(autouse=True, scope="module")
def clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stopwatch, "time", CLOCK)
        yield


def spin(milliseconds: float) -> Callable[[], None]:
    """Work that takes so long."""

    def run() -> None:
        CLOCK.now += round(milliseconds * 1e6)

    return run


@final
@dataclass(frozen=True)
class Spinning(AbstractSession):
    milliseconds: float
    log: list[str] = field(default_factory=list)

    outputs = (OutputInfo("scores", (2,), "float32"),)

    def run(self, inputs: Array) -> Outputs:
        return {"scores": np.zeros((len(inputs), 2), np.float32)}

    def run_quantized(self, inputs: Array) -> Outputs:
        return self.run(inputs)

    def prepare(self, inputs: Array) -> None:
        self.log.append(f"prepare {inputs.shape}")

    def invoke(self) -> None:
        self.log.append("invoke")
        spin(self.milliseconds)()

    def kernels(self) -> dict[str, Any]:
        return {"delegated": 0, "total": 1, "by": {}}


def test_benchmark_gives_milliseconds_by_name() -> None:
    sessions = {"fast": Spinning(0.2), "slow": Spinning(2.0)}
    found = benchmark(sessions, np.zeros((1, 3, 4, 4), np.float32), threads=2, warmup_s=0.01, budget_s=0.2)
    intervals = ["p50_ci95", "p90_ci95", "p99_ci95", "outliers", "turns"]
    assert list(found["fast"]) == ["p50", "p90", "p99", "mean", "runs", "threads", *intervals]
    for name, took in [("fast", 0.2), ("slow", 2.0)]:
        assert found[name]["p50"] == pytest.approx(took, abs=0.002)
        assert found[name]["p50"] <= found[name]["p90"] <= found[name]["p99"]
        assert found[name]["runs"] >= 10 and found[name]["threads"] == 2
    assert sessions["fast"].log.count("prepare (1, 3, 4, 4)") == 1
    assert sessions["fast"].log[0].startswith("prepare")


def test_sessions_take_turns_in_changing_order() -> None:
    log: list[str] = []
    busy = spin(1.0)

    def named(name: str) -> Callable[[], None]:
        def run() -> None:
            log.append(name)
            busy()

        return run

    sample({"a": named("a"), "b": named("b"), "c": named("c")}, Budget(0.0, 150, 150, 5.0), seed=1)
    turns = [name for before, name in zip(["", *log], log) if name != before]
    assert len(turns) > 12
    orders = {tuple(turns[at : at + 3]) for at in range(3, len(turns) - 2, 3)}
    assert len(orders) > 1


STEADY = [1.0, 1.001] * 100
UNEVEN = [1.0, 2.0] * 100


@pytest.mark.parametrize(
    ("samples", "spent", "met"),
    [
        (UNEVEN[:49], 9.9, False),  # min_runs are guaranteed beyond the budget of 2 s
        (UNEVEN[:49], 10.0, True),  # but not beyond five
        (UNEVEN[:9], 99.0, False),  # where ten runs still are
        (UNEVEN[:10], 99.0, True),
        (UNEVEN[:50], 1.9, False),  # not known to 2% yet
        (UNEVEN[:50], 2.0, True),
        (STEADY[:49], 0.1, False),
        (STEADY[:50], 0.1, True),
        (UNEVEN, 0.1, False),
        (UNEVEN * 10, 0.1, True),  # max_runs
    ],
)
def test_when_a_session_is_done(samples: list[float], spent: float, met: bool) -> None:
    assert Budget().met(samples, spent) is met


def test_slow_ones_stop_after_five_budgets_with_ten_runs() -> None:
    budget = Budget(warmup_s=0.0, min_runs=50, max_runs=2000, budget_s=0.01)
    assert 10 <= len(sample({"slow": spin(20)}, budget)["slow"]) < 50


def test_max_runs_are_never_exceeded() -> None:
    calls = iter(spin(0.05 * (1 + n % 7)) for n in range(10**9))  # too uneven to be known to 2%
    assert len(sample({"uneven": lambda: next(calls)()}, Budget(0.0, 10, 33, 5.0))["uneven"]) == 33


def test_very_short_runs_are_timed_in_blocks() -> None:
    calls = [0]

    def tiny() -> None:
        calls[0] += 1

    ms = sample({"tiny": tiny}, Budget(0.01, 12, 30, 0.1))["tiny"]
    assert calls[0] > 20 * len(ms)
    assert np.median(ms) < 0.001, "and the time of looking at the clock is shared by the block"


def test_garbage_is_not_collected_meanwhile() -> None:
    seen: list[bool] = []
    sample({"a": lambda: seen.append(gc.isenabled())}, QUICK)
    assert seen and not any(seen)
    assert gc.isenabled()


def test_garbage_collection_comes_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        sample({"a": lambda: 1 / 0}, QUICK)
    assert gc.isenabled()


def test_progress_counts_sessions() -> None:
    seen: list[tuple[int, int]] = []
    sample({"a": spin(0.1), "b": spin(0.1)}, QUICK, tick=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)


def test_no_sessions_take_no_time() -> None:
    assert benchmark({}, np.zeros((1, 1, 1, 1)), threads=1) == {}


def test_eager_runs_with_the_threads_asked_for_and_restores_them() -> None:
    seen: set[int] = set()

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.add(torch.get_num_threads())
            assert torch.is_inference_mode_enabled() and x.shape == (1, 3, 4, 4)
            return x.sum()

    before = torch.get_num_threads()
    found = eager_latency(Net().eval(), np.zeros((1, 3, 4, 4), np.float32), 1, QUICK)
    assert seen == {1} and torch.get_num_threads() == before
    assert found["p50"] > 0 and found["threads"] == 1


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=300))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    low, high = median_interval(values)
    assert min(values) <= low <= np.median(values) <= high <= max(values)


def test_the_interval_covers_the_true_median_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    intervals = [median_interval(rng.lognormal(0, 1, 101)) for _ in range(2000)]
    assert 0.94 <= np.mean([low <= 1 <= high for low, high in intervals]) <= 0.98


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99]))
def test_every_interval_lies_within_the_samples_and_holds_its_quantile(values: list[float], quantile: float) -> None:
    low, high = quantile_interval(values, quantile)
    ordered = sorted(values)
    assert ordered[0] <= low <= high <= ordered[-1]
    rank = int(quantile * (len(values) - 1))
    assert low <= ordered[min(rank + 1, len(values) - 1)] and high >= ordered[rank]


def test_the_interval_of_p90_covers_it_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    intervals = [quantile_interval(rng.uniform(0, 1, 400), 0.9) for _ in range(1500)]
    assert 0.94 <= np.mean([low <= 0.9 <= high for low, high in intervals]) <= 0.98


def test_what_lies_far_out_is_counted_and_kept() -> None:
    ms = np.array([1.0, 1.1, 1.2, 1.3] * 20 + [9.0])
    assert far_out(ms) == 1 and far_out(ms[:-1]) == 0
    assert describe(ms, 1)["outliers"] == 1 and describe(ms, 1)["runs"] == 81


def test_more_turns_can_be_asked_for() -> None:
    budget = Budget(min_turns=3)
    assert [budget.met(STEADY, 0.1, turns) for turns in (1, 2, 3)] == [False, False, True]
    assert budget.met(STEADY, 2.0, 1)  # the time is up


@settings(max_examples=20)
@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=50))
def test_describe_is_in_the_units_given(values: list[float]) -> None:
    found = describe(np.array(values), 4)
    assert found["runs"] == len(values) and found["mean"] == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    "wrong", [{"min_runs": 0}, {"max_runs": 3}, {"budget_s": 0.0}, {"warmup_s": -1.0}, {"min_turns": 0}]
)
def test_a_budget_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match="Expected 1 <= min_runs"):
        Budget(**wrong)


def test_turns_are_the_samples_in_order_and_there_are_as_many_as_were_asked_for() -> None:
    budget = Budget(warmup_s=0.0, min_runs=10, max_runs=2000, budget_s=5.0, min_turns=6)
    turns = sample_turns({"a": spin(0.02), "b": spin(0.05)}, budget, seed=3)
    assert all(len(found) >= 6 and all(len(turn) for turn in found) for found in turns.values())
    assert described(turns["a"], 1)["turns"] == [float(np.median(turn)) for turn in turns["a"]]
    assert described(turns["a"], 1)["runs"] == sum(map(len, turns["a"]))


def test_a_ratio_of_few_turns_has_no_interval_and_decides_nothing() -> None:
    assert ratio([1.0] * 4, [2.0] * 9) is None and ratio([], []) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(5, 60), st.floats(0.2, 5.0), st.floats(0.0, 0.3))
def test_a_ratio_holds_its_interval_and_drifts_cancel(seed: int, count: int, times: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    drift = rng.uniform(1, 3, count)  # of the machine, on both alike
    theirs = drift * rng.lognormal(0, noise, count)
    found = ratio(list(times * theirs), list(theirs))
    assert found is not None and found["ci95"][0] == pytest.approx(found["ci95"][1]) == pytest.approx(times)
    other = ratio(list(theirs), list(drift * rng.lognormal(0, noise, count)))
    assert other is not None and other["ci95"][0] <= other["value"] * 1.0001 and other["turns"] == count
    assert other["ci95"][1] >= other["value"] * 0.9999


def test_the_interval_of_a_ratio_holds_1_about_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(150):
        ours, theirs = rng.lognormal(0, 0.1, (2, 12))
        found = ratio(list(ours), list(theirs), draws=500)
        assert found is not None
        held += found["ci95"][0] <= 1 <= found["ci95"][1]
    assert held / 150 > 0.88
