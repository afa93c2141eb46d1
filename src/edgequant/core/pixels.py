"""What a model's options say about its input: the mean and std of pixels, checked."""

from __future__ import annotations

from dataclasses import replace

from .errors import BadModel, BadOption
from .records import InputSpec


def with_pixels(spec: InputSpec, mean: str, std: str, what: str) -> InputSpec:
    """`spec` with the options `mean` and `std` where they are given: `0.5`, or one a channel, `0.485:0.456:0.406`.

    `what` names the model in messages. Raises BadOption and BadModel.
    """
    means = numbers("mean", mean) if mean else spec.mean
    stds = numbers("std", std) if std else spec.std
    return checked(replace(spec, mean=means, std=stds), what)


def checked(spec: InputSpec, path: str) -> InputSpec:
    """Raises BadModel for what no image can be."""
    fits = all(len(v) in (1, spec.channels) for v in (spec.mean, spec.std))
    if min(spec.shape) < 1 or not fits or min(spec.std) <= 0:
        raise BadModel(
            f"{path} cannot take {spec.channels}x{spec.height}x{spec.width} with mean {spec.mean} and std {spec.std}."
            " Expected sizes above 0, and one mean and one std above 0 for all channels or for each."
        )
    return spec


def numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError as error:
        raise BadOption(
            f"The model's {name} is numbers, one or one a channel. Got {text!r}. Write {name}=0.5:0.5:0.5."
        ) from error
