"""What classification makes of scores, against numpy's own arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.catalog import TASKS
from edgequant.core.errors import BadData, BadFile, BadModel
from edgequant.tasks.classify import Classes, Classify, pack_hits, unpack_hits
from edgequant.tasks.statistics import mcnemar, paired_drop, paired_limits, wilson

TASK = Classify()
SEEDS = st.integers(0, 10_000)


def predicted(scores: Any) -> Classes:
    return TASK.predict({"any name": np.asarray(scores, np.float32)})


def test_ties_go_to_the_first_class_in_top1_and_in_top5() -> None:
    found = predicted(np.zeros((7, 7)))
    terms = TASK.terms(found, np.arange(7))
    assert found.top.tolist() == [0] * 7
    assert terms["top1"].tolist() == [True] + [False] * 6 and terms["top5"].tolist() == [True] * 5 + [False] * 2


@settings(deadline=None)
@given(SEEDS, st.integers(2, 12))
def test_terms_are_the_places_of_the_labels_and_the_metric_is_their_mean(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 4, (20, classes)), rng.integers(0, classes, 20)
    terms = TASK.terms(predicted(scores), labels)
    places = [int(np.flatnonzero(np.argsort(-row, kind="stable") == label)[0]) for row, label in zip(scores, labels)]
    assert terms["top1"].tolist() == [place < 1 for place in places]
    assert ("top5" in terms) == (classes >= 6)
    found = TASK.metric(terms)
    assert found.name == "top1" and found.value == terms["top1"].mean()
    assert found.ci95 == wilson(int(terms["top1"].sum()), 20)
    assert found.others.get("top5", 0) == (np.mean([place < 5 for place in places]) if classes >= 6 else 0)


def test_a_drop_is_paired_and_has_an_interval_a_limit_and_a_probability() -> None:
    rng = np.random.default_rng(1)
    base, now = ({"top1": rng.random(200) < share} for share in (0.9, 0.8))
    found = TASK.drop(base, now, seed=3)
    assert (found.value, found.ci95) == paired_drop(base["top1"], now["top1"], 3)
    assert found.limits == paired_limits(base["top1"], now["top1"])
    assert found.p_value == mcnemar(base["top1"], now["top1"])
    with pytest.raises(BadData, match="same images"):
        TASK.drop(base, {"top1": now["top1"][:9]}, seed=3)


@settings(deadline=None)
@given(SEEDS, st.floats(0, 2))
def test_accuracy_cannot_fall_by_more_than_the_answers_that_changed(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(int(rng.integers(1, 40)), int(rng.integers(1, 6))))
    other = base + noise * rng.normal(size=base.shape)
    labels = rng.integers(0, base.shape[1], len(base))
    found = TASK.agreement(predicted(base), predicted(other))
    lost = (base.argmax(1) == labels).mean() - (other.argmax(1) == labels).mean()
    assert abs(lost) <= 1 - found["value"] + 1e-9
    assert found["ci95"][0] <= found["value"] <= found["ci95"][1] and found["n"] == len(base)


def test_what_is_no_number_agrees_with_nothing() -> None:
    base = np.array([[1.0, 2.0], [3.0, 0.0]])
    broken = np.array([[np.nan, 2.0], [3.0, 0.0]])
    assert TASK.agreement(predicted(base), predicted(broken))["value"] == 0.5
    none = predicted(base[:0])
    assert TASK.agreement(none, none) == {"value": None, "ci95": [0.0, 1.0], "n": 0}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_cross_entropy(smoothing: float) -> None:
    logits, labels = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 4
    wanted = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    assert torch.equal(Classify(smoothing).loss({"scores": logits}, labels), wanted)


@pytest.mark.parametrize("label", [-1, 7])
def test_labels_that_there_is_no_class_for_are_refused(label: int) -> None:
    with pytest.raises(BadData, match="7 classes"):
        TASK.terms(predicted(np.eye(7)), np.array([0, 1, 2, 3, 4, 5, label]))


def test_outputs_of_another_task_are_refused() -> None:
    with pytest.raises(BadModel, match=r"shape \(10,\) for 10 images. Expected \(10, classes\). Only classifiers"):
        predicted(np.zeros(10))
    with pytest.raises(BadModel, match="returns 2 outputs"):
        TASK.predict({"boxes": np.zeros((2, 4)), "scores": np.zeros((2, 3))})


def test_hits_are_kept_as_text() -> None:
    hits = np.random.default_rng(0).random(13) < 0.5
    read = unpack_hits(pack_hits(hits), 13)
    assert read is not None and read.tolist() == hits.tolist() and unpack_hits(None, 13) is None
    with pytest.raises(BadFile, match="n = 40"):
        unpack_hits(pack_hits(hits), 40)


def test_it_is_known_by_name() -> None:
    assert TASKS.build("classify:label_smoothing=0.1") == Classify(0.1)
