"""The gates, by hand-made outputs that lie just inside and just outside."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgequant.core.errors import BadModel
from edgequant.measure.parity import (
    DYNAMIC,
    FLOAT16,
    PARTLY_FLOAT,
    float_parity,
    integer_parity,
    parity,
)
from edgequant.recipe.scheme import INTEGER, MIRRORED

STEP = 0.0473
GRID = np.random.default_rng(0).integers(-128, 128, (1000, 10))
SCORES = ((GRID - 3) * np.float32(STEP)).astype(np.float32)


def moved(cells: int, by: int) -> np.ndarray:
    """SCORES with the smallest score of the first `cells` images moved by whole steps; no answer changes."""
    grid = GRID.copy()
    grid[np.arange(cells), GRID.argmin(axis=1)[:cells]] += by
    return ((grid - 3) * np.float32(STEP)).astype(np.float32)


def test_the_same_outputs_pass_every_gate() -> None:
    found = integer_parity(SCORES, SCORES.copy(), STEP, MIRRORED)
    assert found == {
        "mode": "integer",
        "top1_agreement": 1.0,
        "exact_fraction": 1.0,
        "max_lsb": 0,
        "max_abs": 0.0,
        "gate": "passed",
        "reason": "",
    }
    assert float_parity(SCORES, SCORES)["gate"] == parity(SCORES, SCORES, "dynamic", 0.0, INTEGER)["gate"] == "passed"


@given(st.integers(1, 1000), st.integers(-6, 6).filter(bool))
def test_integer_counts_steps(cells: int, by: int) -> None:
    found = integer_parity(moved(cells, by), SCORES, STEP, INTEGER)
    assert found["max_lsb"] == abs(by)
    assert found["exact_fraction"] == pytest.approx(1 - cells / SCORES.size)
    assert found["max_abs"] == pytest.approx(abs(by) * STEP, rel=1e-3)


@pytest.mark.parametrize(("cells", "by", "gate"), [(100, 1, "passed"), (101, 1, "failed"), (1, 2, "failed")])
def test_the_integer_gate(cells: int, by: int, gate: str) -> None:
    found = integer_parity(moved(cells, by), SCORES, STEP)
    assert found["gate"] == gate
    assert bool(found["reason"]) == (gate == "failed")


@pytest.mark.parametrize(("cells", "by", "gate"), [(100, 3, "passed"), (101, 1, "failed")])
def test_integers_after_floats_may_flip_but_seldom(cells: int, by: int, gate: str) -> None:
    assert integer_parity(moved(cells, by), SCORES, STEP, PARTLY_FLOAT)["gate"] == gate


def test_integers_themselves_have_a_step_of_one() -> None:
    assert integer_parity(GRID.astype(np.int8), (GRID).astype(np.int8), 1.0)["max_lsb"] == 0
    high, low = np.full((1, 2), 127, np.int8), np.full((1, 2), -128, np.int8)
    assert integer_parity(high, low, 1.0)["max_lsb"] == 255


def test_int16_scores_survive_float32() -> None:
    grid = np.random.default_rng(1).integers(-32767, 32768, (200, 10))
    file, executor = (grid * np.float32(3e-4)).astype(np.float32), grid * 3e-4
    assert integer_parity(file, executor, 3e-4)["exact_fraction"] == 1.0


def test_what_is_off_the_grid_is_not_exact() -> None:
    found = integer_parity(SCORES + np.float32(0.4 * STEP), SCORES, STEP)
    assert found["exact_fraction"] == 0.0 and found["max_lsb"] == 1 and found["gate"] == "failed"


def answers(different: int) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs = np.eye(2)[np.zeros(1000, int)], np.eye(2)[np.zeros(1000, int)]
    ours[:different] = ours[:different, ::-1]
    return ours, theirs


@pytest.mark.parametrize(("different", "gate"), [(5, "passed"), (6, "failed")])
def test_the_dynamic_gate_asks_for_995_of_1000_answers(different: int, gate: str) -> None:
    found = parity(*answers(different), "dynamic", 0.0, INTEGER)
    assert found["gate"] == gate
    assert found["exact_fraction"] is None and found["max_lsb"] is None


def test_litert_must_agree_on_every_answer() -> None:
    ours, theirs = answers(1)
    loose = replace(INTEGER, exact=None)
    assert integer_parity(ours, theirs, 1.0, loose)["gate"] == "passed"
    found = integer_parity(ours, theirs, 1.0, replace(MIRRORED, exact=None))
    assert found["gate"] == "failed" and "99.9000%" in found["reason"]


@pytest.mark.parametrize(("error", "exact", "half"), [(0.9e-3, "passed", "passed"), (1.1e-2, "failed", "passed")])
def test_float_is_relative_to_the_largest_score(error: float, exact: str, half: str) -> None:
    ours = SCORES.copy()
    ours[0, 0] += error * np.abs(SCORES).max()
    assert float_parity(ours, SCORES)["gate"] == exact
    assert float_parity(ours, SCORES, FLOAT16)["gate"] == half
    assert float_parity(1000 * ours, 1000 * SCORES)["gate"] == exact


def test_every_mode_has_the_same_keys_and_is_json() -> None:
    found = [
        integer_parity(SCORES, SCORES, STEP),
        float_parity(SCORES, SCORES),
        parity(SCORES, SCORES, "dynamic", 0.0, INTEGER),
    ]
    assert len({tuple(one) for one in found}) == 1
    assert json.loads(json.dumps(found)) == found
    assert DYNAMIC.exact is None


def test_a_float_output_has_no_integer_parity() -> None:
    with pytest.raises(BadModel, match="output is float"):
        integer_parity(SCORES, SCORES, 0.0)


@pytest.mark.parametrize("other", [SCORES[:5], SCORES[0], SCORES[:, :3]])
def test_other_shapes_are_refused(other: np.ndarray) -> None:
    with pytest.raises(BadModel, match="same images"):
        float_parity(SCORES, other)


def test_scores_that_are_not_finite_are_refused() -> None:
    broken = SCORES.copy()
    broken[0, :2] = np.nan, np.inf
    with pytest.raises(BadModel, match="2 of the file's and 0 of"):
        parity(broken, SCORES, "dynamic", 0.0, INTEGER)
