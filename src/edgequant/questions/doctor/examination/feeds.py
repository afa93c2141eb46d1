"""The ways in which pixels reach a file: as stated, and as people mix them up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from ....backends.contract import AbstractSession, Portable
from ....core.arrays import Array, only
from ....core.image import InputSpec
from ....core.pixels import IMAGENET, raw_bytes
from ....core.preprocess import normalise
from ....files.input import OpenFile
from ..evidence import Feed, InputFacts

Turn = Callable[[Array], Array]


def feeds(
    file: OpenFile, session: AbstractSession, stated: InputSpec, floats: InputSpec, images: Array, answers: Array
) -> tuple[Feed, ...]:
    """`images` (M, H, W, C) pixels; `answers` (M,) the float network's classes. The stated way comes first."""
    scales = dict(_scales(file, stated, floats))
    ways: list[tuple[InputSpec, str, str, Turn]]
    ways = [(spec, words, typed, _same) for spec, (words, typed) in scales.items()]
    spec, (words, _) = next(iter(scales.items()))
    ways += [(spec, f"{words}, {how}", "", turn) for how, turn in _turns(stated)]
    return tuple(
        Feed(words, _answers(session, normalise(turn(images), spec)) == answers, typed)
        for spec, words, typed, turn in ways
    )


def _answers(session: AbstractSession, x: Array) -> Array:
    classes: Array = only(session.run(x)).argmax(1)
    return classes


def _same(images: Array) -> Array:
    return images


def _scales(file: OpenFile, stated: InputSpec, floats: InputSpec) -> Iterator[tuple[InputSpec, tuple[str, str]]]:
    """Mean and std, each once; with the options that would feed a file so which does not state its own."""
    yield stated, ("as stated", "")
    known = [("as the float network is", floats.mean, floats.std)]
    kind = file.backend.entry(file.path)
    if kind.scale:
        known.append(("raw bytes", *raw_bytes(kind.scale, kind.zero_point, kind.type)))
    known += [
        ("pixels in 0..255", (0.0,), (1 / 255,)),
        ("pixels in 0..1", (0.0,), (1.0,)),
        ("pixels in -1..1", (0.5,), (0.5,)),
    ]
    known += [("with ImageNet's mean and std", *IMAGENET)] if stated.channels == 3 else []
    for words, mean, std in known:
        typed = "" if file.inputs is not None else _typed(file, words, mean, std)
        yield dataclasses.replace(stated, mean=mean, std=std), (words, typed)


def _typed(file: OpenFile, words: str, mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    if words == "raw bytes":
        return f"feed {file.path} raw bytes: leave --mean and --std out"
    numbers = (",".join(f"{v:.17g}" for v in values) for values in (mean, std))
    return "feed it so: --mean {} --std {}".format(*numbers)


def _turns(spec: InputSpec) -> Iterator[tuple[str, Turn]]:
    if spec.channels == 3:
        yield "BGR instead of RGB" if spec.order == "rgb" else "RGB instead of BGR", lambda x: x[..., ::-1]
        yield "channels first, read as channels last", lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape)
    if spec.height == spec.width:
        yield "height and width swapped", lambda x: x.transpose(0, 2, 1, 3)
    yield "inverted", lambda x: 255 - x


def input_facts(session: AbstractSession, x: Array, images: Array) -> InputFacts | None:
    """What of the pixels' levels is left in an integer input; None for a float one."""
    if not isinstance(session, Portable):
        return None
    fed = session.encode(x)
    if fed.dtype.kind == "f":
        return None
    return InputFacts(fed.dtype.name, len(np.unique(images)), len(np.unique(fed)))
