"""One class an image: the largest score."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..core.arrays import Array, Outputs, only
from ..core.errors import BadData, BadFile, BadModel
from .statistics import mcnemar, paired_drop, paired_limits, wilson
from .task import AbstractTask, Drop, Metric, Terms

if TYPE_CHECKING:
    import torch

TOP5_CLASSES = 6  # with five classes or fewer, the top five are all of them


@final
@dataclass(frozen=True)
class Classes:
    """The likeliest class of each image, and the scores that say so."""

    scores: Array  # (N, classes) float32
    top: Array  # (N,) int64; ties go to the first class

    def __len__(self) -> int:
        return len(self.top)


@final
@dataclass(frozen=True)
class Classify(AbstractTask):
    """Terms: `top1` (N,) bool, whether the label's score is the largest; `top5`, among the five largest, where there
    are more classes than that. Annotations are labels, (N,) int64.
    """

    label_smoothing: float = 0.0  # of the loss

    def predict(self, outputs: Outputs) -> Classes:
        scores = only(outputs)
        if scores.ndim != 2:
            raise BadModel(
                f"The file gave scores of shape {scores.shape} for {len(scores)} images. Expected ({len(scores)},"
                " classes). Only classifiers can be evaluated."
            )
        return Classes(scores, scores.argmax(axis=1).astype(np.int64))

    def terms(self, predictions: Classes, annotations: Array) -> Terms:
        scores, labels = predictions.scores, annotations
        classes = scores.shape[1]
        if labels.min() < 0 or labels.max() >= classes:
            raise BadData(
                f"The file has {classes} classes, and the labels run from {labels.min()} to {labels.max()}."
                " Expected the data set that the model was trained for. Check --data."
            )
        hits = {"top1": predictions.top == labels}
        if classes < TOP5_CLASSES:
            return hits
        # How many classes come before the label's; of equal scores, the first class comes first.
        own = np.take_along_axis(scores, labels[:, None], axis=1)
        earlier = np.arange(classes)[None, :] < labels[:, None]
        return hits | {"top5": ((scores > own) | ((scores == own) & earlier)).sum(axis=1) < 5}

    def metric(self, terms: Terms) -> Metric:
        """Top-1 accuracy with Wilson's interval."""
        hits = terms["top1"]
        others = {"top5": float(terms["top5"].mean())} if "top5" in terms else {}
        return Metric("top1", float(hits.mean()), wilson(int(hits.sum()), len(hits)), others)

    def drop(self, base: Terms, terms: Terms, seed: int) -> Drop:
        pair = base["top1"], terms["top1"]
        return Drop(*paired_drop(*pair, seed), paired_limits(*pair), mcnemar(*pair))

    def agreement(self, base: Classes, predictions: Classes) -> dict[str, Any]:
        """The share of images with the same class. Scores that are no numbers agree with none.

        A top-1 accuracy cannot fall by more than the share of answers that changed, whatever the labels are.
        """
        finite = np.isfinite(base.scores).all(axis=1) & np.isfinite(predictions.scores).all(axis=1)
        same, n = int((finite & (base.top == predictions.top)).sum()), len(predictions)
        return {"value": same / n if n else None, "ci95": list(wilson(same, n)), "n": n}

    def loss(self, outputs: Mapping[str, torch.Tensor], annotations: torch.Tensor) -> torch.Tensor:
        """Cross entropy of the logits."""
        import torch.nn.functional as F

        return F.cross_entropy(only(outputs), annotations, label_smoothing=self.label_smoothing)


def pack_hits(hits: Array) -> str:
    """(N,) bool as text, a bit an image: what `unpack_hits` reads. It lets two runs be compared pair by pair."""
    return base64.b64encode(np.packbits(hits.astype(bool)).tobytes()).decode("ascii")


def unpack_hits(text: str | None, n: int) -> Array | None:
    """(n,) bool from `pack_hits`; None for none. Raises BadFile where the text does not hold n answers."""
    if not text:
        return None
    try:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(text, validate=True), np.uint8))
    except ValueError as error:
        raise BadFile(f"The answers in a results.json are not base64: {text[:20]!r}. Run the study again.") from error
    if not n <= len(bits) < n + 8:
        raise BadFile(f"A results.json has answers for about {len(bits)} images and says n = {n}. Run the study again.")
    return bits[:n].astype(bool)
