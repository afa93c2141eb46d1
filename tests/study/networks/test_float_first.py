"""A float network whose answers mean nothing: random weights, no numbers, chance, one answer for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from edgequant.core.arrays import Array
from edgequant.data.dataset import Splits
from edgequant.data.splits import ArraySplit
from edgequant.measure.accuracy import judge
from edgequant.study.answering.against_float import caution, paired
from edgequant.study.networks.float_first import ALPHA, unfit
from pipeline_samples import in_memory, prepared, tiny


def answers(predicted: Array, classes: int) -> Array:
    return np.eye(classes, dtype=np.float32)[predicted]


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 400), st.integers(2, 12), st.floats(0, 1))
def test_chance_is_what_the_binomial_law_says(seed: int, n: int, classes: int, skill: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    predicted = np.where(rng.random(n) < skill, labels, rng.integers(0, classes, n))
    correct, common = int((predicted == labels).sum()), np.bincount(labels).max() / n
    chance = binom.sf(correct - 1, n, max(common, 1 / classes)) > ALPHA
    assert bool(unfit("a file", answers(predicted, classes), labels)) == chance


def test_always_the_commonest_class_is_chance_however_right_it_is() -> None:
    labels = np.array([0] * 95 + [1] * 5)
    said = unfit("a file", answers(np.zeros(100, int), 2), labels)
    assert "95.00% of 100 validation images" in said and "the commonest class every time, 95.00%" in said
    assert not unfit("a file", answers(labels, 2), labels)


def test_guessing_is_named_with_its_level() -> None:
    labels = np.arange(200) % 10
    said = unfit("a file", answers((labels + np.arange(200) // 20) % 10, 10), labels)
    assert "cannot be told from guessing, 10.00%" in said and "input contract" in said


def test_no_numbers_random_weights_and_one_answer_are_told() -> None:
    labels = np.arange(40) % 4
    scores = answers(labels, 4)
    broken = scores.copy()
    broken[3, 1], broken[7, 0] = np.nan, np.inf
    assert "no numbers (NaN or infinite) for 2 of 40" in unfit("a file", broken, labels)
    assert "weights are random" in unfit("random: no accuracy means anything", scores, labels)
    assert unfit("a file", scores, None) == "" == unfit("a file", scores, labels)
    assert "gives all 40 images the same class, 2," in unfit("a file", answers(np.full(40, 2), 4), None)


def test_the_loss_is_paired_on_the_same_images() -> None:
    labels = np.arange(100) % 4
    base, ours = (
        judge({"scores": answers(given, 4)}, labels)
        for given in (labels, np.where(np.arange(100) < 3, 3 - labels, labels))
    )
    found = paired(base, ours)
    assert found is not None and paired(judge(base.outputs, None), ours) is None
    assert (found["n"], found["drop"], found["top1"]) == (100, 3.0, 0.97)
    assert found["drop_ci95"][0] < 3.0 < found["drop_ci95"][1] and found["p_value"] == 0.25


@pytest.mark.parametrize(
    ("provenance", "held_out", "told"),
    [
        ("net.pt (sha256 0)", True, "cut from the training images"),
        ("trained here: 3 epochs", True, ""),
        ("kept by the project (a.safetensors)", True, ""),
        ("net.pt (sha256 0)", False, ""),
    ],
)
def test_validation_images_that_may_have_trained_the_network_are_named(
    tmp_path: Path, provenance: str, held_out: bool, told: str
) -> None:
    import dataclasses

    network = prepared(tmp_path, tiny())
    splits = dataclasses.replace(network.splits, held_out=held_out)
    found = caution(dataclasses.replace(network, provenance=provenance, splits=splits))
    assert told in found and bool(found) == bool(told)


def test_the_same_images_for_calibration_and_validation_are_named(tmp_path: Path) -> None:
    import dataclasses

    network = prepared(tmp_path, tiny(), in_memory(labelled=False))
    assert "same images serve calibration and validation" in caution(network)
    pixels = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4, 1)
    one, other = (ArraySplit(side, None, np.arange(2)) for side in (pixels, pixels + 1))
    apart = Splits((), one, other, None, "")
    assert caution(dataclasses.replace(network, splits=apart)) == "", "numbered alike, and other images"
