"""Figures of how far two answers are apart, against their definitions in float64."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.search import divergence
from search_samples import network

ROWS = st.lists(st.lists(st.floats(-8, 8, width=32), min_size=4, max_size=4), min_size=1, max_size=5)


@settings(max_examples=40)
@given(ROWS, st.floats(-2, 2))
def test_kl_is_its_definition_and_never_negative(rows: list[list[float]], shift: float) -> None:
    base = torch.tensor(rows)
    changed = base * 0.7 + torch.tensor([shift, 0.0, -shift, 0.1])
    logs = [divergence.log_probabilities(s, network().program) for s in (base, changed)]
    found = divergence.kl(*logs)
    p, q = (np.exp(x.numpy()) / np.exp(x.numpy()).sum(1, keepdims=True) for x in (base.double(), changed.double()))
    np.testing.assert_allclose(found, (p * np.log(p / q)).sum(1), atol=1e-9)
    assert (found >= 0).all() and not divergence.kl(logs[0], logs[0]).any()


def test_a_softmax_at_the_end_changes_nothing() -> None:
    scores = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    ended = divergence.log_probabilities(torch.softmax(scores, 1), network(softmax=True).program)
    torch.testing.assert_close(ended, divergence.log_probabilities(scores, network().program), rtol=1e-5, atol=1e-5)


def test_ties_go_to_the_first_class() -> None:
    scores = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    assert divergence.hits(scores, np.array([0, 2])).tolist() == [True, False]
