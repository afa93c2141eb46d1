"""An ONNX graph as a PyTorch module: its nodes in order, each as torch computes it.

Capture then sees what it sees of any module, so that folding, fusing and refusing are done in one place. Layers
with weights are modules under the names of their weights, as exporters write them (`features.0.weight`), or of
their nodes. Sizes that a graph computes (Shape, Gather, Concat) are followed as numbers, not as tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ..core.errors import BadModel
from ..core.interfaces import Array
from .onnx_layers import LAYERS
from .onnx_operators import OPERATORS
from .onnx_site import Run, Site, Value

HEAD = (0, 3, 1, 2)  # of a Transpose at the head of a graph whose images are (N, H, W, C)


class OnnxNetwork(nn.Module):
    """float32 (N, C, H, W) in, whatever the file's layout. `name` is the file's, for messages."""

    def __init__(self, model: Any, name: str) -> None:
        super().__init__()
        self.name, graph = name, model.graph
        self.known = constants(graph)
        self.opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
        self.source = image_input(graph, name).name
        self.result = _only_output(graph, name)
        nodes = [node for node in graph.node if not _is_head(node, self.source, graph)]
        self.renamed = {n.output[0]: self.source for n in graph.node if _is_head(n, self.source, graph)}
        self.steps = [(self._prepare(node, i), _names(node.input, self.renamed), node) for i, node in enumerate(nodes)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values: dict[str, Value] = {**self.known, self.source: x, "": None}
        for run, inputs, node in self.steps:
            made = run(*(values[i] for i in inputs))
            values.update(zip(node.output, made if isinstance(made, tuple) else (made,)))
        return values[self.result]  # type: ignore[no-any-return]

    def _prepare(self, node: Any, index: int) -> Run:
        """What runs a node; a layer with weights becomes a module of this one."""
        site = Site(self, self.known, self.name, node, index, self.opset)
        if node.op_type in LAYERS:
            return LAYERS[node.op_type](site)
        if node.op_type in OPERATORS and node.domain in ("", "ai.onnx"):
            return OPERATORS[node.op_type](site)
        if "Quantize" in node.op_type or "Integer" in node.op_type or node.op_type.startswith("QLinear"):
            raise BadModel(
                f"{self.name} is quantized already ({node.op_type}); a network to start from is a float one. Give the"
                " float .onnx it was made of; evaluate, benchmark and inspect take this file."
            )
        known = sorted({*LAYERS, *OPERATORS})
        raise BadModel(
            f"{self.name}: the operator {node.op_type} (node {site.title!r}) is not among those that edgequant reads:"
            f" {', '.join(known)}. Export the model without it."
        )


def constants(graph: Any) -> dict[str, Array]:
    """What the file stores, by name: initializers and Constant nodes. 16-bit floats become float32."""
    import onnx

    stored = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            stored[node.output[0]] = np.asarray(_constant(node))
    return {k: v.astype(np.float32) if v.dtype in (np.float16, np.float64) else v for k, v in stored.items()}


def _constant(node: Any) -> Any:
    import onnx

    attribute = node.attribute[0]
    value = onnx.helper.get_attribute_value(attribute)
    return onnx.numpy_helper.to_array(value) if attribute.name == "value" else value


def image_input(graph: Any, name: str) -> Any:
    """The one input that is no stored constant. Raises BadModel."""
    stored = {t.name for t in graph.initializer}
    found = [i for i in graph.input if i.name not in stored]
    if len(found) != 1:
        raise BadModel(f"{name} has {len(found)} inputs; one was expected, an image (N, C, H, W).")
    return found[0]


def image_shape(model: Any, name: str) -> tuple[int, int, int]:
    """(C, H, W). Raises BadModel where the file does not say it."""
    graph = model.graph
    source = image_input(graph, name)
    sizes = [d.dim_value for d in source.type.tensor_type.shape.dim]
    if len(sizes) != 4 or min(sizes[1:]) < 1:
        raise BadModel(
            f"{name} takes {sizes}; images (N, C, H, W) of one size were expected. Export it with fixed sizes."
        )
    last = any(_is_head(node, source.name, graph) for node in graph.node)
    return (sizes[3], sizes[1], sizes[2]) if last else (sizes[1], sizes[2], sizes[3])


def _is_head(node: Any, source: str, graph: Any) -> bool:
    """Whether a node turns images (N, H, W, C) to (N, C, H, W), and is all that reads the image."""
    if node.op_type != "Transpose" or node.input[0] != source:
        return False
    order = tuple(node.attribute[0].ints) if node.attribute else ()
    return order == HEAD and sum(source in n.input for n in graph.node) == 1


def _only_output(graph: Any, name: str) -> str:
    if len(graph.output) != 1:
        raise BadModel(f"{name} has {len(graph.output)} outputs; one was expected, the class scores.")
    return str(graph.output[0].name)


def _names(inputs: Any, renamed: dict[str, str]) -> tuple[str, ...]:
    return tuple(renamed.get(i, i) for i in inputs)
