from __future__ import annotations

from collections.abc import Sequence

import torch

from edgequant.refine.training.oscillation import Oscillation, threshold


def history(*values: Sequence[float], limit: float = 1.0) -> Oscillation:
    seen = Oscillation(torch.tensor(values[0], dtype=torch.float32))
    for q in values:
        seen.see(torch.tensor(q, dtype=torch.float32), limit)
    return seen


def test_a_weight_that_goes_to_and_fro_oscillates_and_one_that_travels_does_not() -> None:
    found = history([0, 0, 0], [1, 1, 0], [0, 2, 0], [1, 3, 0], [0, 4, 0])
    assert found.frequency[0] > 0 and found.frequency[1] == 0 == found.frequency[2]
    torch.testing.assert_close(found.frequency[0], torch.tensor(1 - 0.99**3))


def test_above_the_threshold_it_is_frozen_where_it_was_most_and_stays() -> None:
    values = [[2.0, 0.0]] + [[3.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]] * 20
    found = history(*values, limit=0.05)
    assert found.frozen.tolist() == [True, False] and found.value[0] == 2
    for _ in range(20):
        found.see(torch.tensor([-7.0, 0.0]), 0.05)
    assert found.value[0] == 2
    held = found.held(torch.tensor([0.9, 0.9], requires_grad=True), torch.tensor([0.5, 0.5]))
    assert held.tolist() == [1.0, torch.tensor(0.9).item()]


def test_no_gradient_reaches_a_frozen_weight() -> None:
    found = history([0.0, 0.0])
    found.frozen[0] = True
    w = torch.tensor([0.3, 0.3], requires_grad=True)
    found.held(w, torch.tensor(1.0)).sum().backward()
    assert w.grad is not None and w.grad.tolist() == [0.0, 1.0]


def test_the_threshold_falls_to_the_one_that_was_asked_for() -> None:
    assert threshold(0.01, 0.0) == 0.04 and threshold(0.01, 1.0) == 0.01 == threshold(0.01, 2.0)
    assert threshold(0.01, 0.2) > threshold(0.01, 0.5) > threshold(0.01, 0.8)
