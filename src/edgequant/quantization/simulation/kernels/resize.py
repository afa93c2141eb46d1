"""Upsampling of 8- and 16-bit images. Bilinear: four neighbours, weighted in fixed point. Nearest: a move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ....core.arrays import Array
from ..arithmetic import Operands
from .moves import moved

f32 = np.float32


@dataclass(frozen=True)
class Line:
    """For each output row or column: the two it lies between, and the second one's weight."""

    first: torch.Tensor
    second: torch.Tensor
    weight: torch.Tensor  # int64, of 2^bits


def xnnpack(o: Operands) -> torch.Tensor:
    """s8-ibilinear: weights of 11 bits, ties upwards. Of the integers as they are."""
    if o.step.attrs["mode"] == "nearest":
        return moved(o)
    rows, columns = (_xnnpack_line(o, axis) for axis in (0, 1))
    total = _weighted(o, rows, columns, 11)
    return ((total + (1 << 21)) >> 22).float() - o.params[0].zero_point


def _xnnpack_line(o: Operands, axis: int) -> Line:
    """xnn_indirection_init_resize_bilinear2d_hwc_q11 (src/indirection.c): positions in float32."""
    before, after = o.values[0].shape[2 + axis], o.step.attrs["size"][axis]
    corners = int(o.step.attrs["corners"] and after != 1)
    scale = f32(before - corners) / f32(after - corners)
    position = np.arange(after, dtype=f32)
    if not o.step.attrs["corners"]:
        offset = f32(f32(0.5) * scale) - f32(0.5)
        position = np.clip(position * scale + offset, f32(0), f32(before - 1)).astype(f32)
    else:
        position = np.minimum(position * scale, f32(before - 1)).astype(f32)
    first = position.astype(np.int64)
    weight = np.rint((position - first.astype(f32)) * f32(2048)).astype(np.int64)
    return _line(first, np.minimum(first + 1, before - 1), weight)


def builtin(o: Operands) -> torch.Tensor:
    """reference_ops::ResizeBilinearInteger: weights of 10 bits, ties away from zero. Of the integers as they are."""
    if o.step.attrs["mode"] == "nearest":
        return moved(o)
    rows, columns = (_builtin_line(o, axis) for axis in (0, 1))
    total = _weighted(o, rows, columns, 10)
    half = torch.where(total > 0, 1 << 19, -(1 << 19))
    return torch.trunc((total + half).double() / (1 << 20)).float() - o.params[0].zero_point


def _builtin_line(o: Operands, axis: int) -> Line:
    before, after = o.values[0].shape[2 + axis], o.step.attrs["size"][axis]
    corners = int(o.step.attrs["corners"] and after > 1)
    scale = (1024 * (before - corners) + (after - corners) // 2) // (after - corners)
    position = np.arange(after) * scale
    if not o.step.attrs["corners"]:
        position = position + scale // 2 - 512
    first = np.maximum(np.trunc(position / 1024).astype(np.int64), 0)
    second = np.minimum(np.trunc((position + 1023) / 1024).astype(np.int64), before - 1)
    return _line(first, second, position - 1024 * first)


def onnxruntime(o: Operands) -> torch.Tensor:
    """UpsampleBilinear (onnxruntime/core/providers/cpu/tensor/upsample.h) of dequantized values, all in float32."""
    if o.step.attrs["mode"] == "nearest":
        return moved(o)
    real = o.values[0] * float(f32(o.params[0].scale))
    rows, columns = (_onnx_line(o, axis) for axis in (0, 1))
    total = torch.zeros(())
    for y, wy in rows:
        for x, wx in columns:
            total = total + real[:, :, y][..., x] * (wx * wy[:, None])
    low, high = o.out.low - o.out.zero_point, o.out.high - o.out.zero_point
    return torch.round(total / float(f32(o.out.scale))).clamp_(low, high)


def _onnx_line(o: Operands, axis: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The two rows or columns of each output one, with their float32 weights."""
    before, after = o.values[0].shape[2 + axis], o.step.attrs["size"][axis]
    at = np.arange(after, dtype=f32)
    if o.step.attrs["corners"]:
        position = at * f32(before - 1) / f32(max(after - 1, 1))
    else:
        position = (at + f32(0.5)) / (f32(after) / f32(before)) - f32(0.5)
    position = np.clip(position, f32(0), f32(before - 1)).astype(f32)
    first = position.astype(np.int64)
    second = np.minimum(first + 1, before - 1)
    near, far = (np.abs(position - index.astype(f32)) for index in (first, second))
    edge = first == second
    weights = (np.where(edge, f32(0.5), w).astype(f32) for w in (far, near))
    return [(torch.from_numpy(i), torch.from_numpy(w)) for i, w in zip((first, second), weights)]


def _line(first: Array, second: Array, weight: Array) -> Line:
    return Line(torch.from_numpy(first), torch.from_numpy(second), torch.from_numpy(weight))


def _weighted(o: Operands, rows: Line, columns: Line, bits: int) -> torch.Tensor:
    """int64 sums of `2 * bits` bits behind the point, of the integers that the file holds."""
    q, one = o.values[0].long() + o.params[0].zero_point, 1 << bits
    wide = q[..., columns.first] * (one - columns.weight) + q[..., columns.second] * columns.weight
    down = rows.weight[:, None]
    return wide[:, :, rows.first] * (one - down) + wide[:, :, rows.second] * down
