"""What a finished file says of photographs, as an app would use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.arrays import Array, only
from ..core.errors import BadData, BadFile
from ..core.pixels import NOTHING, Stated
from ..core.preprocess import normalise
from ..data.decode import check_channels, decode
from ..data.folders.files import find_images
from ..host.guest import guest
from .input import spec_for
from .trial import runnable

TOP = 5


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of one image with their probabilities; or none, and why it could not be read."""

    image: Path
    top: list[tuple[str, float]]
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
    session, ends_in = file.backend.open(path), file.backend.ending(path)
    found = []
    for image in (one for given in images for one in (find_images(given) if given.is_dir() else [given])):
        try:
            if not image.exists():
                raise BadData(f"There is no image {image}. Expected image files, or folders of them.")
            pixels = decode(image, inputs)
        except BadData as error:
            found.append(Prediction(image, [], str(error)))
            continue
        scores = only(session.run(normalise(pixels[None], inputs)))
        if scores.ndim != 2:
            raise BadFile(f"{path} gives {scores.shape[1:]} for an image; class scores were expected.")
        probabilities = scores[0] if ends_in == "softmax" else softmax(scores[0])
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        found.append(Prediction(image, [(file.label(int(i)), float(probabilities[i])) for i in order]))
    return found


def softmax(scores: Array) -> Array:
    """Probabilities along the last axis, float64."""
    powers = np.exp(scores.astype(np.float64) - scores.max(-1, keepdims=True))
    probabilities: Array = powers / powers.sum(-1, keepdims=True)
    return probabilities
