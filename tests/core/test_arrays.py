"""Outputs by name."""

from __future__ import annotations

import numpy as np
import pytest

from edgequant.core.arrays import joined, only
from edgequant.core.errors import BadModel


def test_a_classifier_takes_the_only_output() -> None:
    assert only({"scores": 3}) == 3
    with pytest.raises(BadModel, match=r"returns 2 outputs \(boxes, scores\); one was expected"):
        only({"boxes": 1, "scores": 2})
    with pytest.raises(BadModel, match="returns 0 outputs"):
        only({})


def test_parts_are_joined_output_by_output() -> None:
    whole = joined([{"a": np.zeros((2, 3)), "b": np.zeros(2)}, {"a": np.ones((1, 3)), "b": np.ones(1)}])
    assert list(whole) == ["a", "b"] and whole["a"].shape == (3, 3) and whole["b"].tolist() == [0, 0, 1]
