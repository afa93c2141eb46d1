"""Operations that only move or select values."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .op import Attrs, Kernels, Onnx, Op, Operator, Tflite, always

MOVED = Kernels("moves:moved", "moves:moved", "moves:moved", "moves:moved")
RESHAPES = dict.fromkeys(
    ("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", "_unsafe_view"), "moves:reshape"
)


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
    "cat": Op(
        "unified",
        lambda a, m, *xs: torch.cat(xs, 1),
        moves=always,
        aten=dict.fromkeys(("cat", "concat", "concatenate"), "moves:cat"),
        tflite=Tflite((Operator("CONCATENATION", (1, 2, 3), "operators:cat"),), "moves:cat"),
        onnx=Onnx(("Concat",), fixed={"axis": 1}, fused=True),
        kernels=Kernels("moves:cat", "moves:cat", "moves:cat", "moves:cat"),
    ),
    "depth_to_space": Op(
        "same",
        depth_to_space,
        moves=always,
        channels="channel_order:blocks",
        aten={"pixel_shuffle": "moves:pixel_shuffle"},
        tflite=Tflite(
            (Operator("DEPTH_TO_SPACE", (1, 2, 2), "operators:depth_to_space", edgetpu=False),), "moves:depth_to_space"
        ),
        onnx=Onnx(("Reshape", "Transpose"), integers="moves:depth_to_space"),
        kernels=MOVED,
    ),
    "pad": Op(
        "same",
        _pad,
        moves=always,
        traits=frozenset({"homogeneous"}),
        aten=dict.fromkeys(("constant_pad_nd", "pad", "reflection_pad2d", "replication_pad2d"), "moves:pad"),
        tflite=Tflite(
            (
                Operator("PAD", (1, 2, 3), "moves:pad"),
                Operator("PADV2", (1, 2, 3), "moves:pad_v2", edgetpu=False),
                Operator("MIRROR_PAD", (1, 2, 3), "moves:mirror_pad", edgetpu=False),
            ),
            "pads:pad",
        ),
        onnx=Onnx(("Pad",), "emit:pad", integers="moves:pad"),
        kernels=Kernels("moves:pad", "moves:pad", "moves:pad", "moves:pad"),
    ),
    "reshape": Op(
        "same",
        _reshape,
        moves=always,
        traits=frozenset({"homogeneous"}),
        aten=RESHAPES,
        tflite=Tflite((Operator("RESHAPE", (1, 1, 1), "moves:reshape"),), "moves:reshape"),
        onnx=Onnx(("Reshape",), "emit:reshape"),
        kernels=Kernels("moves:reshape", "moves:reshape", "moves:reshape", "moves:reshape"),
    ),
    "shuffle": Op(
        "same",
        shuffle,
        moves=always,
        channels="channel_order:unshuffled",
        aten=dict.fromkeys(("channel_shuffle", "native_channel_shuffle"), "moves:channel_shuffle"),
        tflite=Tflite((Operator("TRANSPOSE", (1, 2, 4), "moves:transpose"),), "moves:shuffle"),
        onnx=Onnx(("Reshape", "Transpose"), integers="moves:shuffle"),
        kernels=MOVED,
    ),
    "slice": Op(
        "same",
        _slice,
        moves=always,
        channels="channel_order:kept",
        aten={
            **dict.fromkeys(("slice", "narrow"), "moves:slice_"),
            **dict.fromkeys(("split", "split_with_sizes", "chunk"), "moves:split"),
        },
        tflite=Tflite(
            (
                Operator("SLICE", (1, 2, 4), "moves:slice_"),
                Operator("STRIDED_SLICE", (1, 2, 4), "moves:strided_slice"),
            ),
            "moves:slice_",
        ),
        onnx=Onnx(("Slice",), integers="moves:slice_"),
        kernels=MOVED,
    ),
}
