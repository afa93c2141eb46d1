"""Integer arithmetic of any width that no runtime has kernels for: real numbers in float64, rounded once, ties to even.

float64 holds every sum and product of integers up to 16 bits exactly, so nothing overflows: a sum of two
tensors on different grids cannot be held in int32 at 16 bits, and is not.
"""

from __future__ import annotations

import torch

from ....core.grid import QParams
from ....graph.ops.table import OPS, kernels
from ..arithmetic import Arithmetic, Operands, Product, limits


def requantize(accumulator: torch.Tensor, product: Product, out: QParams) -> torch.Tensor:
    """`rint(acc * s_in * s_w[c] / s_out)`."""
    multiplier = product.scale.double() * product.source.scale / out.scale
    shaped = multiplier.view(1, -1, *[1] * (accumulator.dim() - 2))
    return (accumulator.double() * shaped).clamp_(*limits(product.step, out)).round_().float()


def to_grid(value: torch.Tensor, out: QParams) -> torch.Tensor:
    return torch.round(value.double() / out.scale).float()


def add(o: Operands) -> torch.Tensor:
    first, second = _reals(o)
    return _rounded(first + second, o)


def mul(o: Operands) -> torch.Tensor:
    first, second = _reals(o)
    return _rounded(first * second, o)


def mean(o: Operands) -> torch.Tensor:
    """Of the integers, whose sum is exact."""
    keep = o.step.attrs["keepdim"]
    return _rounded(o.values[0].double().mean((2, 3), keepdim=keep) * o.params[0].scale, o)


def relu(o: Operands) -> torch.Tensor:
    top = 6.0 if o.step.kind == "relu6" else None
    return _rounded(_reals(o)[0].clamp(0.0, top), o)


def sigmoid(o: Operands) -> torch.Tensor:
    return _rounded(torch.sigmoid(_reals(o)[0]), o)


def softmax(o: Operands) -> torch.Tensor:
    return _rounded(torch.softmax(_reals(o)[0], 1), o)


def _reals(o: Operands) -> list[torch.Tensor]:
    """The inputs as reals, float64."""
    return [value.double() * p.scale for value, p in zip(o.values, o.params)]


def _rounded(real: torch.Tensor, o: Operands) -> torch.Tensor:
    """On the output's grid, centred, float32."""
    return torch.round(real / o.out.scale).clamp_(*limits(o.step, o.out)).float()


def computed(o: Operands) -> torch.Tensor:
    """As the op table's float operation does, in float64."""
    return _rounded(OPS[o.step.kind].run(o.step.attrs, None, *_reals(o)), o)


WIDE_OPS = kernels("wide")
WIDE = Arithmetic("wide", requantize, to_grid, WIDE_OPS)
