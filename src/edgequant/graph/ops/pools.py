"""Pooling by windows, and upsampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .op import Attrs, Kernels, Onnx, Op, Operator, Tflite


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
    # Its grid is its input's; the averages still have to be rounded to it.
    "avg_pool2d": Op("same", _avg_pool2d, {"avg_pool2d": "pools", "adaptive_avg_pool2d": "pools:adaptive_avg_pool2d"},
        Tflite((Operator("AVERAGE_POOL_2D", (1, 2, 3), "operators:pool"),), "layers:pool"),
        Onnx(("AveragePool",), "emit:pool", fused=True),
        Kernels("builtin", "builtin", "onnxruntime", "builtin", executorch="wide"), homogeneous=True),
    "max_pool2d": Op("same", _max_pool2d,
        {"max_pool2d": "pools", "adaptive_max_pool2d": "pools:adaptive_max_pool2d", "amax": "pools:amax"},
        Tflite((Operator("MAX_POOL_2D", (1, 2, 3), "operators:pool"),), "layers:pool"),
        Onnx(("MaxPool",), "emit:pool"), Kernels("moves:moved", "moves:moved", "moves:moved", "moves:moved"),
        homogeneous=True, moves=True),
    # Bilinear ones are sums of pixels, to be rounded; the nearest is a pixel, which rounding leaves as it is.
    "upsample": Op("same", _upsample, {"upsample_bilinear2d upsample_nearest2d": "moves"},
        Tflite((Operator("RESIZE_BILINEAR", (3, 3, 4), "moves:resize"),
            Operator("RESIZE_NEAREST_NEIGHBOR", (3, 3, 4), "moves:resize")), "moves"),
        Onnx(("Resize",), integers="moves"), Kernels("resize:builtin", "resize:xnnpack", "resize:onnxruntime")),
}  # fmt: skip
