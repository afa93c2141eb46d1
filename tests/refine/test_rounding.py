"""The pieces of learned rounding, each against its formula."""

from __future__ import annotations

import pytest
import torch

from edgequant.refine.adaround import Problem, Schedule, learn_rounding, rectified_sigmoid, regularizer, starting_at
from edgequant.refine.samples import Samples

SCHEDULE = Schedule(iterations=300, batch=64, lr=0.05, beta_start=20.0, beta_end=2.0, regularization=0.01)


def test_the_search_starts_at_the_float_weights() -> None:
    fraction = torch.linspace(0, 0.999, 50)
    torch.testing.assert_close(rectified_sigmoid(starting_at(fraction)), fraction, atol=1e-6, rtol=0)


def test_h_reaches_its_ends() -> None:
    assert rectified_sigmoid(torch.tensor([-3.0, 0.0, 3.0])).tolist() == [0.0, 0.5, 1.0]


def test_the_regularizer_asks_for_zeros_and_ones() -> None:
    assert float(regularizer(torch.tensor([0.0, 1.0, 1.0]), 2.0)) == 0.0
    assert float(regularizer(torch.tensor([0.5, 0.25]), 2.0)) == pytest.approx(1 + 0.75)


def test_beta_is_annealed_after_the_warm_up() -> None:
    assert [SCHEDULE.beta(i) for i in (0, 59, 60, 180, 300)] == pytest.approx([20.0, 20.0, 20.0, 11.0, 2.0])
    assert SCHEDULE.strength(59) == 0.0 and SCHEDULE.strength(60) == 0.01


def test_correlated_inputs_round_against_each_other() -> None:
    """Two inputs that are always equal, weights 1.4 and 1.45: only their sum matters, and 1 + 2 is nearest."""
    x = torch.linspace(-1, 1, 256).view(1, -1, 1).expand(1, 256, 2).contiguous()
    weight = torch.tensor([[1.4, 1.45]])
    problem = Problem(weight, torch.zeros(1), torch.ones(1), 4, "")
    samples = Samples(x, x[0] @ weight.T)
    q = learn_rounding(problem, samples, SCHEDULE, torch.Generator().manual_seed(0))
    assert sorted(q.flatten().tolist()) == [1, 2]


def test_weights_beyond_the_grid_are_clipped() -> None:
    weight = torch.tensor([[-9.7, 9.2, 0.0]])
    problem = Problem(weight, torch.zeros(1), torch.ones(1), 3, "relu")
    x = torch.randn(1, 32, 3, generator=torch.Generator().manual_seed(0))
    samples = Samples(x, torch.relu(x[0] @ weight.T))
    q = learn_rounding(problem, samples, SCHEDULE, torch.Generator().manual_seed(0))
    assert q.tolist()[0][:2] == [-3, 3]
