"""The predicted divergence is the measured one where errors are small."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from edgequant.search import divergence, engine, fisher
from edgequant.search.forms import alone, uniform
from search_samples import batches, network, observers


def nothing(done: int, total: int) -> None:
    """No bar."""


@pytest.mark.parametrize("softmax", [False, True])
def test_it_predicts_the_divergence_of_every_layer(softmax: bool) -> None:
    captured = network(0, softmax)
    forms = alone(uniform(captured, observers(0, softmax), 4, 8))
    asks = [engine.Question(step, step, form) for step, form in forms.items()]
    exact = engine.ask(engine.Engine(captured, {}), batches(), asks, nothing)
    logs = divergence.log_probabilities(exact.base, captured.program)
    want = {
        k: divergence.kl(logs, divergence.log_probabilities(s, captured.program)).mean()
        for k, s in exact.scores.items()
    }
    found = fisher.scores(captured, batches(), {"w4": forms}, nothing, passes=12)["w4"]
    assert spearmanr([want[k] for k in forms], [found[k] for k in forms]).statistic > 0.9
    ratios = np.array([found[k] / want[k] for k in forms])
    assert (ratios > 0.5).all() and (ratios < 2).all()


def test_a_seed_gives_the_same_scores_and_no_weight_has_a_gradient() -> None:
    forms = alone(uniform(network(), observers(), 4, 8))
    first, again = (fisher.scores(network(), batches(16), {"": forms}, nothing) for _ in range(2))
    assert first == again
    assert all(p.grad is None for p in network().network.parameters())


def test_images_are_left_as_they_were() -> None:
    (x,) = batches(16)
    fisher.scores(network(), [x], {"": alone(uniform(network(), observers(), 4, 8))}, nothing)
    assert isinstance(x, torch.Tensor) and not x.requires_grad
