"""Factors for Resize: ONNX Runtime takes them instead of sizes, and must come to the same pixels as torch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.backends.onnx.moves import scale_of
from edgequant.core.errors import Unsupported


@settings(max_examples=100, derandomize=True)
@given(st.integers(1, 300), st.integers(1, 8))
def test_whole_factors_are_themselves(before: int, factor: int) -> None:
    assert scale_of(before, before * factor, nearest=True) == factor


@settings(max_examples=100, derandomize=True)
@given(st.integers(1, 300), st.integers(1, 300))
def test_the_number_of_pixels_is_what_was_asked(before: int, after: int) -> None:
    assert int(np.float32(before) * scale_of(before, after, nearest=False)) == after


def test_a_factor_that_picks_other_pixels_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"resizes 14 pixels to 64 unlike torch\. Use a whole factor"):
        scale_of(14, 64, nearest=True)
