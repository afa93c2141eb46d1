"""Constants and sizes: what a graph computes without the image's values.

Nodes on stored constants are computed once, by ONNX's own reference. So are nodes on sizes (Shape and what
follows), as long as they are numbers; while torch.export captures, the number of images is a symbol, and the few
operations that exporters put around a Reshape are done on symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from ....core.arrays import Array

SYMBOLIC_INTEGERS = (6, 7)  # Cast to int32 and int64


@final
@dataclass(frozen=True)
class Sizes:
    """`values`: an array of numbers, or of objects where one of them is a symbol."""

    values: Array

    def concrete(self) -> Array | None:
        """The numbers; None where one is a symbol."""
        return None if self.values.dtype == object else self.values

    def parts(self) -> list[Any]:
        return [v if isinstance(v, torch.SymInt) else int(v) for v in self.values.reshape(-1)]


def sizes(values: Any) -> Sizes:
    """int64 where all are integers."""
    array = np.asarray(values, object)
    if any(isinstance(v, torch.SymInt) for v in array.reshape(-1)):
        return Sizes(array)
    return Sizes(array.astype(np.int64))


def narrowed(array: Array) -> Array:
    """16-bit and 64-bit floats become float32: all networks compute in it here."""
    return array.astype(np.float32) if array.dtype in (np.float16, np.float64) else array


class Reference:
    """A node by ONNX's reference implementation. Raises whatever that raises."""

    def __init__(self, node: Any, opset: int) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        names = list(dict.fromkeys(name for name in node.input if name))
        graph = onnx.helper.make_graph(
            [node],
            "node",
            [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in names],
            [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in node.output if name],
        )
        imports = [onnx.helper.make_opsetid("", opset)]
        self.names, self.evaluator = (
            node.input,
            ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=imports)),
        )

    def __call__(self, *values: Array | None) -> tuple[Array, ...]:
        feeds = {name: value for name, value in zip(self.names, values) if name}
        return tuple(narrowed(np.asarray(made)) for made in self.evaluator.run(None, feeds))


def symbolic(site: Any, *values: Any) -> Sizes:
    """A node on sizes of which one is a symbol. Raises BadModel for all but int64 arithmetic and moves."""
    kind, given = site.node.op_type, [v.values if isinstance(v, Sizes) else v for v in values]
    if kind not in _SYMBOLIC or any(v is not None and v.dtype.kind not in "iO" for v in given):
        site.refuse("computes with the number of images", "integer arithmetic on it, or none")
    return sizes(_SYMBOLIC[kind](site, *given))


def _divided(site: Any, x: Array, y: Array) -> Any:
    """ONNX cuts towards zero, Python towards minus infinity; sizes are not negative."""
    if y.dtype == object or (y <= 0).any() or (x.dtype != object and (x < 0).any()):
        site.refuse("divides by the number of images, or by what is not positive", "a positive constant")
    return np.asarray(x, object) // np.asarray(y, object)


def _sliced(site: Any, x: Array, *bounds: Array | None) -> Any:
    begin, end, axes, steps = (*bounds, None, None, None, None)[:4]
    starts = site.get("starts") if begin is None else site.ints(begin)
    ends = site.get("ends") if end is None else site.ints(end)
    if x.ndim != 1 or (axes is not None and site.ints(axes) not in ([0], [-1])):
        site.refuse("slices sizes that are no list", "a list of sizes")
    return x[starts[0] : ends[0] : 1 if steps is None else site.ints(steps)[0]]


def _cast(site: Any, x: Array) -> Any:
    if site.get("to") not in SYMBOLIC_INTEGERS:
        site.refuse("computes floats with the number of images", "integers")
    return x


def _axes(site: Any, axes: Array | None) -> list[int]:
    return list(site.get("axes") or []) if axes is None else list(site.ints(axes))


def _unsqueezed(site: Any, x: Array, axes: Array | None = None) -> Any:
    return np.expand_dims(x, tuple(_axes(site, axes)))


def _squeezed(site: Any, x: Array, axes: Array | None = None) -> Any:
    return np.squeeze(x, tuple(_axes(site, axes)) or None)


_SYMBOLIC: dict[str, Callable[..., Any]] = {
    "Add": lambda site, x, y: np.asarray(x, object) + np.asarray(y, object),
    "Cast": _cast,
    "Concat": lambda site, *xs: np.concatenate([np.asarray(x, object) for x in xs], site.get("axis")),
    "Div": _divided,
    "Gather": lambda site, x, where: np.asarray(np.take(x, where, site.get("axis")), object),
    "Identity": lambda site, x: x,
    "Mul": lambda site, x, y: np.asarray(x, object) * np.asarray(y, object),
    "Reshape": lambda site, x, shape: x.reshape(site.ints(shape)),
    "Slice": _sliced,
    "Squeeze": _squeezed,
    "Sub": lambda site, x, y: np.asarray(x, object) - np.asarray(y, object),
    "Unsqueeze": _unsqueezed,
}
