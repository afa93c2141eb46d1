"""Functions of one value, and softmax."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .op import Keras, Kernels, Lacks, Onnx, Op, Operator, Tflite, in_place_too, unary

NO_INT16 = Lacks("LiteRT 2.3 has no kernel of 16-bit activations")

ACTIVATIONS = {
    "clamp": Op(
        "own",
        lambda a, m, x: torch.clamp(x, a["low"], a["high"]),
        aten={
            **in_place_too("clamp", "elementwise:clamp"),
            **in_place_too("hardtanh", "elementwise:clamp"),
            **in_place_too("hardsigmoid", "elementwise:hard_sigmoid"),
        },
        tflite=Tflite(
            (
                Operator("QUANTIZE", (1, 1, 2), "operators:quantize"),
                Operator("MAXIMUM", (1, 2, 3), Lacks("nobody puts a clamp of floats together again")),
                Operator("MINIMUM", (1, 2, 3), Lacks("nobody puts a clamp of floats together again")),
            ),
            "values:clamp",
        ),
        onnx=Onnx(("Clip",), "emit:clamp"),
        kernels=Kernels("builtin_unary:requantize", "xnnpack_unary:requantize"),
    ),
    "elu": Op(
        "own",
        unary(F.elu),
        aten=in_place_too("elu", "elementwise:elu"),
        tflite=Tflite((Operator("ELU", (1, 1, 1), edgetpu=False),), int16=NO_INT16),
        onnx=Onnx(("Elu",)),
        kernels=Kernels("builtin_unary:elu", "xnnpack_unary:elu"),
        keras=Keras("elu", "", nn.ELU),
    ),
    "gelu": Op(
        "own",
        lambda a, m, x: F.gelu(x, approximate=a["approximate"]),
        aten={"gelu": "elementwise:gelu"},
        tflite=Tflite((Operator("GELU", (1, 2, 2), "operators:gelu", edgetpu=False),), "values:gelu", int16=NO_INT16),
        onnx=Onnx(("Gelu",), attributes={"approximate": "approximate"}),
        kernels=Kernels("builtin_unary:gelu", "builtin_unary:gelu"),
        keras=Keras("gelu", "", nn.GELU),
    ),
    "hard_swish": Op(
        "own",
        unary(F.hardswish),
        aten=in_place_too("hardswish"),
        tflite=Tflite((Operator("HARD_SWISH", (1, 1, 1), edgetpu=False),), int16=NO_INT16),
        onnx=Onnx(("HardSwish",)),
        kernels=Kernels("builtin_unary:hard_swish", "builtin_unary:hard_swish"),  # XNNPACK has none: LiteRT's runs
        keras=Keras("hard_silu", "HardSilu", nn.Hardswish),
    ),
    "leaky_relu": Op(
        "own",
        lambda a, m, x: F.leaky_relu(x, a["slope"]),
        aten={**in_place_too("leaky_relu", "elementwise:leaky_relu"), "prelu": "elementwise:prelu"},
        tflite=Tflite(
            (Operator("LEAKY_RELU", (1, 2, 2), edgetpu=False),),
            options="LeakyReluOptions",
            attributes={"slope": "alpha"},
        ),
        onnx=Onnx(("LeakyRelu",), attributes={"slope": "alpha"}, fused=True),
        kernels=Kernels("builtin_unary:leaky_relu", "xnnpack_unary:leaky_relu"),
        keras=Keras("leaky_relu", "", lambda: nn.LeakyReLU(0.2)),
    ),
    "relu": Op(
        "own",
        unary(torch.relu),
        traits=frozenset({"homogeneous"}),
        aten={**in_place_too("relu", "elementwise:clamp"), **in_place_too("clamp_min", "elementwise:clamp")},
        tflite=Tflite((Operator("RELU", (1, 2, 2)),)),
        onnx=Onnx(("Relu",)),
        kernels=Kernels("builtin:relu", "builtin:relu", "onnxruntime:relu", "wide:relu"),
        keras=Keras("relu", "Relu", nn.ReLU),
    ),
    "relu6": Op(
        "own",
        lambda a, m, x: torch.clamp(x, 0, 6),
        aten=in_place_too("relu6", "elementwise:clamp"),
        tflite=Tflite((Operator("RELU6", (1, 2, 2)),)),
        onnx=Onnx(("Clip",), "emit:relu6"),
        kernels=Kernels("builtin:relu", "builtin:relu", "onnxruntime:relu", "wide:relu"),
        keras=Keras("relu6", "Relu6", nn.ReLU6),
    ),
    "sigmoid": Op(
        "fixed",
        unary(torch.sigmoid),
        fixed=(0.0, 255 / 256),
        aten={"sigmoid": ""},
        tflite=Tflite((Operator("LOGISTIC", (1, 2, 3)),)),
        onnx=Onnx(("Sigmoid",), fused=True),
        kernels=Kernels(
            "builtin_tables:sigmoid", "xnnpack_unary:sigmoid", "onnxruntime:sigmoid", "wide:sigmoid", "wide"
        ),
        keras=Keras("sigmoid", "Sigmoid", nn.Sigmoid),
    ),
    "softmax": Op(
        "fixed",
        lambda a, m, x: torch.softmax(x, 1),
        fixed=(0.0, 255 / 256),
        aten={"softmax": "elementwise:softmax"},
        tflite=Tflite((Operator("SOFTMAX", (1, 2, 3), "operators:softmax"),), "values:softmax"),
        onnx=Onnx(("Softmax",), fixed={"axis": 1}, fused=True),
        kernels=Kernels(
            "builtin_tables:softmax", "builtin_tables:softmax", "onnxruntime:softmax", "wide:softmax", "wide"
        ),
        keras=Keras("softmax", "", lambda: nn.Softmax(1)),
    ),
    "tanh": Op(
        "fixed",
        unary(torch.tanh),
        fixed=(-1.0, 127 / 128),
        aten={"tanh": ""},
        tflite=Tflite((Operator("TANH", (1, 2, 3)),)),
        onnx=Onnx(("Tanh",)),
        kernels=Kernels("builtin_unary:tanh", "xnnpack_unary:tanh"),
        keras=Keras("tanh", "Tanh", nn.Tanh),
    ),
}
