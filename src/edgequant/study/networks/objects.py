"""A network and images that a caller of the Python API has in memory, as a model and a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData
from ...core.pixels import NOTHING, UNKNOWN, Stated, filled, merged
from ...data.dataset import AbstractDataset
from ...data.named.named_data import named_dataset
from ...models.model import AbstractModel
from .sources import build_model

if TYPE_CHECKING:
    from torch import nn

HOW = (
    "Give a data set's name, an array of images (N, H, W, C), a tuple (images, labels) of arrays, labels None where"
    " there are none, or an iterable of such pairs."
)


def as_dataset(data: Any) -> AbstractDataset:
    """From a spec, an array of images without labels, a tuple of two arrays, or an iterable of such pairs.

    Raises BadData, UnknownName and BadOption.
    """
    from ...data.classes.arrays import InMemory

    if isinstance(data, str | AbstractDataset):
        return named_dataset(data)
    if isinstance(data, np.ndarray):
        return InMemory(data)
    pairs = [data] if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], tuple | list) else data
    try:
        images, labels = zip(*((np.asarray(x), None if y is None else np.asarray(y)) for x, y in pairs), strict=True)
        known = [one for one in labels if one is not None]
        if known and len(known) < len(labels):
            raise BadData(f"{len(labels) - len(known)} of {len(labels)} batches have no labels. Expected all, or none.")
        return InMemory(_joined(images), _joined(known) if known else None)
    except (TypeError, ValueError) as error:
        raise BadData(f"The data are {type(data).__name__} and cannot be read as images: {error}. {HOW}") from error


def _joined(arrays: Any) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def as_model(
    model: str | nn.Module | AbstractModel, dataset: AbstractDataset, stated: Stated = NOTHING
) -> AbstractModel:
    """From a spec, or a module in memory. What it sees is `stated`, or said by its `input_spec`; of a Keras model, by
    the Rescaling and Normalization layers that it begins with. Raises BadModel, BadOption and UnknownName.
    """
    from ...models.sources.declared import as_spec
    from ...models.sources.keras.package import is_keras
    from ...models.sources.unwrapped import unwrapped
    from ...models.wrap import Wrapped

    if isinstance(model, str):
        return build_model(model)
    if isinstance(model, AbstractModel):
        return model
    if is_keras(model):
        from ...models.sources.keras.source import from_keras

        network = from_keras(model)
        return Wrapped(network, merged(network.spec, stated, type(model).__name__))
    model = unwrapped(model)
    name = type(model).__name__
    found = as_spec(getattr(model, "input_spec", None), name) or UNKNOWN
    return Wrapped(model, filled(merged(found, stated, name), dataset.image_shape()))
