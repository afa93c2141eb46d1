"""Sums, differences and products of two tensors, and means."""

from __future__ import annotations

import torch

from .op import Attrs, Kernels, Onnx, Op, Operator, Tflite

EVERY = Kernels("builtin", "xnnpack", "onnxruntime", "wide")


def _mean(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Over height and width."""
    return x.mean((2, 3), keepdim=attrs["keepdim"])


SUMS = {
    "add": Op("own", lambda a, m, x, y: x + y, {"add add_": ""},
        Tflite((Operator("ADD", (1, 2, 3)),), options="AddOptions"),
        Onnx(("Add",), fused=True), EVERY, inputs=2, fuses=True, overwritten=True),
    "channel_mean": Op("own", lambda a, m, x: x.mean(1, keepdim=True), {"mean": "pools:mean"},
        Tflite((Operator("MEAN", (1, 2, 3), "operators:mean"),), "values"),
        Onnx(("ReduceMean",), "emit"), Kernels("builtin", "xnnpack"), overwritten=True),
    "mean": Op("own", _mean, {"mean": "pools"},
        Tflite((Operator("MEAN", (1, 2, 3), "operators"),), "values"),
        # The global pooling keeps height and width as 1: it is the one with an integer kernel.
        Onnx(("GlobalAveragePool",), fused=True), EVERY, homogeneous=True, overwritten=True),
    "mul": Op("own", lambda a, m, x, y: x * y,
        {"mul mul_ multiply": "", "div div_": "elementwise:div", "silu silu_": "elementwise:silu",
            "pow square": "elementwise:power"},
        Tflite((Operator("MUL", (1, 2, 4)),), options="MulOptions"), Onnx(("Mul",), fused=True), EVERY, inputs=2),
    "sub": Op("own", lambda a, m, x, y: x - y, {"sub sub_": "", "rsub": "elementwise:rsub"},
        Tflite((Operator("SUB", (1, 2, 5)),), options="SubOptions"),
        Onnx(("Sub",)), Kernels("builtin", "xnnpack"), inputs=2, overwritten=True),
}  # fmt: skip
