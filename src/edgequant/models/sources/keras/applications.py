"""keras.applications: an architecture by name, and what its family does to pixels, asked of Keras itself."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import torch
from torch import nn

from ....core.errors import BadModel, BadOption, UnknownName
from ....core.registry import unknown
from .judge import Pixels
from .network import KerasNetwork
from .package import import_keras


def make(name: str, options: dict[str, Any]) -> Any:
    """`keras.applications.<name>`, with those of `options` that are not None.

    Raises UnknownName, BadOption (an option it does not take), and BadModel where Keras refuses or cannot download.
    """
    factory = _factory(name)
    given = {k: v for k, v in options.items() if v is not None or k in ("weights", "classifier_activation")}
    extra = sorted(set(given) - set(inspect.signature(factory).parameters))
    if extra:
        raise BadOption(f"keras.applications.{name} takes no {', '.join(extra)}. Leave it out.")
    try:
        return factory(**given)
    except Exception as error:  # Keras raises ValueError for options, Exception for a download
        said = " ".join(str(error).split())[:200].rstrip(".")
        if "URL" in said or "fetch" in said:
            raise BadModel(
                f"Keras could not download the ImageNet weights of {name}: {said}. Give --weights FILE.h5, or say"
                " --weights random."
            ) from error
        raise BadModel(
            f"keras.applications.{name} refuses: {said}. Give other options (size, classes, alpha), or another name."
        ) from error


def _factory(name: str) -> Any:
    applications = import_keras().applications
    known = [n for n, v in vars(applications).items() if n[:1].isupper() and callable(v)]
    if name not in known:
        raise UnknownName(unknown("model of keras.applications", name, known))
    return getattr(applications, name)


def _preprocessing(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What the family's `preprocess_input` does: (matrix, shift) with `matrix @ rgb + shift`, found by asking it."""
    preprocess = sys.modules[_factory(name).__module__].preprocess_input
    colours = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float32).reshape(4, 1, 1, 3)
    seen = torch.from_numpy(np.asarray(preprocess(colours.copy()), np.float64).reshape(4, 3))
    return (seen[1:] - seen[0]).T / 255, seen[0]


def swaps_colours(name: str) -> bool:
    """Whether the family was trained on blue, green, red."""
    matrix, _ = _preprocessing(name)
    return bool(matrix[0, 2] != 0)


def pixels(name: str, channels: int) -> Pixels:
    """(mean, std) of pixels / 255, red first. Raises BadModel where they are for three channels only."""
    matrix, shift = _preprocessing(name)
    if swaps_colours(name):
        matrix, shift = matrix.flip(0), shift.flip(0)
    gain = torch.diagonal(matrix)
    if len({*gain.tolist()}) == 1 and len({*shift.tolist()}) == 1:
        gain, shift = gain[:1], shift[:1]
    elif channels != 3:
        raise BadModel(
            f"The preprocessing of keras.applications.{name} is for 3 channels, and the model takes {channels}."
            " Give mean= and std= of pixels / 255."
        )
    std = 1 / (255 * gain)
    return tuple((-shift * std).tolist()), tuple(std.tolist())


def swap_colours(network: KerasNetwork) -> None:
    """Let a network made for blue, green, red take red, green, blue: its first kernels read them the other way round.

    Raises BadModel where the image reaches anything but a plain convolution, behind padding or not.
    """
    images, found = {0}, False
    for call in network.calls:
        if not images & set(call.inputs):
            continue
        module = network.get_submodule(call.module)
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            module.weight.data = module.weight.data.flip(1)
            found = True
        elif isinstance(module, nn.ZeroPad2d | nn.Identity):
            images.add(call.output)
        else:
            raise BadModel(f"The image goes to {call.module!r}; a plain convolution was expected, to swap its colours.")
    assert found


def default_size(name: str) -> int:
    """Pixels on each side that the architecture was made for."""
    return SIZES.get(name, 224)


SIZES = {
    "EfficientNetB1": 240, "EfficientNetB2": 260, "EfficientNetB3": 300, "EfficientNetB4": 380, "EfficientNetB5": 456,
    "EfficientNetB6": 528, "EfficientNetB7": 600, "EfficientNetV2B1": 240, "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300, "EfficientNetV2L": 480, "EfficientNetV2M": 480, "EfficientNetV2S": 384,
    "InceptionResNetV2": 299, "InceptionV3": 299, "NASNetLarge": 331, "Xception": 299,
}  # fmt: skip
