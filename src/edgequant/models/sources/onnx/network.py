"""An ONNX graph as a PyTorch module: its nodes in order, each as torch computes it.

Capture then sees what it sees of any module, so that folding, fusing and refusing are done in one place. Layers
with weights are modules under the names of their weights, as exporters write them (`features.0.weight`), or of
their nodes. Nodes on stored constants are computed once; sizes that a graph computes (Shape, Gather, Concat) are
followed as numbers, not as tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ....core.errors import BadModel, EdgequantError
from ....core.foreign import said
from .constants import constant, initializers
from .layers import LAYERS
from .operators import ANY_PLACE, FLOATS, OPERATORS, type_name
from .site import TRIED, Compute, OnnxNode, Shapes, Value
from .sizes import Reference, Sizes, symbolic
from .table import NEWEST, OLDEST, TABLE

HEAD = [0, 3, 1, 2]  # of a Transpose at the head of a graph whose images are (N, H, W, C)
STANDARD = ("", "ai.onnx")  # names of the domain of ONNX's own operators


class OnnxNetwork(nn.Module):
    """float32 (N, C, H, W) in, whatever the file's layout. `name` is the file's, for messages.

    Reads what the file says, or raises BadModel naming the node. A file for a fixed number of images computes the
    same for any number of them.
    """

    def __init__(self, model: Any, name: str) -> None:
        super().__init__()
        self.name, graph = name, model.graph
        self.opset = _opset(model, name)
        self.known = initializers(graph, name)
        source = image_input(graph, name)
        self.source, self.result = str(source.name), _only_output(graph, name)
        shape = _stated(source, name)
        self.turned = [str(n.output[0]) for n in graph.node if _is_head(n, self.source, graph)]
        self.shapes = Shapes(shape[0] or None)
        self.steps = [step for i, n in enumerate(graph.node) if (step := self._step(n, i, model.functions)) is not None]
        self._try(shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._values(x)[self.result]  # type: ignore[no-any-return]

    def tensors(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every tensor that comes from the image, in the order of the nodes, by its name in the file.

        Images (N, C, H, W) even where the file's own input is (N, H, W, C).
        """
        named = self._values(x).items()
        return {name: v for name, v in named if isinstance(v, torch.Tensor) and name != self.source}

    def _values(self, x: torch.Tensor) -> dict[str, Value]:
        values: dict[str, Value] = {**self.known, self.source: x, **dict.fromkeys(self.turned, x), "": None}
        for run, node in self.steps:
            with self._naming(node):
                made = run(*(values[i] for i in node.input))
            values.update(zip(node.output, made if isinstance(made, tuple) else (made,)))
        return values

    def _step(self, node: Any, index: int, functions: Any) -> tuple[Compute, Any] | None:
        """What runs a node; None where it is computed already. A layer with weights becomes a module of this one."""
        if node.output and node.output[0] in self.turned:
            return None
        self._check_known(node, index, functions)
        site = OnnxNode(self, self.known, self.shapes, self.name, node, index, self.opset)
        if node.op_type == "Constant":
            self.known[node.output[0]] = constant(site)
            return None
        inputs = [i for i in node.input if i]
        if inputs and all(i in self.known for i in inputs):
            with self._naming(node):
                self.known.update(zip(node.output, Reference(node, self.opset)(*map(self.known.get, node.input))))
            return None
        prepare = LAYERS.get(node.op_type) or OPERATORS[node.op_type]
        return _dispatched(site, prepare(site)), node

    def _check_known(self, node: Any, index: int, functions: Any) -> None:
        title = node.name or f"{node.op_type.lower()}_{index}"
        own = any((f.domain, f.name) == (node.domain, node.op_type) for f in functions)
        if node.op_type in TABLE and node.domain in STANDARD and not own:
            return
        if "Quantize" in node.op_type or "Integer" in node.op_type or node.op_type.startswith("QLinear"):
            raise BadModel(
                f"{self.name} is quantized already ({node.op_type}); a network to start from is a float one. Give the"
                " float .onnx it was made of; evaluate, benchmark and inspect take this file."
            )
        kind = node.op_type if node.domain in STANDARD and not own else f"{node.domain or 'its own'}.{node.op_type}"
        raise BadModel(
            f"{self.name}: the operator {kind} (node {title!r}) is not among those that edgequant reads:"
            f" {', '.join(sorted(TABLE))}. Export the model without it."
        )

    def _try(self, shape: tuple[int, ...]) -> None:
        """One run on zeros, as the file states its input: whatever cannot be computed is refused by its node.

        The shapes of all tensors are kept.
        """
        self._check_made()
        images, *rest = shape
        size = [images or TRIED, *([rest[2], *rest[:2]] if self.turned else rest)]
        with torch.no_grad():
            values = self._values(torch.zeros(size, dtype=torch.float32, device="cpu"))
        if not isinstance(values[self.result], torch.Tensor):
            raise BadModel(f"{self.name}: the output {self.result!r} does not follow the image. Give a network.")
        self.shapes.known.update({k: tuple(v.shape) for k, v in values.items() if isinstance(v, torch.Tensor)})

    def _check_made(self) -> None:
        """Raises BadModel where a node, or the output, wants what no node before it makes."""
        made = {*self.known, self.source, *self.turned, ""}
        for _, node in self.steps:
            self._check_among(made, f"the node {node.name or node.op_type!r} reads", list(node.input))
            optional = TABLE[node.op_type].results
            made.update(list(node.output)[:1] if optional else node.output)
        self._check_among(made, "its output is", [self.result])

    def _check_among(self, made: set[str], what: str, names: list[str]) -> None:
        missing = [name for name in names if name not in made]
        if missing:
            raise BadModel(
                f"{self.name}: {what} {missing[0]!r}, which no node before it makes, or which is an optional result"
                " that edgequant does not compute. Export the network without it."
            )

    @contextmanager
    def _naming(self, node: Any) -> Iterator[None]:
        try:
            yield
        except EdgequantError:
            raise
        except Exception as error:  # torch and ONNX's reference raise what they like on what they cannot compute
            raise BadModel(
                f"{self.name}: the node {node.name or node.output[0]!r} ({node.op_type}) cannot be computed:"
                f" {said(error)}. A network that runs as it is was expected; export it again."
            ) from error


