"""A Keras 3 model: one of keras.applications by name, the user's own .keras or .h5 file, or one in memory.

It is loaded on Keras' torch backend (no TensorFlow), in safe mode, and translated to a PyTorch network of the same
layers under the same names (network.py). Its preprocessing goes to the model's record, once: layers at its head that
scale the image (Rescaling, Normalization), or what `preprocess_input` of its family does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from ....core.errors import BadModel
from ....core.image import InputSpec
from ....core.pixels import Stated, merged
from ...model import AbstractModel
from . import applications
from .files import FILES, load_into, load_model
from .network import KerasNetwork, input_shape, judge_of, preprocessing, translate, without_softmax
from .package import import_keras

CROP = 0.875  # of the shorter side that ImageNet models are shown: 224 of 256


@final
@dataclass(frozen=True)
class Keras(AbstractModel):
    """`path` is a name in keras.applications (`MobileNetV2`) or a file. `weights`: `imagenet` (the default for a name;
    Keras downloads them), `random`, or a `.h5`. `classes` is how many such a file scores. `size`, `channels` and
    `alpha` (MobileNets' width) go to the application. `softmax=false` drops a file's softmax at the end; an
    application has none unless `softmax=true`: scores quantize better. `mean` and `std` are as in `file`.
    """

    path: str = ""
    weights: str = ""
    size: int | None = None
    channels: int | None = None
    classes: int | None = None
    alpha: float | None = None
    softmax: bool | None = None
    mean: str = ""
    std: str = ""

    @property
    def has_weights(self) -> bool:
        return self.weights != "random"

    @property
    def _is_file(self) -> bool:
        return self.path.endswith(FILES)

    def with_weights(self, weights: str) -> Keras:
        """With weights that Keras must read; others are loaded into what `build` gives, and none are fetched."""
        return replace(self, weights=weights if weights.endswith(FILES) else "random")

    def loads(self, weights: str) -> bool:
        return self.weights == weights

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        model = self._model(self.classes or 1000)
        channels, height, width = input_shape(model)
        crop = image_shape is None and not self._is_file and height >= 160  # a folder's photographs
        resize = round(min(height, width) / CROP) if crop else None
        mean, std = self._pixels(model, channels)
        spec = InputSpec(channels, height, width, mean=mean, std=std, resize=resize)
        return merged(spec, Stated(mean=self.mean, std=self.std), self.path)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        model = self._model(self.classes or (1000 if self.has_weights else classes))
        network, _ = translate(model)
        network.judge = judge_of(model)
        if not self._is_file and applications.swaps_colours(self.path):
            applications.swap_colours(network)
            network.judge = replace(network.judge, swapped=True)
        return without_softmax(network) if self._is_file and self.softmax is False else network

    def _pixels(self, model: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) of pixels / 255, of the model's own layers or its family's preprocessing; empty if not known."""
        own = preprocessing(model)
        if own is not None:
            return own
        return ((), ()) if self._is_file else applications.pixels(self.path, channels)

    def _model(self, classes: int) -> Any:
        """The Keras model; one with weights of its own is loaded once."""
        if not self.path:
            raise BadModel("keras needs a model. Write keras:MobileNetV2, or keras:path/to/model.keras.")
        if self.has_weights:
            return _loaded(self, classes, _stamp(self.path), _stamp(self.weights))
        import_keras().utils.set_random_seed(torch.initial_seed() % 2**32)  # Keras draws from its own generator
        return _make(self, classes)


def _make(source: Keras, classes: int) -> Any:
    """Raises BadModel, BadOption, UnknownName and MissingExtra."""
    model = load_model(Path(source.path).expanduser()) if source._is_file else _application(source, classes)
    if source.weights.endswith(FILES):
        load_into(model, Path(source.weights).expanduser())
    return model


def _application(source: Keras, classes: int) -> Any:
    if source.weights not in ("", "imagenet", "random") and not source.weights.endswith(FILES):
        raise BadModel(f"keras takes weights=imagenet, random or a file ({', '.join(FILES)}). Got {source.weights!r}.")
    size = source.size or applications.default_size(source.path)
    options = {
        "weights": "imagenet" if source.weights in ("", "imagenet") else None,
        "input_shape": (size, size, source.channels or 3),
        "classes": classes,
        "alpha": source.alpha,
        "classifier_activation": "softmax" if source.softmax else None,
    }
    return applications.make(source.path, options)


@lru_cache(maxsize=2)
def _loaded(source: Keras, classes: int, *_: int) -> Any:
    return _make(source, classes)


def _stamp(path: str) -> int:
    """When the file was last written, so that a changed one is read again; 0 for no file."""
    file = Path(path).expanduser()
    return file.stat().st_mtime_ns if path.endswith(FILES) and file.is_file() else 0


def from_keras(model: Any, skip: bool = True) -> KerasNetwork:
    """The network of a model in memory, with its `input_spec`, and with its judge, the model itself.

    With `skip`, layers at its head that scale the image become the record's mean and std; without, they stay in the
    network. A model without such layers does not say what it sees: mean and std are empty. Raises BadModel.
    """
    network, pixels = translate(model, skip)
    mean, std = pixels or ((), ())
    network.input_spec = InputSpec(*input_shape(model), mean=mean, std=std)
    network.judge = judge_of(model, skip)
    return network
