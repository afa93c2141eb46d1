"""What an ONNX file stores: initializers and Constant nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core.arrays import Array
from ....core.errors import BadModel
from .site import OnnxNode
from .sizes import narrowed


def initializers(graph: Any, name: str) -> dict[str, Array]:
    """By name. 16-bit and 64-bit floats become float32. Raises BadModel for sparse ones."""
    import onnx

    if graph.sparse_initializer:
        raise BadModel(
            f"{name} stores {len(graph.sparse_initializer)} sparse tensors; dense ones were expected."
            " Export it without."
        )
    return {t.name: narrowed(onnx.numpy_helper.to_array(t)) for t in graph.initializer}


def constant(site: OnnxNode) -> Array:
    """Of a Constant node. Raises BadModel."""
    import onnx

    found = {n: site.get(n) for n, entry in site.entries.items() if entry.fate == "read"}
    given = {n: v for n, v in found.items() if v is not None}
    if len(given) != 1:
        site.refuse(f"has {len(given)} values", "one")
    ((kind, value),) = given.items()
    if kind == "value":
        return narrowed(onnx.numpy_helper.to_array(value))
    return np.asarray(value, np.float32 if "float" in kind else np.int64)
