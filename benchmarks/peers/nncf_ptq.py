"""NNCF's post-training quantization of the ONNX model, with all 500 images instead of its default of 300.

https://docs.openvino.ai/2025/openvino-workflow/model-optimization-guide/quantizing-models-post-training/basic-quantization-flow.html
"""

from pathlib import Path

import nncf
import numpy as np
import onnx

PACKAGES = ("nncf", "onnx", "onnxruntime")


def make(folder: Path) -> Path:
    x = np.load(folder / "calibration.npz")["x"]
    dataset = nncf.Dataset(x, lambda one: {"image": one[None]})
    quantized = nncf.quantize(onnx.load(folder / "float.onnx"), dataset, subset_size=len(x))
    onnx.save(quantized, folder / "nncf_ptq.onnx")
    return folder / "nncf_ptq.onnx"
