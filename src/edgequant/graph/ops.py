"""The one op table: what an ATen operation is called here, how it runs, and how its output is quantized.

A row is all that capture, simulation and the resolution of a recipe know of an operation. Each
backend has its own table of emitters and the executor one of arithmetics, by the same names; a
test holds them to this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F

Attrs = Mapping[str, Any]
Rule = Literal[
    "weights",  # an integer product with an int32 accumulator; its output has parameters of its own
    "own",  # its output has parameters of its own
    "same",  # its output has its input's parameters: it only moves or selects values
    "unified",  # all its inputs and its output have the same parameters
    "fixed",  # its output's parameters are given by what it computes
]


@dataclass(frozen=True)
class Op:
    """A row. `run(attrs, module, *inputs)` is the float operation in torch, NCHW."""

    rule: Rule
    run: Callable[..., torch.Tensor]
    fuses: bool = False  # an activation behind it is computed with it
    fixed: tuple[float, float] | None = None  # the range of a "fixed" output


def _conv2d(_: Attrs, module: torch.nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    return module(x)  # type: ignore[no-any-return]


def _linear(_: Attrs, module: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return module(x)  # type: ignore[no-any-return]


def _mean(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Over height and width."""
    return x.mean((2, 3), keepdim=attrs["keepdim"])


def _max_pool2d(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(x, attrs["kernel"], attrs["stride"], attrs["padding"])


def _avg_pool2d(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Without padding, or not counting it."""
    return F.avg_pool2d(x, attrs["kernel"], attrs["stride"], attrs["padding"], count_include_pad=False)


def _reshape(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    return x.reshape(x.shape[0], *attrs["shape"])


def _pad(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """With zeros: (left, right, top, bottom)."""
    return F.pad(x, attrs["padding"])


OPS: dict[str, Op] = {
    "add": Op("own", lambda a, m, x, y: x + y, fuses=True),
    "avg_pool2d": Op("same", _avg_pool2d),
    "cat": Op("unified", lambda a, m, *xs: torch.cat(xs, 1)),
    "conv2d": Op("weights", _conv2d, fuses=True),
    "linear": Op("weights", _linear, fuses=True),
    "max_pool2d": Op("same", _max_pool2d),
    "mean": Op("own", _mean),
    "mul": Op("own", lambda a, m, x, y: x * y),
    "pad": Op("same", _pad),
    "relu": Op("own", lambda a, m, x: torch.relu(x)),
    "relu6": Op("own", lambda a, m, x: torch.clamp(x, 0, 6)),
    "reshape": Op("same", _reshape),
    "sigmoid": Op("fixed", lambda a, m, x: torch.sigmoid(x), fixed=(0.0, 255 / 256)),
    "softmax": Op("fixed", lambda a, m, x: torch.softmax(x, 1), fixed=(0.0, 255 / 256)),
}
