"""Pooling by windows, and upsampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .op import Attrs, Kernels, Onnx, Op, Operator, Tflite, Trait, always

HOMOGENEOUS: frozenset[Trait] = frozenset({"homogeneous"})


def _max_pool2d(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(x, attrs["kernel"], attrs["stride"], attrs["padding"], ceil_mode=attrs.get("ceil", False))


def _avg_pool2d(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Without padding, or not counting it."""
    window = (attrs["kernel"], attrs["stride"], attrs["padding"])
    return F.avg_pool2d(x, *window, ceil_mode=attrs.get("ceil", False), count_include_pad=False)


def _upsample(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """From `before` to `size` (H, W), `mode` "nearest" or "bilinear"."""
    corners = attrs["corners"] if attrs["mode"] == "bilinear" else None
    return F.interpolate(x, attrs["size"], mode=attrs["mode"], align_corners=corners)


POOLS = {
    "avg_pool2d": Op(
        "same",  # the grid is its input's; the averages still have to be rounded to it
        _avg_pool2d,
        traits=HOMOGENEOUS,
        aten={"avg_pool2d": "pools:avg_pool2d", "adaptive_avg_pool2d": "pools:adaptive_avg_pool2d"},
        tflite=Tflite((Operator("AVERAGE_POOL_2D", (1, 2, 3), "operators:pool"),), "layers:avg_pool2d"),
        onnx=Onnx(("AveragePool",), "emit:avg_pool2d", fused=True),
        kernels=Kernels(
            "builtin:avg_pool2d", "builtin:avg_pool2d", "onnxruntime:avg_pool2d", "builtin:avg_pool2d", "wide"
        ),
    ),
    "max_pool2d": Op(
        "same",
        _max_pool2d,
        moves=always,
        traits=HOMOGENEOUS,
        aten={
            "max_pool2d": "pools:max_pool2d",
            "adaptive_max_pool2d": "pools:adaptive_max_pool2d",
            "amax": "pools:amax",
        },
        tflite=Tflite((Operator("MAX_POOL_2D", (1, 2, 3), "operators:pool"),), "layers:max_pool2d"),
        onnx=Onnx(("MaxPool",), "emit:max_pool2d"),
        kernels=Kernels("moves:moved", "moves:moved", "moves:moved", "moves:moved"),
    ),
    "upsample": Op(
        "same",
        _upsample,
        moves=lambda attrs: attrs["mode"] == "nearest",  # bilinear ones are sums of pixels
        aten={"upsample_bilinear2d": "moves:upsample", "upsample_nearest2d": "moves:upsample"},
        tflite=Tflite(
            (
                Operator("RESIZE_BILINEAR", (3, 3, 4), "moves:resize"),
                Operator("RESIZE_NEAREST_NEIGHBOR", (3, 3, 4), "moves:resize"),
            ),
            "moves:upsample",
        ),
        onnx=Onnx(("Resize",), integers="moves:upsample"),
        kernels=Kernels("builtin:upsample", "xnnpack:upsample", "onnxruntime:upsample"),
    ),
}
