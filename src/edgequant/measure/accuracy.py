"""What a file answers on a whole split, in its runtime, on every core."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, final

import numpy as np

from ..backends.contract import AbstractSession
from ..core.arrays import Array, Outputs, joined
from ..core.errors import BadData, BadModel
from ..core.image import InputSpec
from ..core.preprocess import normalise
from ..data.dataset import AbstractSplit
from ..host.machine import cores
from ..tasks.classify import Classify, pack_hits
from ..tasks.task import AbstractTask, Terms

CHUNK = 64  # images a worker holds at a time
CLASSIFY = Classify()


@final
@dataclass(frozen=True)
class Answers:
    """One file's answers on one split, in the split's order."""

    outputs: Outputs  # name -> (N, ...) float32, as an app would get them: parity needs no second pass
    predictions: Any  # the task's
    terms: Terms | None = None  # what each image adds to the task's metric; None: the split is unlabelled

    @property
    def n(self) -> int:
        return len(next(iter(self.outputs.values())))


def evaluate(
    open_session: Callable[[], AbstractSession],
    split: AbstractSplit,
    inputs: InputSpec,
    *,
    task: AbstractTask = CLASSIFY,
    workers: int | None = None,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> Answers:
    """Run every image of `split` through the file; the answers do not depend on `workers`.

    Each worker is a thread with a session of its own (open them with one thread each) and a chunk of images
    at a time, so `split.take` is called from several threads and memory stays bounded but for the outputs.
    `workers` is the number of cores this process may use, unless given. `tick` gets (images done, images).
    Raises BadData (no images, labels the file has no class for) and BadModel (outputs that are NaN or misshapen).
    """
    if not len(split):
        raise BadData("The split has no images to evaluate on. Expected at least one. Check --data.")
    chunks = [np.arange(at, min(at + CHUNK, len(split))) for at in range(0, len(split), CHUNK)]
    idle: SimpleQueue[AbstractSession] = SimpleQueue()
    for _ in range(min(workers or cores(), len(chunks))):
        idle.put(open_session())

    def work(where: Array) -> Outputs:
        session = idle.get()
        try:
            outputs = session.run(normalise(split.take(where), inputs))
        finally:
            idle.put(session)
        for name, values in outputs.items():
            if values.shape[:1] != where.shape:
                raise BadModel(
                    f"The file gave {name!r} of shape {values.shape} for {len(where)} images. Expected one row an"
                    f" image, ({len(where)}, …): a network that takes any number of images, or one."
                )
        if where[0] == 0:
            task.predict(outputs)  # a file of another task is refused at its first images
        return outputs

    pool, done = ThreadPoolExecutor(idle.qsize()), 0
    try:
        futures = {pool.submit(work, where): len(where) for where in chunks}
        for future in as_completed(futures):
            future.result()  # raises what the chunk raised
            tick(done := done + futures[future], len(split))
        outputs = joined([future.result() for future in futures])
    finally:  # after an error or Ctrl-C, what has not begun never does
        pool.shutdown(cancel_futures=True)
    broken = [np.isnan(values).reshape(len(split), -1).any(axis=1) for values in outputs.values()]
    bad = int(np.any(broken, axis=0).sum())
    if bad:
        raise BadModel(
            f"The file gave NaN for {bad} of {len(split)} images. Expected numbers."
            " Check the float model's own outputs and the calibration ranges."
        )
    return judge(outputs, split.annotations(np.arange(len(split))), task)


def judge(outputs: Outputs, annotations: Any, task: AbstractTask = CLASSIFY) -> Answers:
    """Answers from the outputs for images and what is true of these, None for nothing known. Raises BadData."""
    predictions = task.predict(outputs)
    return Answers(outputs, predictions, None if annotations is None else task.terms(predictions, annotations))


def summary(answers: Answers, baseline: Answers | None, seed: int, task: AbstractTask = CLASSIFY) -> dict[str, Any]:
    """The accuracy keys of a variant in results.json: fractions, and the drop in percentage points.

    All but `n` are None without labels; `drop`, `drop_ci95` and `p_value` also without a baseline.
    """
    unknown = ("top1", "top5", "top1_ci95", "hits", "drop", "drop_ci95", "p_value")
    result: dict[str, Any] = {"n": answers.n, **dict.fromkeys(unknown)}
    if answers.terms is None:
        return result
    found = task.metric(answers.terms)
    result |= {"top1": found.value, "top5": found.others.get("top5"), "top1_ci95": list(found.ci95)}
    result["hits"] = pack_hits(answers.terms["top1"])
    if baseline is not None and baseline.terms is not None:
        drop = task.drop(baseline.terms, answers.terms, seed)
        result |= {"drop": drop.value, "drop_ci95": list(drop.ci95), "p_value": drop.p_value}
    return result
