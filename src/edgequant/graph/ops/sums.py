"""Sums, differences and products of two tensors, and means."""

from __future__ import annotations

import torch

from .op import PLAIN, Attrs, Kernels, Onnx, Op, Operator, Tflite, Trait, in_place_too

OVERWRITTEN: frozenset[Trait] = frozenset({"overwritten"})


def _mean(attrs: Attrs, _: None, x: torch.Tensor) -> torch.Tensor:
    """Over height and width."""
    return x.mean((2, 3), keepdim=attrs["keepdim"])


SUMS = {
    "add": Op(
        "own",
        lambda a, m, x, y: x + y,
        inputs=2,
        fuses=True,
        traits=OVERWRITTEN,
        aten=in_place_too("add"),
        tflite=Tflite((Operator("ADD", (1, 2, 3)),), options="AddOptions"),
        onnx=Onnx(("Add",), fused=True),
        kernels=Kernels("builtin:add", "xnnpack:add", "onnxruntime:add", "wide:add"),
    ),
    "channel_mean": Op(
        "own",
        lambda a, m, x: x.mean(1, keepdim=True),
        traits=OVERWRITTEN,
        aten={"mean": "pools:mean"},
        tflite=Tflite((Operator("MEAN", (1, 2, 3), "operators:mean"),), "values:channel_mean"),
        onnx=Onnx(("ReduceMean",), "emit:channel_mean"),
        kernels=Kernels("builtin:channel_mean", "xnnpack:channel_mean"),
    ),
    "mean": Op(
        "own",
        _mean,
        traits=frozenset({"homogeneous", "overwritten"}),
        aten={"mean": "pools:mean"},
        tflite=Tflite((Operator("MEAN", (1, 2, 3), "operators:mean"),), "values:mean"),
        onnx=Onnx(("GlobalAveragePool",), fused=True),  # keeps height and width as 1: the one with an integer kernel
        kernels=Kernels("builtin:mean", "xnnpack:mean", "onnxruntime:mean", "wide:mean"),
    ),
    "mul": Op(
        "own",
        lambda a, m, x, y: x * y,
        inputs=2,
        aten={
            **in_place_too("mul"),
            **dict.fromkeys(("div", "div_"), "elementwise:div"),
            **dict.fromkeys(("silu", "silu_"), "elementwise:silu"),
            "multiply": PLAIN,
            "pow": "elementwise:power",
            "square": "elementwise:power",
        },
        tflite=Tflite((Operator("MUL", (1, 2, 4)),), options="MulOptions"),
        onnx=Onnx(("Mul",), fused=True),
        kernels=Kernels("builtin:mul", "xnnpack:mul", "onnxruntime:mul", "wide:mul"),
    ),
    "sub": Op(
        "own",
        lambda a, m, x, y: x - y,
        inputs=2,
        traits=OVERWRITTEN,
        aten={**in_place_too("sub"), "rsub": "elementwise:rsub"},
        tflite=Tflite((Operator("SUB", (1, 2, 5)),), options="SubOptions"),
        onnx=Onnx(("Sub",)),
        kernels=Kernels("builtin:sub", "xnnpack:sub"),
    ),
}
