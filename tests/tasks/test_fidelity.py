"""Fidelity, against numpy's own arithmetic and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.tasks.fidelity import fidelity, sqnr_db

SEEDS = st.integers(0, 10_000)


def pair(seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(int(rng.integers(1, 40)), int(rng.integers(1, 6)))).astype(np.float32)
    return base, (base + noise * rng.normal(size=base.shape)).astype(np.float32)


@settings(deadline=None)
@given(SEEDS, st.floats(0.01, 2))
def test_fidelity_is_what_numpy_says(seed: int, noise: float) -> None:
    base, other = (side.astype(np.float64) for side in pair(seed, noise))
    found = fidelity(base, other)
    assert found["sqnr_db"] == pytest.approx(20 * np.log10(np.linalg.norm(base) / np.linalg.norm(base - other)))
    cosine = (base * other).sum() / np.linalg.norm(base) / np.linalg.norm(other)
    assert found["cosine"] == pytest.approx(cosine) and found["max_abs"] == pytest.approx(np.abs(base - other).max())


def test_what_is_equal_has_no_noise_and_what_is_no_number_has_no_figure() -> None:
    base = np.array([[1.0, 2.0], [3.0, 0.0]])
    same = fidelity(base, base)
    assert same["sqnr_db"] is None and same["max_abs"] == 0.0 and same["cosine"] == pytest.approx(1.0)
    assert fidelity(0 * base, base)["sqnr_db"] is None is fidelity(0 * base, base)["cosine"]
    broken = np.array([[np.nan, 2.0], [3.0, 0.0]])
    assert set(fidelity(base, broken).values()) == {None}


def test_sqnr_is_of_energies_and_missing_where_there_is_no_signal_or_no_noise() -> None:
    assert sqnr_db(25.0, 0.25) == pytest.approx(20.0)
    assert sqnr_db(25.0, 0.0) is None is sqnr_db(0.0, 25.0)
