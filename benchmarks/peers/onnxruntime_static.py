"""ONNX Runtime's `quantize_static`: S8S8, QDQ, per-channel weights, behind `quant_pre_process`, as its guide advises.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

PACKAGES = ("onnxruntime", "onnx")


class Images(CalibrationDataReader):
    def __init__(self, x: np.ndarray) -> None:
        self.feeds = iter([{"image": one[None]} for one in x])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def make(folder: Path) -> Path:
    ready, made = folder / "preprocessed.onnx", folder / "onnxruntime_static.onnx"
    quant_pre_process(folder / "float.onnx", ready)
    quantize_static(
        ready,
        made,
        Images(np.load(folder / "calibration.npz")["x"]),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    return made
