"""What a network takes: the source's own words, the user's, and the data set's sizes, put together in one place."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

from ...core.errors import BadOption
from ...core.image import InputSpec
from ...core.pixels import Stated, merged, settled
from ...data.dataset import AbstractDataset, Splits
from ...data.rescale import rescaled
from ...models.model import AbstractModel


def stating(model: AbstractModel, stated: Stated, what: str) -> AbstractModel:
    """The model with what is `stated` in its options of the same names: another `size` builds another network.

    Raises BadOption where an option of its spec says otherwise.
    """
    options: dict[str, Any] = {}
    for field in dataclasses.fields(model):  # type: ignore[arg-type]
        said, own = stated.texts().get(field.name, ""), getattr(model, field.name)
        if not said:
            continue
        if isinstance(field.default, str):
            if own and own != said and not _alike(field.name, own, said):
                raise BadOption(
                    f"The spec of {what} says {field.name}={own}, and {field.name} {said} was stated. Expected one of"
                    f" them: leave the other out."
                )
            options[field.name] = said
        elif said.isdigit():
            options[field.name] = int(said)
    return replace(model, **options) if options else model  # type: ignore[type-var]


def _alike(name: str, one: str, other: str) -> bool:
    return name in ("mean", "std") and one.replace(",", ":") == other.replace(",", ":")


def contract(
    model: AbstractModel, stated: Stated, image_shape: tuple[int, int, int] | None, what: str, free: bool
) -> InputSpec:
    """The whole contract. `free`: the weights are the user's own or trained here, so that an architecture's habit may
    be overruled. `what` names the model. Raises BadModel and BadOption naming what to type.
    """
    return settled(merged(model.inputs(image_shape), stated, what, free), what)


def load(dataset: AbstractDataset, inputs: InputSpec, stated: Stated) -> Splits:
    """The images as the network takes them. Those of one size are scaled where `fit` says how, and turned to grey or
    colour where `channels` says so; otherwise they must fit. Raises BadData.
    """
    stored = dataset.image_shape()
    if stored is None or stored == inputs.shape:
        return dataset.load(inputs)
    channels, height, width = stored
    sized = (height, width) == inputs.shape[1:] or bool(stated.fit)
    if not (sized and (channels == inputs.channels or stated.channels)):
        return dataset.load(inputs)
    return rescaled(dataset.load(replace(inputs, channels=channels, height=height, width=width)), inputs)
