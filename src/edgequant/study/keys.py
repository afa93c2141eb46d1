"""What decides each step: the one place where the parts of keys are made.

A step is done again unless everything that it reads is as it was. Each declares what that is, in parts made here:

    train                    the network before it (weights, options, code), the training, images, code, surroundings
    features, head           the pretrained program, images, code, surroundings; the settings of the head
    calibrate, variant …     the captured program with every constant, images, options, components with the code of
                             the user's own, code, surroundings
    evaluate, memory         the file, the target, images, code, surroundings of a measurement
    latency, device          the same of all files that are timed in turns; the eager network

*Code* is edgequant's own; *surroundings* are versions, processor, threads and switches (`core.surroundings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core.image import InputSpec
from ..data.dataset import AbstractDataset, Splits
from ..graph.program import Captured
from ..store import surroundings
from ..store.code import source_hash, training_code
from ..store.content import OURS, content
from ..store.folder import step_key

Parts = dict[str, Any]


def program(captured: Captured) -> str:
    """A captured network as it meets its app: steps, attributes, weights, options, input, deployment, classes."""
    return content(captured)


def network(captured: Captured, splits: Splits) -> str:
    """A network and its images: `Prepared.key`. Its name, and where its weights came from, change no figure."""
    return step_key("network", {"program": program(captured), "data": splits.fingerprint})


def eager(module: nn.Module, inputs: InputSpec) -> str:
    """A network as its framework runs and trains it: its tensors and attributes, and its own code."""
    return content(module, inputs)


def images(dataset: AbstractDataset, splits: Splits) -> str:
    """The splits by their fingerprint; of a data set of the user's own, its code, options and annotations too."""
    if own(dataset):
        parts = [splits.train, splits.validation, splits.test]
        known = [None if s is None else (s.indices, s.annotations(np.arange(len(s)))) for s in parts]
        return content(dataset, splits.fingerprint, known)
    return splits.fingerprint


def component(made: Any) -> str:
    """A calibrator, refiner or target: its options, and the code where it is the user's own."""
    return content(made)


def components(made: Iterable[Any]) -> list[str]:
    return [component(one) for one in made]


def own(made: Any) -> bool:
    """Whether something is the user's own, or of somebody else's package."""
    return type(made).__module__.partition(".")[0] != OURS


def computed() -> Parts:
    """For a step that computes."""
    return {"code": source_hash(), "surroundings": surroundings.computing()}


def trained() -> Parts:
    """For a step that trains: of the code only the part that decides what a training ends with."""
    return {"code": training_code(), "surroundings": surroundings.computing()}


def measured() -> Parts:
    """For a step that runs a file."""
    return {"code": source_hash(), "surroundings": surroundings.measuring()}


@contextmanager
def share_of_threads(workers: int) -> Iterator[None]:
    """Make a variant with the threads that each of several workers has, whoever makes it: they decide bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)
