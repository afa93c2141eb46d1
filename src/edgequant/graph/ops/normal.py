"""What normalisation needs beside sums and products, and a change of grid."""

from __future__ import annotations

import torch

from .op import Kernels, Lacks, Onnx, Op, Operator, Tflite, unary

NORMAL = {
    "requantize": Op(
        "own",
        lambda a, m, x: x,  # the same values on another grid
        aten=Lacks("no network writes it: graph/grids.py puts it between grids that differ"),
        tflite=Tflite((Operator("QUANTIZE", (1, 1, 2), "operators:quantize"),)),
        onnx=Onnx((), "emit:requantize"),
        kernels=Kernels("builtin_unary:requantize", "xnnpack_unary:requantize", executorch="wide"),
    ),
    "rsqrt": Op(
        "own",
        unary(torch.rsqrt),
        aten={"layer_norm": "layers:layer_norm"},
        tflite=Tflite(
            (Operator("RSQRT", (1, 2, 3)),),
            int16=Lacks("its kernel has 16 bits wrong"),
        ),
        onnx=Onnx(("Sqrt", "Reciprocal"), "emit:rsqrt"),
        kernels=Kernels("builtin_unary:rsqrt", "builtin_unary:rsqrt"),
    ),
}
