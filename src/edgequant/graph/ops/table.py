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
    return F.max_pool2d(x, attrs["kernel"], attrs["stride"], attrs["padding"], ceil_mode=attrs.get("ceil", False))


def _avg_pool2d(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Without padding, or not counting it."""
    window = (attrs["kernel"], attrs["stride"], attrs["padding"])
    return F.avg_pool2d(x, *window, ceil_mode=attrs.get("ceil", False), count_include_pad=False)


def _reshape(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    return x.reshape(x.shape[0], *attrs["shape"])


def _pad(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """(left, right, top, bottom); with a value, zero where there is none, or with what lies at the border."""
    mode = attrs.get("mode", "constant")
    return F.pad(x, attrs["padding"], mode, attrs.get("value", 0.0) if mode == "constant" else None)


def _slice(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """`begin`, `end` and `step` of each dimension but the batch."""
    return x[(slice(None), *(slice(b, e, s) for b, e, s in zip(attrs["begin"], attrs["end"], attrs["step"])))]


def shuffle(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Channels seen as (groups, n), transposed to (n, groups)."""
    n, c, *size = x.shape
    return x.reshape(n, attrs["groups"], -1, *size).transpose(1, 2).reshape(n, c, *size)


def depth_to_space(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """(b * b * C, H, W) -> (C, H * b, W * b); channel `(i * b + j) * C + c` goes to pixel (i, j) of its block."""
    b = attrs["block"]
    return F.pixel_shuffle(shuffle({"groups": b * b}, None, x), b)


def _upsample(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """From `before` to `size` (H, W), `mode` "nearest" or "bilinear"."""
    corners = attrs["corners"] if attrs["mode"] == "bilinear" else None
    return F.interpolate(x, attrs["size"], mode=attrs["mode"], align_corners=corners)


def _unary(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda attrs, module, x: function(x)


OPS: dict[str, Op] = {
    "add": Op("own", lambda a, m, x, y: x + y, fuses=True),
    "avg_pool2d": Op("same", _avg_pool2d),
    "cat": Op("unified", lambda a, m, *xs: torch.cat(xs, 1)),
    "channel_mean": Op("own", lambda a, m, x: x.mean(1, keepdim=True)),
    "clamp": Op("own", lambda a, m, x: torch.clamp(x, a["low"], a["high"])),
    "conv2d": Op("weights", _conv2d, fuses=True),
    "depth_to_space": Op("same", depth_to_space),
    "elu": Op("own", _unary(F.elu)),
    "gelu": Op("own", lambda a, m, x: F.gelu(x, approximate=a["approximate"])),
    "hard_swish": Op("own", _unary(F.hardswish)),
    "leaky_relu": Op("own", lambda a, m, x: F.leaky_relu(x, a["slope"])),
    "linear": Op("weights", _linear, fuses=True),
    "max_pool2d": Op("same", _max_pool2d),
    "mean": Op("own", _mean),
    "mul": Op("own", lambda a, m, x, y: x * y),
    "pad": Op("same", _pad),
    "relu": Op("own", _unary(torch.relu)),
    "relu6": Op("own", lambda a, m, x: torch.clamp(x, 0, 6)),
    "requantize": Op("own", lambda a, m, x: x),  # the same values on another grid
    "reshape": Op("same", _reshape),
    "rsqrt": Op("own", _unary(torch.rsqrt)),
    "shuffle": Op("same", shuffle),
    "sigmoid": Op("fixed", _unary(torch.sigmoid), fixed=(0.0, 255 / 256)),
    "slice": Op("same", _slice),
    "softmax": Op("fixed", lambda a, m, x: torch.softmax(x, 1), fixed=(0.0, 255 / 256)),
    "sub": Op("own", lambda a, m, x, y: x - y),
    "tanh": Op("fixed", _unary(torch.tanh), fixed=(-1.0, 127 / 128)),
    "upsample": Op("same", _upsample),
}
