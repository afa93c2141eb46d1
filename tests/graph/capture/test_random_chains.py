"""Random networks against PyTorch: captured they answer the same, or they are refused in one line; by the reader, not
by the source check, whose words are for faults of ours.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgequant.core.arrays import only
from edgequant.core.errors import BadModel
from edgequant.graph.capture.capture import capture
from random_chains import SPEC, Random

NUMBERS = st.lists(st.integers(0, 10**6), min_size=2, max_size=24)
SLOW = [HealthCheck.too_slow]


def judged(numbers: list[int]) -> str:
    """`same`, or why it was refused. Anything else is a failure."""
    network = Random(numbers).eval()
    try:
        captured = capture(network, SPEC, ())
    except BadModel as error:
        assert "\n" not in str(error) and "is not the model" not in str(error), (network.chain.made, str(error))
        assert "op table" in str(error), (network.chain.made, str(error))
        return str(error)
    images = torch.randn(5, *SPEC.shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted, got = network(images.clone()), only(captured.network(images))
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()) + 1e-6)
    return "same"


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(NUMBERS)
def test_a_random_network_is_captured_as_it_is_or_refused(numbers: list[int]) -> None:
    judged(numbers)


@pytest.mark.soak
@settings(max_examples=2000, deadline=None, suppress_health_check=SLOW)
@given(NUMBERS)
def test_two_thousand_random_networks(numbers: list[int]) -> None:
    judged(numbers)