def _dispatched(site: OnnxNode, on_tensors: Compute) -> Compute:
    """On tensors as torch computes it; on sizes as ONNX's reference does, or with symbols."""
    reference: list[Reference] = []

    def run(*values: Value) -> Value:
        if any(isinstance(v, torch.Tensor) for v in values):
            if not isinstance(values[0], torch.Tensor) and site.node.op_type not in ANY_PLACE:
                site.refuse("takes what comes from the image behind its first input", "the image first")
            return on_tensors(*values)
        numbers = [v.concrete() if isinstance(v, Sizes) else v for v in values]
        if any(n is None and v is not None for n, v in zip(numbers, values)):
            return symbolic(site, *values)
        if not reference:
            reference.append(Reference(site.node, site.opset))
        made = tuple(Sizes(np.asarray(m)) for m in reference[0](*numbers))
        return made if len(made) > 1 else made[0]

    return run


def _opset(model: Any, name: str) -> int:
    found = int(next((o.version for o in model.opset_import if o.domain in STANDARD), 1))
    if not OLDEST <= found <= NEWEST:
        raise BadModel(
            f"{name} is written in opset {found} of ONNX; {OLDEST} to {NEWEST} are read. Export it with one of those,"
            " or convert it by onnx.version_converter."
        )
    return found


def image_input(graph: Any, name: str) -> Any:
    """The one input that is no stored constant. Raises BadModel."""
    stored = {t.name for t in graph.initializer}
    found = [i for i in graph.input if i.name not in stored]
    if len(found) != 1:
        raise BadModel(f"{name} has {len(found)} inputs; one was expected, an image (N, C, H, W).")
    kind = found[0].type.tensor_type.elem_type
    if kind not in FLOATS:
        raise BadModel(
            f"{name} takes {type_name(kind)}; {', '.join(FLOATS.values())} images were expected."
            " Export it without the Cast or the scaling at its head."
        )
    return found[0]


def image_shape(model: Any, name: str) -> tuple[int, int, int]:
    """(C, H, W), with 0 for a height or width that the file leaves open. Raises BadModel where it takes no image."""
    graph = model.graph
    source = image_input(graph, name)
    sizes = [max(int(d.dim_value), 0) for d in source.type.tensor_type.shape.dim]
    last = any(_is_head(node, source.name, graph) for node in graph.node)
    if len(sizes) != 4 or not sizes[3 if last else 1]:
        raise _no_image(name, sizes)
    return (sizes[3], sizes[1], sizes[2]) if last else (sizes[1], sizes[2], sizes[3])


def sized(model: Any, shape: tuple[int, int, int], name: str) -> Any:
    """`model` itself, whose open height and width are now those of `shape` (C, H, W)."""
    source = image_input(model.graph, name)
    last = any(_is_head(node, source.name, model.graph) for node in model.graph.node)
    dims = source.type.tensor_type.shape.dim
    for dim, size in zip(list(dims)[1 if last else 2 :], shape[1:]):
        if dim.dim_value < 1:
            dim.dim_value = size
    return model


def _stated(source: Any, name: str) -> tuple[int, ...]:
    """The input's shape, 0 for any number of images. Raises BadModel where another dimension is open."""
    sizes = [int(d.dim_value) for d in source.type.tensor_type.shape.dim]
    if not sizes or min(sizes[1:], default=1) < 1:
        raise _no_image(name, sizes)
    return (max(sizes[0], 0), *sizes[1:])


def _no_image(name: str, sizes: list[int]) -> BadModel:
    return BadModel(f"{name} takes {sizes}; images (N, C, H, W) of one size were expected. Export it with fixed sizes.")


def _is_head(node: Any, source: str, graph: Any) -> bool:
    """Whether a node turns images (N, H, W, C) to (N, C, H, W), and is all that reads the image."""
    if node.op_type != "Transpose" or node.domain not in STANDARD or node.input[0] != source:
        return False
    order = [list(a.ints) for a in node.attribute if a.name == "perm"]
    readers = sum(list(n.input).count(source) for n in graph.node)
    return order == [HEAD] and readers == 1 and all(o.name != source for o in graph.output)


def _only_output(graph: Any, name: str) -> str:
    if len(graph.output) != 1:
        raise BadModel(f"{name} has {len(graph.output)} outputs; one was expected, the class scores.")
    return str(graph.output[0].name)
