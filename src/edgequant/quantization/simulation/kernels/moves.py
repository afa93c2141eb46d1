"""Operations that only move or select values: every family of kernels computes them alike, on centred integers."""

from __future__ import annotations

import torch

from ....core.grid import QParams
from ....graph.ops.table import OPS
from ....graph.program import Step
from ..arithmetic import Operands, round_half_even


def cat(o: Operands) -> torch.Tensor:
    """Along the channels, of equal grids."""
    return torch.cat(o.values, 1)


def moved(o: Operands) -> torch.Tensor:
    """As the float operation does: padding of a pooling never wins."""
    return OPS[o.step.kind].run(o.step.attrs, None, *o.values)


def pad(o: Operands) -> torch.Tensor:
    """With the zero point, which is 0 once centred; or with a value on the grid."""
    attrs = {**o.step.attrs, "value": padding_value(o.step, o.out)}
    return OPS["pad"].run(attrs, None, o.values[0])


def padding_value(step: Step, out: QParams) -> float:
    """The centred integer that a padding by a value writes."""
    q = round_half_even(step.attrs.get("value", 0.0), out.scale) + out.zero_point
    return float(max(out.low, min(out.high, q)) - out.zero_point)


def reshape(o: Operands) -> torch.Tensor:
    return o.values[0].reshape(o.values[0].shape[0], *o.step.attrs["shape"])
