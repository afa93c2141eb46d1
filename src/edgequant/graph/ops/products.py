"""Layers with weights: integer products with an int32 accumulator."""

from __future__ import annotations

import torch
from torch import nn

from .op import Attrs, Lacks, Onnx, Op, Operator, Tflite

ACCUMULATED = Lacks("a product: `Arithmetic.requantize` scales its accumulator")


def _layer(_: Attrs, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module(x)  # type: ignore[no-any-return]


PRODUCTS = {
    "conv2d": Op(
        "weights",
        _layer,
        fuses=True,
        traits=frozenset({"overwritten"}),
        aten={
            "conv2d": "layers:conv2d",
            "conv_transpose2d": "layers:conv_transpose2d",
            "batch_norm": "layers:batch_norm",
        },
        tflite=Tflite(
            (
                Operator("CONV_2D", (1, 3, 5), "layers:conv2d"),
                Operator("DEPTHWISE_CONV_2D", (1, 3, 5), "layers:depthwise"),
            ),
            "layers:conv2d",
        ),
        onnx=Onnx(("Conv",), "emit:conv2d", fused=True),
        kernels=ACCUMULATED,
    ),
    "linear": Op(
        "weights",
        _layer,
        fuses=True,
        traits=frozenset({"overwritten"}),
        aten={"linear": "layers:linear"},
        tflite=Tflite((Operator("FULLY_CONNECTED", (1, 4, 7), "layers:fully_connected"),), "layers:linear"),
        onnx=Onnx(("Gemm", "MatMul"), "emit:linear", fused=True),
        kernels=ACCUMULATED,
    ),
}  # fmt: skip
