"""TensorFlow's own TFLite converter: full integer, int8 in and out.

https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_integer_quant
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from onnx_in_tensorflow import function

PACKAGES = ("tensorflow-cpu", "onnx")


def make(folder: Path) -> Path:
    made = folder / "tensorflow_converter.tflite"
    x = np.load(folder / "calibration.npz")["x"].transpose(0, 2, 3, 1)
    module = function(folder / "float.onnx")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[None]] for one in x)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    made.write_bytes(converter.convert())
    return made
