"""What a finished file says of photographs, as an app would use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..backends.contract import AbstractSession
from ..core.arrays import Array, only
from ..core.errors import BadData, BadFile
from ..core.image import InputSpec
from ..core.pixels import NOTHING, Stated
from ..core.preprocess import normalise
from ..data.decode import check_channels, decode
from ..data.folders.files import find_images
from ..host.guest import guest
from .input import OpenFile, spec_for
from .trial import runnable

TOP = 5
Top = list[tuple[str, float]]


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of one image with their probabilities; or none, and why it could not be read."""

    image: Path
    top: Top
    fault: str = ""


@guest
def predict_files(path: Path, images: Sequence[Path], stated: Stated = NOTHING) -> list[Prediction]:
    """The five likeliest classes of each image; a folder stands for all images in it and below, by name.

    An image that cannot be read has its reason in its place, and the others go on. Scores go through a softmax,
    unless the file ends in one. Ties go to the first class. Raises BadFile, BadOption, and BadData for a folder
    without an image.
    """
    file = runnable(path)
    inputs = spec_for(file, stated)
    check_channels(inputs)
    session, probabilities = file.backend.open(path), file.backend.ending(path) == "softmax"
    return [_predict(file, session, inputs, probabilities, image) for image in _all(images)]


def softmax(scores: Array) -> Array:
    """(classes,) float64."""
    powers = np.exp(scores.astype(np.float64) - scores.max())
    probabilities: Array = powers / powers.sum()
    return probabilities


def _all(images: Sequence[Path]) -> list[Path]:
    return [one for path in images for one in (find_images(path) if path.is_dir() else [path])]


def _predict(
    file: OpenFile, session: AbstractSession, inputs: InputSpec, probabilities: bool, image: Path
) -> Prediction:
    if not image.exists():
        return Prediction(image, [], f"There is no image {image}. Expected image files, or folders of them.")
    try:
        pixels = decode(image, inputs)
    except BadData as error:
        return Prediction(image, [], str(error))
    scores = only(session.run(normalise(pixels[None], inputs)))
    if scores.ndim != 2:
        raise BadFile(f"{file.path} gives {scores.shape[1:]} for an image; class scores were expected.")
    return Prediction(image, _top(file, scores[0] if probabilities else softmax(scores[0])))


def _top(file: OpenFile, probabilities: Array) -> Top:
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    return [(file.label(int(i)), float(probabilities[i])) for i in order]
