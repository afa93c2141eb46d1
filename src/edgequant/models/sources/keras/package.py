"""Keras 3 on its torch backend: the one place that imports it."""

from __future__ import annotations

import os
import sys
from typing import Any

from ....core.errors import BadModel
from ....core.extras import need


def import_keras() -> Any:
    """The package, on the torch backend; TensorFlow is never asked for.

    Raises MissingExtra where it is not installed, BadModel where this process already runs it on another backend.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"  # Keras reads it once, while it is imported
    keras = need("keras", "keras", "A Keras model")
    if keras.config.backend() != "torch":
        raise BadModel(
            f"Keras runs on {keras.config.backend()} in this process; edgequant reads Keras models on its torch"
            " backend. Set KERAS_BACKEND=torch before Keras is imported."
        )
    return keras


def is_keras(network: Any) -> bool:
    """Whether it is a Keras model; known without importing Keras, which its maker must have done."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(network, getattr(keras, "Model", ()))


def graph_of(model: Any) -> Any:
    """The Functional graph of a model. Raises BadModel for one that only its code knows."""
    graph = getattr(model, "_functional", None) or model
    if not hasattr(graph, "_nodes_by_depth"):
        raise BadModel(
            f"{type(model).__name__} is a subclassed Keras model, or it was never built: it holds no graph of layers."
            " Build it as a Sequential or Functional model (keras.Model(inputs, outputs))."
        )
    return graph
