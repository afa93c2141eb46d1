"""The ways in which pixels reach a file: as stated, and as people mix them up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ....core.arrays import Array, only
from ....core.image import InputSpec
from ....core.pixels import IMAGENET, raw_bytes
from ....core.preprocess import normalise
from ..evidence import Feed
from .file_side import FileSide

Turn = Callable[[Array], Array]


def feeds(side: FileSide, floats: InputSpec, images: Array, answers: Array) -> tuple[Feed, ...]:
    """`images` (M, H, W, C) pixels; `answers` (M,) the float network's classes. The stated way comes first."""
    scales = dict(_scales(side, floats))
    ways: list[tuple[InputSpec, str, str, Turn]]
    ways = [(spec, words, typed, lambda pixels: pixels) for spec, (words, typed) in scales.items()]
    spec, (words, _) = next(iter(scales.items()))
    ways += [(spec, f"{words}, {how}", "", turn) for how, turn in _turns(side.inputs)]
    return tuple(
        Feed(words, only(side.session.run(normalise(turn(images), spec))).argmax(1) == answers, typed)
        for spec, words, typed, turn in ways
    )


def _scales(side: FileSide, floats: InputSpec) -> Iterator[tuple[InputSpec, tuple[str, str]]]:
    """Mean and std, each once; with the options that would feed a file so which does not state its own."""
    stated, file = side.inputs, side.file
    yield stated, ("as stated", "")
    known = [("as the float network is", floats.mean, floats.std)]
    entry = file.backend.entry(file.path)
    known += [("raw bytes", *raw_bytes(entry.scale, entry.zero_point, entry.type))] if entry.scale else []
    known += [
        ("pixels in 0..255", (0.0,), (1 / 255,)),
        ("pixels in 0..1", (0.0,), (1.0,)),
        ("pixels in -1..1", (0.5,), (0.5,)),
    ]
    known += [("with ImageNet's mean and std", *IMAGENET)] if stated.channels == 3 else []
    for words, mean, std in known:
        numbers = (",".join(f"{v:.17g}" for v in values) for values in (mean, std))
        typed = "feed it so: --mean {} --std {}".format(*numbers)
        if words == "raw bytes":
            typed = f"feed {file.path} raw bytes: leave --mean and --std out"
        yield dataclasses.replace(stated, mean=mean, std=std), (words, "" if file.inputs is not None else typed)


def _turns(spec: InputSpec) -> Iterator[tuple[str, Turn]]:
    if spec.channels == 3:
        yield "BGR instead of RGB" if spec.order == "rgb" else "RGB instead of BGR", lambda x: x[..., ::-1]
        yield "channels first, read as channels last", lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape)
    if spec.height == spec.width:
        yield "height and width swapped", lambda x: x.transpose(0, 2, 1, 3)
    yield "inverted", lambda x: 255 - x
