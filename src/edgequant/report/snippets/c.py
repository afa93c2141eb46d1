"""The same in C: LiteRT's C API for a .tflite, ONNX Runtime's C++ API for an .onnx."""

from __future__ import annotations

from .usage import Usage

C_TYPES = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "float32": "float"}

_LITERT = """\
#include "tensorflow/lite/c/c_api.h"

TfLiteModel* model = TfLiteModelCreateFromFile({name});
TfLiteInterpreterOptions* options = TfLiteInterpreterOptionsCreate();
TfLiteInterpreter* interpreter = TfLiteInterpreterCreate(model, options);
TfLiteInterpreterAllocateTensors(interpreter);
TfLiteTensor* image = TfLiteInterpreterGetInputTensor(interpreter, 0);
TfLiteTensorCopyFromBuffer(image, pixels, TfLiteTensorByteSize(image));  // {type} pixels{sides}: {meaning}
TfLiteInterpreterInvoke(interpreter);
const TfLiteTensor* output = TfLiteInterpreterGetOutputTensor(interpreter, 0);
TfLiteTensorCopyToBuffer(output, scores, TfLiteTensorByteSize(output));  // {out} scores[]: the largest is the class
"""

_ONNX = """\
#include <onnxruntime_cxx_api.h>

Ort::Env env;
Ort::Session session(env, {name}, Ort::SessionOptions{{}});
Ort::AllocatorWithDefaultOptions allocator;
auto input = session.GetInputNameAllocated(0, allocator), output = session.GetOutputNameAllocated(0, allocator);
const char *inputs[] = {{input.get()}}, *outputs[] = {{output.get()}};
const int64_t shape[] = {{{shape}}};
auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
auto image = Ort::Value::CreateTensor<{type}>(memory, pixels, {count}, shape, 4);  // {meaning}
auto answer = session.Run(Ort::RunOptions{{nullptr}}, inputs, &image, 1, outputs, 1);
const {out}* scores = answer[0].GetTensorData<{out}>();  // the largest is the class
"""


def c_text(use: Usage) -> str:
    """Empty where the size of the image is not known."""
    if use.shape is None:
        return ""
    count = 1
    for side in use.shape:
        count *= side
    return (_LITERT if use.suffix == ".tflite" else _ONNX).format(
        name='"' + use.name.replace("\\", "\\\\").replace('"', '\\"') + '"',
        type=C_TYPES[use.type],
        out=C_TYPES[use.output],
        sides="".join(f"[{side}]" for side in use.shape[1:]),
        shape=", ".join(map(str, use.shape)),
        count=count,
        meaning=meaning(use),
    )


def meaning(use: Usage) -> str:
    """What a value of the input is, in words."""
    colours = use.order.upper() if use.channels == 3 else "grey"
    if use.raw:
        return f"{colours} bytes 0..255" + (" less 128" if use.type == "int8" else " as the camera gives them")
    real = f"({colours} byte / 255 - {_numbers(use.mean)}) / {_numbers(use.std)}"
    if use.type == "float32":
        return real
    scale, zero_point = use.grid
    return f"round({real} / {scale:.9g}) + {zero_point}"


def _numbers(values: tuple[float, ...]) -> str:
    shown = list(dict.fromkeys(f"{value:.7g}" for value in values))
    return shown[0] if len(shown) == 1 else "{" + ", ".join(f"{value:.7g}" for value in values) + "}"
