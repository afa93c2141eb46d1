"""Operations that only move or select values."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .op import Attrs, Kernels, Lacks, Onnx, Op, Operator, Tflite

MOVED = Kernels("moves:moved", "moves:moved", "moves:moved", "moves:moved")
OWN = Kernels("moves", "moves", "moves", "moves")


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


MOVES = {
    "cat": Op("unified", lambda a, m, *xs: torch.cat(xs, 1), {"cat concat concatenate": "moves"},
        Tflite((Operator("CONCATENATION", (1, 2, 3), "operators"),), "moves"),
        Onnx(("Concat",), fixed={"axis": 1}, fused=True), OWN, moves=True),
    "depth_to_space": Op("same", depth_to_space, {"pixel_shuffle": "moves:pixel_shuffle"},
        Tflite((Operator("DEPTH_TO_SPACE", (1, 2, 2), "operators", edgetpu=False),), "moves"),
        Onnx(("Reshape", "Transpose"), integers="moves"), MOVED, moves=True, channels="channel_order:blocks"),
    "pad": Op("same", _pad, {"constant_pad_nd pad reflection_pad2d replication_pad2d": "moves"},
        Tflite((Operator("PAD", (1, 2, 3), "moves"),
            Operator("PADV2", (1, 2, 3), "moves:pad_v2", edgetpu=False),
            Operator("MIRROR_PAD", (1, 2, 3), "moves:mirror_pad", edgetpu=False)), "pads"),
        Onnx(("Pad",), "emit", integers="moves"), OWN, homogeneous=True, moves=True),
    "requantize": Op("own", lambda a, m, x: x,  # the same values on another grid
        Lacks("no network writes it: graph/grids.py puts it between grids that differ"),
        Tflite((Operator("QUANTIZE", (1, 1, 2), "operators:quantize"),)),
        Onnx((), "emit", Lacks("no node: QuantizeLinear and DequantizeLinear around it")),
        Kernels("builtin_unary", "xnnpack_unary", executorch="wide")),
    "reshape": Op("same", _reshape, {"flatten view reshape squeeze unsqueeze unflatten _unsafe_view": "moves"},
        Tflite((Operator("RESHAPE", (1, 1, 1), "moves"),), "moves"),
        Onnx(("Reshape",), "emit"), OWN, homogeneous=True, moves=True),
    "shuffle": Op("same", shuffle, {"channel_shuffle native_channel_shuffle": "moves:channel_shuffle"},
        Tflite((Operator("TRANSPOSE", (1, 2, 4), "moves:transpose"),), "moves"),
        Onnx(("Reshape", "Transpose"), integers="moves"), MOVED, moves=True, channels="channel_order:unshuffled"),
    "slice": Op("same", _slice, {"slice narrow": "moves:slice_", "split split_with_sizes chunk": "moves:split"},
        Tflite((Operator("SLICE", (1, 2, 4), "moves:slice_"),
            Operator("STRIDED_SLICE", (1, 2, 4), "moves:strided_slice")), "moves:slice_"),
        Onnx(("Slice",), integers="moves:slice_"), MOVED, moves=True, channels="channel_order:kept"),
}  # fmt: skip
