"""litert-quantizer's static recipe `static_wi8_ai8` on the .tflite that litert-torch wrote.

https://github.com/google-ai-edge/LiteRT/tree/main/litert_quantizer
"""

from pathlib import Path

import numpy as np
from litert_quantizer import quantizer, recipe

PACKAGES = ("litert-quantizer", "ai-edge-litert")


def make(folder: Path) -> Path:
    made = folder / "litert_quantizer_static.tflite"
    x = np.load(folder / "calibration.npz")["x"].transpose(0, 2, 3, 1)
    session = quantizer.Quantizer(str(folder / "float.tflite"), recipe.static_wi8_ai8())
    ranges = session.calibrate({"serving_default": [{"args_0": np.ascontiguousarray(one[None])} for one in x]})
    session.quantize(ranges).export_model(str(made), overwrite=True)
    return made
