"""Functions of one value, and softmax."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .op import Keras, Kernels, Lacks, Onnx, Op, Operator, Tflite, unary

UNARY = Kernels("builtin_unary", "xnnpack_unary")
BUILTIN = Kernels("builtin_unary", "builtin_unary")  # XNNPACK has none: LiteRT's runs
RELU = Kernels("builtin:relu", "builtin:relu", "onnxruntime:relu", "wide:relu")
NO_INT16 = Lacks("LiteRT 2.3 has no kernel of 16-bit activations")
TAKEN_APART = Lacks("nobody puts a clamp of floats together again")

ACTIVATIONS = {
    "clamp": Op("own", lambda a, m, x: torch.clamp(x, a["low"], a["high"]),
        {"clamp clamp_ hardtanh hardtanh_": "elementwise", "hardsigmoid hardsigmoid_": "elementwise:hard_sigmoid"},
        Tflite((Operator("QUANTIZE", (1, 1, 2), "operators:quantize"),
            Operator("MAXIMUM", (1, 2, 3), TAKEN_APART), Operator("MINIMUM", (1, 2, 3), TAKEN_APART)), "values"),
        Onnx(("Clip",), "emit"), Kernels("builtin_unary:requantize", "xnnpack_unary:requantize")),
    "elu": Op("own", unary(F.elu), {"elu elu_": "elementwise"},
        Tflite((Operator("ELU", (1, 1, 1), edgetpu=False),), int16=NO_INT16),
        Onnx(("Elu",)), UNARY, keras=Keras("elu", "", nn.ELU)),
    "gelu": Op("own", lambda a, m, x: F.gelu(x, approximate=a["approximate"]), {"gelu": "elementwise"},
        Tflite((Operator("GELU", (1, 2, 2), "operators", edgetpu=False),), "values", int16=NO_INT16),
        Onnx(("Gelu",), attributes={"approximate": "approximate"}), BUILTIN, keras=Keras("gelu", "", nn.GELU)),
    "hard_swish": Op("own", unary(F.hardswish), {"hardswish hardswish_": ""},
        Tflite((Operator("HARD_SWISH", (1, 1, 1), edgetpu=False),), int16=NO_INT16),
        Onnx(("HardSwish",)), BUILTIN, keras=Keras("hard_silu", "HardSilu", nn.Hardswish)),
    "leaky_relu": Op("own", lambda a, m, x: F.leaky_relu(x, a["slope"]),
        {"leaky_relu leaky_relu_": "elementwise", "prelu": "elementwise:prelu"},
        Tflite((Operator("LEAKY_RELU", (1, 2, 2), edgetpu=False),), "", "LeakyReluOptions",
            attributes={"slope": "alpha"}),
        Onnx(("LeakyRelu",), attributes={"slope": "alpha"}, fused=True), UNARY,
        keras=Keras("leaky_relu", "", lambda: nn.LeakyReLU(0.2))),
    "relu": Op("own", unary(torch.relu), {"relu relu_ clamp_min clamp_min_": "elementwise:clamp"},
        Tflite((Operator("RELU", (1, 2, 2)),)),
        Onnx(("Relu",)), RELU, homogeneous=True, keras=Keras("relu", "Relu", nn.ReLU)),
    "relu6": Op("own", lambda a, m, x: torch.clamp(x, 0, 6), {"relu6 relu6_": "elementwise:clamp"},
        Tflite((Operator("RELU6", (1, 2, 2)),)),
        Onnx(("Clip",), "emit"), RELU, keras=Keras("relu6", "Relu6", nn.ReLU6)),
    "rsqrt": Op("own", unary(torch.rsqrt), {"layer_norm": "layers:layer_norm"},
        Tflite((Operator("RSQRT", (1, 2, 3)),), int16=Lacks("its kernel has 16 bits wrong")),
        Onnx(("Sqrt", "Reciprocal"), "emit", Lacks("it reads LayerNormalization, which needs them")), BUILTIN),
    "sigmoid": Op("fixed", unary(torch.sigmoid), {"sigmoid": ""},
        Tflite((Operator("LOGISTIC", (1, 2, 3)),)),
        Onnx(("Sigmoid",), fused=True),
        Kernels("builtin_tables", "xnnpack_unary", "onnxruntime", "wide", executorch="wide"),
        fixed=(0.0, 255 / 256), keras=Keras("sigmoid", "Sigmoid", nn.Sigmoid)),
    "softmax": Op("fixed", lambda a, m, x: torch.softmax(x, 1), {"softmax": "elementwise"},
        Tflite((Operator("SOFTMAX", (1, 2, 3), "operators"),), "values"),
        Onnx(("Softmax",), fixed={"axis": 1}, fused=True),
        Kernels("builtin_tables", "builtin_tables", "onnxruntime", "wide", executorch="wide"),
        fixed=(0.0, 255 / 256), keras=Keras("softmax", "", lambda: nn.Softmax(1))),
    "tanh": Op("fixed", unary(torch.tanh), {"tanh": ""},
        Tflite((Operator("TANH", (1, 2, 3)),)),
        Onnx(("Tanh",)), UNARY, fixed=(-1.0, 127 / 128), keras=Keras("tanh", "Tanh", nn.Tanh)),
}  # fmt: skip
