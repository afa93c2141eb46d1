"""Evaluation with a real, if tiny, runtime: a linear classifier in numpy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pytest

from edgequant.backends.contract import AbstractSession, OutputInfo
from edgequant.core.arrays import Array, Outputs
from edgequant.core.errors import BadData, BadModel
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.data.splits import ArraySplit
from edgequant.graph.program import SCORES
from edgequant.measure.accuracy import evaluate, judge, summary

INPUTS = InputSpec(3, 4, 4)
RNG = np.random.default_rng(0)
WEIGHT = RNG.standard_normal((48, 7)).astype(np.float32)
IMAGES = RNG.integers(0, 256, (300, 4, 4, 3), np.uint8)
LABELS = RNG.integers(0, 7, 300)


@final
@dataclass(frozen=True)
class Linear(AbstractSession):
    """Refuses to be used from two threads at once, as an interpreter would."""

    weight: Array
    busy: threading.Lock

    @property
    def outputs(self) -> tuple[OutputInfo, ...]:
        return (OutputInfo(SCORES, self.weight.shape[1:], "float32"),)

    def run(self, inputs: Array) -> Outputs:
        assert self.busy.acquire(blocking=False)
        try:
            # One image at a time: a matrix product's rounding may depend on how many rows it has.
            return {SCORES: np.stack([image.reshape(-1) @ self.weight for image in inputs])}
        finally:
            self.busy.release()

    def run_quantized(self, inputs: Array) -> Outputs:
        return self.run(inputs)

    def prepare(self, inputs: Array) -> None:
        pass

    def invoke(self) -> None:
        pass

    def kernels(self) -> dict[str, Any]:
        return {"delegated": 0, "total": 1, "by": {}}


def opener(weight: Array = WEIGHT) -> Callable[[], AbstractSession]:
    return lambda: Linear(weight, threading.Lock())


def split(n: int = 300, labels: Array | None = LABELS) -> ArraySplit:
    return ArraySplit(IMAGES, labels, np.arange(n))


def test_answers_are_those_of_one_pass_whatever_the_workers() -> None:
    direct = normalise(IMAGES, INPUTS).reshape(300, -1) @ WEIGHT
    for workers in (1, 3, None):
        answers = evaluate(opener(), split(), INPUTS, workers=workers)
        assert answers.n == 300 and answers.outputs[SCORES].dtype == np.float32 and answers.terms is not None
        np.testing.assert_allclose(answers.outputs[SCORES], direct, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(answers.predictions.top, direct.argmax(1))
        np.testing.assert_array_equal(answers.terms["top1"], direct.argmax(1) == LABELS)


def test_each_worker_has_a_session_of_its_own() -> None:
    opened: list[AbstractSession] = []

    def open_session() -> AbstractSession:
        opened.append(Linear(WEIGHT, threading.Lock()))
        return opened[-1]

    evaluate(open_session, split(), INPUTS, workers=3)
    assert len(opened) == 3
    opened.clear()
    evaluate(open_session, split(65), INPUTS, workers=8)
    assert len(opened) == 2  # 65 images are two chunks: a third session would have nothing to do


def test_progress_ends_at_the_number_of_images() -> None:
    seen: list[tuple[int, int]] = []
    evaluate(opener(), split(130), INPUTS, workers=2, tick=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (130, 130)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) == 3


def test_an_unlabelled_split_has_answers_and_no_terms() -> None:
    answers = evaluate(opener(), split(labels=None), INPUTS, workers=1)
    assert answers.terms is None
    figures = summary(answers, answers, seed=0)
    assert figures.pop("n") == 300
    assert set(figures.values()) == {None}


def test_summary_has_the_keys_of_results_json() -> None:
    base = evaluate(opener(), split(), INPUTS, workers=1)
    worse = judge({SCORES: base.outputs[SCORES][:, ::-1]}, LABELS)
    figures = summary(worse, base, seed=0)
    assert list(figures) == ["n", "top1", "top5", "top1_ci95", "hits", "drop", "drop_ci95", "p_value"]
    assert base.terms is not None and worse.terms is not None
    assert figures["top1"] == worse.terms["top1"].mean() and figures["top5"] == worse.terms["top5"].mean()
    assert figures["drop"] == pytest.approx(100 * (base.terms["top1"].mean() - worse.terms["top1"].mean()))
    assert figures["drop_ci95"][0] <= figures["drop"] <= figures["drop_ci95"][1]
    assert figures["top1_ci95"][0] < figures["top1"] < figures["top1_ci95"][1]
    assert 0 < figures["p_value"] <= 1


def test_summary_without_baseline_or_with_few_classes_has_nulls() -> None:
    figures = summary(judge({SCORES: np.eye(5, dtype=np.float32)}, np.arange(5)), None, seed=0)
    assert figures["top1"] == 1.0
    assert figures["top5"] is None and figures["drop"] is None and figures["p_value"] is None


def test_a_baseline_on_other_images_is_refused() -> None:
    few, all_seven = (judge({SCORES: np.eye(7, dtype=np.float32)[:n]}, np.arange(n)) for n in (3, 7))
    with pytest.raises(BadData, match="same images"):
        summary(all_seven, few, seed=0)


def test_nan_scores_are_refused_with_their_number() -> None:
    broken = WEIGHT.copy()
    broken[0, 3] = np.nan
    with pytest.raises(BadModel, match="NaN for 70 of 70 images"):
        evaluate(opener(broken), split(70), INPUTS, workers=2)


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(BadData, match="no images"):
        evaluate(opener(), split(0), INPUTS)


def test_scores_that_are_not_one_row_an_image_are_refused() -> None:
    with pytest.raises(BadModel, match=r"Expected \(10, classes\)"):
        evaluate(opener(WEIGHT[:, 0]), split(10), INPUTS)

    @final
    @dataclass(frozen=True)
    class Flat(Linear):  # type: ignore[misc]
        def run(self, inputs: Array) -> Outputs:
            return {SCORES: super().run(inputs)[SCORES][:1]}

    with pytest.raises(BadModel, match=r"of shape \(1, 7\) for 10 images. Expected one row an image, \(10, …\)"):
        evaluate(lambda: Flat(WEIGHT, threading.Lock()), split(10), INPUTS)


def test_an_error_in_a_worker_stops_the_rest() -> None:
    calls: list[int] = []

    @final
    @dataclass(frozen=True)
    class Broken(ArraySplit):  # type: ignore[misc]
        def take(self, positions: Array) -> Array:
            calls.append(len(positions))
            raise BadData("image 0 is truncated")

    with pytest.raises(BadData, match="truncated"):
        evaluate(opener(), Broken(IMAGES, LABELS, np.arange(300).repeat(20)), INPUTS, workers=1)
    assert len(calls) < 94  # of 94 chunks
