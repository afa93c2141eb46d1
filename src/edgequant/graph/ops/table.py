"""The one op table: all that is known of an operation beside the code of formats and kernels, which a row names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .activations import ACTIVATIONS
from .moves import MOVES
from .op import COMPUTED, PLAIN, Kernels, Lacks, Name, Op, Operator, named
from .pools import POOLS
from .products import PRODUCTS
from .sums import SUMS

OPS: dict[str, Op] = dict(sorted({**ACTIVATIONS, **MOVES, **POOLS, **PRODUCTS, **SUMS}.items()))

FAMILIES = ("builtin", "xnnpack", "onnxruntime", "wide", "executorch")


def kernels(family: str) -> dict[str, Callable[..., Any]]:
    """Row -> function of a family of kernels, without the products. Loads the files that it names."""
    cells = {kind: vars(row.kernels)[family] for kind, row in OPS.items() if isinstance(row.kernels, Kernels)}
    return {
        kind: named("kernels", f"{family}:{COMPUTED}" if cell == COMPUTED else cell, kind)
        for kind, cell in cells.items()
    }


def tflite_operators() -> dict[str, tuple[str, Operator]]:
    """TensorFlow Lite's name -> the first row that has it, and what the rows say of it."""
    return {o.name: (kind, o) for kind, row in reversed(OPS.items()) for o in row.tflite.operators}


def cells(kind: str) -> dict[str, dict[str, Name]]:
    """Column -> what it is for -> what the row says: code, PLAIN, COMPUTED, or why there is none."""
    row, kernels = OPS[kind], OPS[kind].kernels
    nodes, coral = " ".join(row.onnx.nodes), Lacks("not in Coral's list of operators")
    return {
        "aten": {"": row.aten} if isinstance(row.aten, Lacks) else {**row.aten},
        "tflite write": {"": row.tflite.write},
        "tflite read": {o.name: o.read for o in row.tflite.operators},
        "edgetpu": {o.name: "yes" if o.edgetpu else coral for o in row.tflite.operators},
        "onnx write": {nodes: row.onnx.write or row.onnx.integers},
        "onnx read": {nodes: row.onnx.read or PLAIN},
        **{f: {"": kernels if isinstance(kernels, Lacks) else vars(kernels)[f]} for f in FAMILIES},
    }


def matrix() -> str:
    """Every cell, in markdown."""
    rows = [("operation", *cells("add")), ("---",) * (1 + len(cells("add")))]
    rows += [(f"`{kind}`", *map(_cell, cells(kind).values())) for kind in OPS]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(cell: dict[str, Name]) -> str:
    said: dict[str, list[str]] = {}
    for what, name in cell.items():
        said.setdefault(f"none: {name.why}" if isinstance(name, Lacks) else name or "plain", []).append(what)
    return "; ".join(" ".join([*whats, text]).strip() for text, whats in said.items())
