"""What a file answers on a whole split, in its runtime, on every core."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, final

import numpy as np

from ..backends.contract import AbstractSession
from ..core.arrays import Array
from ..core.errors import BadData, BadFile, BadModel
from ..core.image import InputSpec
from ..core.preprocess import normalise
from ..data.dataset import AbstractSplit
from ..host.machine import cores
from .statistics import mcnemar, paired_drop, wilson

CHUNK = 64  # images a worker holds at a time
TOP5_CLASSES = 6  # with five classes or fewer, the top five are all of them


@final
@dataclass(frozen=True)
class Answers:
    """One file's answers on one split, in the split's order."""

    predictions: Array  # (N,) int64; ties go to the first class
    outputs: Array  # (N, classes) float32 scores, as an app would get them: parity needs no second pass
    hits: Array | None = None  # (N,) bool; None: the split is unlabelled
    top5_hits: Array | None = None  # (N,) bool; None also where there are five classes or fewer


def evaluate(
    open_session: Callable[[], AbstractSession],
    split: AbstractSplit,
    inputs: InputSpec,
    *,
    workers: int | None = None,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> Answers:
    """Run every image of `split` through the file; the answers do not depend on `workers`.

    Each worker is a thread with a session of its own (open them with one thread each) and a chunk of images
    at a time, so `split.take` is called from several threads and memory stays bounded but for the scores.
    `workers` is the number of cores this process may use, unless given. `tick` gets (images done, images).
    Raises BadData (no images, labels the file has no class for) and BadModel (scores that are NaN or misshapen).
    """
    if not len(split):
        raise BadData("The split has no images to evaluate on. Expected at least one. Check --data.")
    outputs = _run(open_session, split, inputs, workers or cores(), tick)
    bad = int(np.isnan(outputs).any(axis=1).sum())
    if bad:
        raise BadModel(
            f"The file gave NaN for {bad} of {len(outputs)} images. Expected numbers."
            " Check the float model's own outputs and the calibration ranges."
        )
    return judge(outputs, split.labels)


def judge(outputs: Array, labels: Array | None) -> Answers:
    """Answers from scores (N, classes) and labels (N,), or None for no labels. Raises BadData."""
    predictions = outputs.argmax(axis=1).astype(np.int64)
    if labels is None:
        return Answers(predictions, outputs)
    classes = outputs.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise BadData(
            f"The file has {classes} classes, and the labels run from {labels.min()} to {labels.max()}."
            " Expected the data set that the model was trained for. Check --data."
        )
    top5 = _rank(outputs, labels) < 5 if classes >= TOP5_CLASSES else None
    return Answers(predictions, outputs, predictions == labels, top5)


def summary(answers: Answers, baseline: Answers | None, seed: int) -> dict[str, Any]:
    """The accuracy keys of a variant in results.json: fractions, and the drop in percentage points.

    All but `n` are None without labels; `drop`, `drop_ci95` and `p_value` also without a baseline.
    """
    result: dict[str, Any] = {"n": len(answers.predictions), "top1": None, "top5": None, "top1_ci95": None}
    result |= {"hits": None, "drop": None, "drop_ci95": None, "p_value": None}
    if answers.hits is None:
        return result
    result["top1"] = float(answers.hits.mean())
    result["hits"] = pack_hits(answers.hits)
    result["top1_ci95"] = list(wilson(int(answers.hits.sum()), len(answers.hits)))
    if answers.top5_hits is not None:
        result["top5"] = float(answers.top5_hits.mean())
    if baseline is not None and baseline.hits is not None:
        drop, interval = paired_drop(baseline.hits, answers.hits, seed)
        result |= {"drop": drop, "drop_ci95": list(interval), "p_value": mcnemar(baseline.hits, answers.hits)}
    return result


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


def _run(
    open_session: Callable[[], AbstractSession],
    split: AbstractSplit,
    inputs: InputSpec,
    workers: int,
    tick: Callable[[int, int], None],
) -> Array:
    """(N, classes) float32 scores, in order."""
    chunks = [np.arange(at, min(at + CHUNK, len(split))) for at in range(0, len(split), CHUNK)]
    idle: SimpleQueue[AbstractSession] = SimpleQueue()
    for _ in range(min(workers, len(chunks))):
        idle.put(open_session())

    def work(where: Array) -> Array:
        session = idle.get()
        try:
            return _scores(session, normalise(split.take(where), inputs))
        finally:
            idle.put(session)

    pool = ThreadPoolExecutor(idle.qsize())
    try:
        futures = [pool.submit(work, where) for where in chunks]
        for done in _progress(futures):
            tick(done, len(split))
        return np.concatenate([future.result() for future in futures])
    finally:  # after an error or Ctrl-C, what has not begun never does
        pool.shutdown(cancel_futures=True)


def _progress(futures: list[Future[Array]]) -> Iterator[int]:
    """How many images are done, each time that a chunk is; raises what the chunk raised."""
    done = 0
    for future in as_completed(futures):
        done += len(future.result())
        yield done


def _scores(session: AbstractSession, images: Array) -> Array:
    scores = np.asarray(session.run(images), np.float32)
    if scores.ndim != 2 or len(scores) != len(images):
        raise BadModel(
            f"The file gave scores of shape {scores.shape} for {len(images)} images. Expected ({len(images)}, classes)."
            " Only classifiers can be evaluated."
        )
    return scores


def _rank(outputs: Array, labels: Array) -> Array:
    """(N,) how many classes come before the label's; of equal scores, the first class comes first."""
    own = np.take_along_axis(outputs, labels[:, None], axis=1)
    earlier = np.arange(outputs.shape[1])[None, :] < labels[:, None]
    return np.asarray(((outputs > own) | ((outputs == own) & earlier)).sum(axis=1))
