"""ONNX Runtime's CPU arithmetic for Q/DQ files: the integer kernels of MLAS, and float ones where none is fused.

Everything is scaled in float32 and rounded to even. Each function names the kernel that it mirrors
(onnxruntime/core/mlas/lib and onnxruntime/contrib_ops/cpu/quantization). The file holds uint8 where
the reference holds int8; 128 is added where a kernel rounds after it has added the zero point.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ....core.grid import QParams
from ....graph.ops.table import OPS, kernels
from ..arithmetic import Arithmetic, Operands, limits
from ..on_the_fly import ONNXRUNTIME_DYNAMIC
from .builtin_tables import look_up
from .xnnpack import requantize

f32 = np.float32
OFFSET = 128  # from the reference's int8 to the file's uint8


def to_grid(value: torch.Tensor, out: QParams) -> torch.Tensor:
    """MlasQuantizeLinear: division, ties to even."""
    return torch.round(value / float(f32(out.scale)))


def add(o: Operands) -> torch.Tensor:
    """MlasQLinearAdd of uint8: `rint(fma(a, ra, fma(b, rb, zc - fma(za, ra, rb * zb))))`, r the scale over sc."""
    (ra, rb), (za, zb) = _ratios(o), [p.zero_point + OFFSET for p in o.params]
    zc = o.out.zero_point + OFFSET
    fixed = f32(zc) - f32(float(ra) * za + float(rb * f32(zb)))
    total = _fma(o.values[0] + za, ra, _fma(o.values[1] + zb, rb, torch.tensor(fixed)))
    return (torch.round(total) - zc).clamp_(*limits(o.step, o.out))


def _fma(x: torch.Tensor, factor: np.float32, term: torch.Tensor) -> torch.Tensor:
    """Fused multiply-add: float64 holds the exact sum, so that it is rounded once."""
    return (x.double() * float(factor) + term.double()).float()


def _ratios(o: Operands) -> list[np.float32]:
    return [f32(p.scale) / f32(o.out.scale) for p in o.params]


def mul(o: Operands) -> torch.Tensor:
    """MlasQLinearMul: `rint(a * b * (sa * sb / sc) + zc)` of centred a and b."""
    ratio = f32(f32(o.params[0].scale) * f32(o.params[1].scale)) / f32(o.out.scale)
    zc = o.out.zero_point + OFFSET
    total = o.values[0] * o.values[1] * float(ratio) + zc
    return (torch.round(total) - zc).clamp_(*limits(o.step, o.out))


def mean(o: Operands) -> torch.Tensor:
    """QLinearGlobalAveragePool, MlasRequantizeOutput of the centred sum: `rint(float32(sum) * s_in / (s_out * n))`."""
    n = o.values[0].shape[2] * o.values[0].shape[3]
    multiplier = f32(f32(o.params[0].scale) / (f32(o.out.scale) * f32(n)))
    total = o.values[0].sum((2, 3), keepdim=o.step.attrs["keepdim"])
    return total.mul_(float(multiplier)).clamp_(*limits(o.step, o.out)).round_()


def avg_pool2d(o: Operands) -> torch.Tensor:
    """QLinearAveragePool: dequantized, averaged in float32; the zero point is added before rounding."""
    zc = o.out.zero_point + OFFSET
    real = o.values[0] * float(f32(o.params[0].scale))
    pooled = OPS["avg_pool2d"].run(o.step.attrs, None, real)
    return (torch.round(pooled / float(f32(o.out.scale)) + zc) - zc).clamp_(*limits(o.step, o.out))


def relu(o: Operands) -> torch.Tensor:
    """DequantizeLinear, Relu or Clip, QuantizeLinear."""
    real = o.values[0] * float(f32(o.params[0].scale))
    bounded = torch.clamp(real, 0, 6 if o.step.kind == "relu6" else math.inf)
    return to_grid(bounded, o.out).clamp_(*limits(o.step, o.out))


def sigmoid(o: Operands) -> torch.Tensor:
    """QLinearSigmoid: a table of 256 entries, MlasComputeLogistic and MlasQuantizeLinear."""
    return look_up(o, lambda x, scale: float(np.rint(f32(1 / (1 + math.exp(-max(x, -80.0)))) / f32(scale))))


def softmax(o: Operands) -> torch.Tensor:
    """QLinearSoftmax: exponentials from a table of 256 entries, divided by their sum."""
    depth = o.values[0].shape[1]
    scale = float(f32(o.params[0].scale))
    table = torch.tensor([_exponential(d, scale, depth) for d in range(256)], dtype=torch.float64)
    values = o.values[0]
    exps = table.to(values.device)[(values.amax(1, keepdim=True) - values).long()]
    steps = torch.round(exps * (1 / o.out.scale) / exps.sum(1, keepdim=True))
    return steps.clamp_(*limits(o.step, o.out)).float()


def _exponential(distance: int, scale: float, depth: int) -> float:
    """The exponential of a value `distance` steps below the largest, so scaled that `depth` of them fit 32 bits."""
    return min(2.0**32 / depth, float(0x7FFFFF)) * math.exp(-distance * scale)


def computed(o: Operands) -> torch.Tensor:
    """DequantizeLinear, the float operation, QuantizeLinear."""
    reals = [value * float(f32(p.scale)) for value, p in zip(o.values, o.params)]
    real = OPS[o.step.kind].run(o.step.attrs, None, *reals)
    return to_grid(real, o.out).clamp_(*limits(o.step, o.out))


ONNXRUNTIME_OPS = kernels("onnxruntime")
# MlasRequantizeOutput (QLinearConv, QGemm, QLinearGlobalAveragePool) scales as XNNPACK does.
ONNXRUNTIME = Arithmetic("onnxruntime", requantize, to_grid, ONNXRUNTIME_OPS, ONNXRUNTIME_DYNAMIC)
