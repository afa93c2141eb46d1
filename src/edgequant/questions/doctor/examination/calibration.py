"""A calibration set as it was used: a data set, or raw arrays, which need not be the pixels that they should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.arrays import Array
from ....core.errors import BadData
from ....data.calibration.fit import Fit, fit, pixels_as
from ....data.calibration.near_copies import Copies, find_copies
from ....data.calibration.statistics import MOST, some
from ....data.classes.arrays import NAMES, read_npz
from ....data.dataset import AbstractSplit
from ....data.draw import calibration_subset
from ....data.named.named_data import named_dataset
from ..case import Case
from ..evidence import CalibrationFacts
from .float_side import FloatSide


@dataclass(frozen=True)
class Given:
    """`images` are those that are looked at, `n` how many there are; labels of the former, `counted` of all."""

    n: int
    images: Array
    labels: Array | None
    counted: Array | None


def calibration_facts(case: Case, side: FloatSide) -> CalibrationFacts | None:
    """Of the set that the case names, or of the draw that `edgequant quantize --samples --seed` makes; None for
    neither. Raises BadData, UnknownName and BadOption."""
    given = _given(case, side)
    if given is None:
        return None
    found = fit(given.images, given.labels, side.splits.validation, side.inputs)
    counts, told_by = _counts(given, found, side)
    train = side.splits.train.labels
    classes = len(side.splits.classes)
    shares = None if train is None or not classes else np.bincount(train, minlength=classes) / len(train)
    return CalibrationFacts(given.n, found, _copies(given, found, side), counts, shares, side.splits.classes, told_by)


def _given(case: Case, side: FloatSide) -> Given | None:
    path = Path(case.calibration.removeprefix("arrays:"))
    if case.calibration and path.suffix.lower() in (".npz", ".npy"):
        return _arrays(path)
    if case.calibration:
        splits = named_dataset(case.calibration).load(side.inputs)
        parts = [part for part in (splits.train, splits.validation, splits.test) if part is not None]
        return _joined(list({id(part): part for part in parts}.values()))  # one that serves twice, once
    if case.samples:
        return _joined([calibration_subset(side.splits.train, case.samples, case.seed, allow_few=True)])
    return None


def _arrays(path: Path) -> Given:
    """Any type and any layout: what is wrong with them is for the doctor to say. Raises BadData."""
    if not path.is_file():
        raise BadData(f"There is no file {path}. Expected calibration images: --calibration FILE.npz or a data set.")
    content = read_npz(path) if path.suffix.lower() == ".npz" else {"images": _npy(path)}
    names = next((names for names in NAMES if names[0] in content), None)
    if names is None or content[names[0]].ndim not in (3, 4) or not len(content[names[0]]):
        raise BadData(
            f"{path} holds no images. Expected an array 'images' of (N, height, width, channels):"
            " numpy.savez(FILE, images=…, labels=…)."
        )
    images, labels = content[names[0]], content.get(names[1])
    images = images[..., None] if images.ndim == 3 else images
    chosen = np.random.default_rng(0).permutation(len(images))[:MOST]
    counted = None if labels is None or labels.shape != (len(images),) else labels.astype(np.int64)
    return Given(len(images), images[chosen], None if counted is None else counted[chosen], counted)


def _npy(path: Path) -> Array:
    try:
        found: Array = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged or hostile file can raise anything at all
        raise BadData(f"{path} is no array of numbers: {error}. Write it with numpy.save(FILE, images).") from error
    return found


def _joined(parts: list[AbstractSplit]) -> Given:
    """Of each split a share of the images, so that no more are looked at than of one."""
    chosen = [(part, some(part)[:: len(parts)]) for part in parts if len(part)]
    images = np.concatenate([part.take(where) for part, where in chosen])
    known = [part.labels for part, _ in chosen]
    if any(labels is None for labels in known):
        return Given(sum(map(len, parts)), images, None, None)
    seen = np.concatenate([labels[where] for labels, (_, where) in zip(known, chosen) if labels is not None])
    return Given(sum(map(len, parts)), images, seen, np.concatenate([x for x in known if x is not None]))


def _counts(given: Given, found: Fit, side: FloatSide) -> tuple[Array | None, str]:
    """Calibration images by class: by their labels, else by what the float network takes them for."""
    classes = len(side.splits.classes)
    if given.counted is not None and classes and given.counted.max(initial=0) < classes:
        return np.bincount(given.counted, minlength=classes), "its labels"
    pixels = None if found.reading is None else pixels_as(found.reading, given.images, side.inputs)
    if pixels is None or not classes:
        return None, ""
    answers = side.scores(pixels).argmax(1)
    return np.bincount(answers, minlength=classes), "the float network's answers"


def _copies(given: Given, found: Fit, side: FloatSide) -> Copies | None:
    """Only of images that are pixels of the right shape: others are explained already."""
    if found.preprocessing:
        return None
    shape = (side.inputs.height, side.inputs.width, side.inputs.channels)
    pixels = given.images if found.reading is None else pixels_as(found.reading, given.images, side.inputs)
    if pixels is None or pixels.shape[1:] != shape:
        return None
    return find_copies(pixels, side.splits.train, side.splits.validation)
