"""The classifier that is trained first, and the table that says how."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgequant.core.errors import BadOption, Diverged
from edgequant.train.head import DroppingLinear, fit_head
from edgequant.train.settings import Transfer


def clusters(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(n) % 3
    noise = np.random.default_rng(seed).standard_normal((n, 6)) * 0.2
    return (np.eye(3, 6)[labels] + noise).astype(np.float32), labels


def test_the_head_learns_and_the_same_seed_gives_the_same_head() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        head = DroppingLinear(6, 3, 0.2)
        figures = fit_head(head, clusters(), clusters(60, 1), Transfer(epochs=20, lr=0.05))
        found.append(head.weight.detach().clone())
    assert len(figures) == 20 and figures[-1]["validation_accuracy"] > 0.95
    assert figures[-1]["loss"] < figures[0]["loss"] and not head.training
    assert torch.equal(*found)


def test_features_are_dropped_in_training_only() -> None:
    head, x = DroppingLinear(50, 2, 0.5), torch.ones(1, 50)
    torch.manual_seed(0)
    assert not torch.equal(head.train()(x), head(x))
    assert torch.equal(head.eval()(x), torch.nn.functional.linear(x, head.weight, head.bias))


def test_a_loss_that_is_no_number_is_refused() -> None:
    features, labels = clusters()
    features[0] = np.nan
    with pytest.raises(Diverged, match=r"Lower transfer.lr \(now 0.001\)"):
        fit_head(DroppingLinear(6, 3, 0.0), (features, labels), clusters(30, 1), Transfer(epochs=1))


@pytest.mark.parametrize("fault", [{"classes": 0}, {"epochs": 0}, {"batch": 0}, {"lr": 0.0}])
def test_what_must_be_above_0_is(fault: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="must be above 0"):
        Transfer(**fault)  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", [{"dropout": 1.0}, {"weight_decay": -1.0}, {"seed": -1}])
def test_the_other_options_have_their_ranges(fault: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="below 1"):
        Transfer(**fault)  # type: ignore[arg-type]
