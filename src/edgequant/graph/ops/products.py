"""Layers with weights: integer products with an int32 accumulator."""

from __future__ import annotations

import torch
from torch import nn

from .op import Attrs, Lacks, Onnx, Op, Operator, Tflite

ACCUMULATED = Lacks("a product: `Arithmetic.requantize` scales its accumulator")


def _layer(_: Attrs, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module(x)  # type: ignore[no-any-return]


PRODUCTS = {
    "conv2d": Op("weights", _layer, {"conv2d": "layers", "conv_transpose2d": "layers:conv_transpose2d",
        "batch_norm": "layers:batch_norm"},
        Tflite((Operator("CONV_2D", (1, 3, 5), "layers"),
            Operator("DEPTHWISE_CONV_2D", (1, 3, 5), "layers:depthwise")), "layers"),
        Onnx(("Conv",), "emit", fused=True), ACCUMULATED, fuses=True, overwritten=True),
    "linear": Op("weights", _layer, {"linear": "layers"},
        Tflite((Operator("FULLY_CONNECTED", (1, 4, 7), "layers:fully_connected"),), "layers"),
        Onnx(("Gemm", "MatMul"), "emit", fused=True), ACCUMULATED, fuses=True, overwritten=True),
}  # fmt: skip
