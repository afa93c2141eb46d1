"""The float network in TensorFlow, for a converter that takes nothing else: float.onnx, node by node, channels last.

It stands for the TensorFlow or Keras code that a user of that converter has, so its lines are not counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf


def function(path: Path) -> tf.Module:
    """A module whose `__call__` takes (1, H, W, C) float32. Raises KeyError for an operator without a row below."""
    graph = onnx.load(path).graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    _, c, h, w = (side.dim_value for side in graph.input[0].type.tensor_type.shape.dim)
    module = tf.Module()
    module.call = tf.function(
        lambda image: run(graph, constants, image), input_signature=[tf.TensorSpec((1, h, w, c), tf.float32)]
    )
    return module


def run(graph: onnx.GraphProto, constants: dict[str, np.ndarray], image: tf.Tensor) -> tf.Tensor:
    values: dict[str, Any] = {**constants, graph.input[0].name: image}
    for node in graph.node:
        told = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values[node.output[0]] = OPERATORS[node.op_type](told, *(values[name] for name in node.input))
    return tf.identity(values[graph.output[0].name], "scores")


def conv(told: dict[str, Any], x: tf.Tensor, weight: np.ndarray, bias: np.ndarray) -> tf.Tensor:
    kernel, strides = weight.transpose(2, 3, 1, 0), list(told["strides"])
    x, padding = padded(x, told, strides)
    if told["group"] == 1:
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides, padding), bias)
    kernel = weight.transpose(2, 3, 0, 1)
    return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], padding), bias)


def padded(x: tf.Tensor, told: dict[str, Any], strides: list[int]) -> tuple[tf.Tensor, str]:
    """TensorFlow's own padding where it is that; else zeros around the image first."""
    top, left, bottom, right = told["pads"]
    if not any(told["pads"]):
        return x, "VALID"
    sides = zip(x.shape[1:3], told["kernel_shape"], strides)
    total = [max(0, (-(-size // stride) - 1) * stride + kernel - size) for size, kernel, stride in sides]
    if [top, left, bottom, right] == [total[0] // 2, total[1] // 2, -(-total[0] // 2), -(-total[1] // 2)]:
        return x, "SAME"
    return tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]]), "VALID"


def clip(_: dict[str, Any], x: tf.Tensor, low: np.ndarray, high: np.ndarray) -> tf.Tensor:
    assert (float(low), float(high)) == (0.0, 6.0)
    return tf.nn.relu6(x)


OPERATORS = {
    "Conv": conv,
    "Clip": clip,
    "Relu": lambda _, x: tf.nn.relu(x),
    "Add": lambda _, x, y: x + y,
    "ReduceMean": lambda _, x, axes: tf.reduce_mean(x, [1, 2]),
    "Gemm": lambda _, x, weight, bias: tf.nn.bias_add(tf.matmul(x, weight.T), bias),
}
